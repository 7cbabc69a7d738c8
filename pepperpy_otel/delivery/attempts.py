"""One attempt to bring a request to its destination: whole, and where that fails in parts.

A request that is too large is halved until its parts fit. One that is refused as bad is halved to
find what is bad in it, within a budget, so that one poisonous item costs itself and not the 511
others. What a server refuses wholly is not searched through twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.delivery.outcome import TOO_LARGE, Outcome, one_line
from pepperpy_otel.delivery.splitting import Part, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.destination import OtlpSender

#: Requests beyond the way down to one item and back that a batch in which nothing is accepted
#: may cost.
SPARE_REQUESTS = 4


class Progress:
    """How far an attempt has come.

    Attributes:
        delivered: Items that the destination has.
        lost: Items that are lost, by reason.
        error: The first thing that went wrong, in one line.
        failure: The outcome that says to try again later, if there is one.
        rest: What is to be tried again then.
        divided: Whether the request was sent in parts.
    """

    def __init__(self) -> None:
        self.delivered = 0
        self.lost: dict[str, int] = {}
        self.error: str | None = None
        self.failure: Outcome | None = None
        self.rest: list[Part] = []
        self.divided = False

    def take(self, items: int, outcome: Outcome) -> None:
        """Enter the final ``outcome`` of ``items`` items; the numbers are made to fit."""
        delivered = min(outcome.delivered, items)
        rejected = min(outcome.rejected, items - delivered)
        unencodable = min(outcome.unencodable, items - delivered - rejected)
        self.delivered += delivered
        self.lose("rejected", rejected)
        self.lose("unencodable", unencodable)
        self.lose(outcome.reason, items - delivered - rejected - unencodable)
        self.remark(outcome.error)

    def lose(self, reason: str, items: int) -> None:
        """Enter lost items."""
        if items:
            self.lost[reason] = self.lost.get(reason, 0) + items

    def remark(self, error: str | None) -> None:
        """Remember an error; the first one is told of."""
        self.error = self.error or error

    def outcome(self) -> Outcome:
        """The whole as one outcome, for what is said about it."""
        if self.failure is not None:
            return self.failure._replace(delivered=self.delivered)
        reasons = [reason for reason in self.lost if reason not in ("rejected", "unencodable")]
        return Outcome(
            delivered=self.delivered,
            rejected=self.lost.get("rejected", 0),
            unencodable=self.lost.get("unencodable", 0),
            error=self.error,
            reason=reasons[0] if reasons else "refused",
            lost=sum(self.lost.values()),
        )


def attempt(
    sender: OtlpSender,
    parts: Sequence[Part],
    left: Callable[[], float],
    *,
    whole: bool = False,
) -> Progress:
    """Send ``parts``, halving what has to be halved.

    Args:
        sender: What sends.
        parts: Requests; mostly one.
        left: Seconds that are left for all of it.
        whole: Whether nothing is to be halved, since it did not help the last time.
    """
    progress = Progress()
    todo = list(reversed(parts))
    budget = 2 * sum(part.items for part in parts).bit_length() + SPARE_REQUESTS
    requests = searches = 0
    while todo:
        seconds = left()
        if seconds <= 0 and requests:
            progress.failure = Outcome(retry=True, error="not all of it could be sent in time")
            break
        part = todo.pop()
        outcome = _transmit(sender, part, seconds)
        requests += 1
        if outcome.retry:
            todo.append(part)
            progress.failure = outcome
            break
        halves = None
        if outcome.divisible and part.items > 1 and not whole:
            too_large = outcome.reason == TOO_LARGE
            searches += not too_large
            # To find one bad item takes two requests a level. To make everything small enough
            # takes what it takes, unless nothing is ever small enough.
            if 2 * searches <= budget and (progress.delivered or requests <= 2 * budget):
                halves = split(sender.signal, part.body)
        if halves is None:
            progress.take(part.items, outcome)
        else:
            progress.divided = True
            progress.remark(outcome.error)
            todo += reversed(halves)
    progress.rest = todo[::-1]
    return progress


def _transmit(sender: OtlpSender, part: Part, seconds: float) -> Outcome:
    try:
        outcome: object = sender.transmit(part.body, part.items, seconds)
    except BaseException as error:  # a sender must never end the worker
        return Outcome(error=say(error), reason="error")
    if isinstance(outcome, Outcome):
        return outcome
    return Outcome(error=f"the sender answered {outcome!r}", reason="error")


def say(error: BaseException) -> str:
    """An exception in one line."""
    return one_line(f"{type(error).__name__}: {error}")
