"""What one attempt carries, and when a failed lane may try again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.splitting import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.destination import OtlpSender
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.queue import Entry
    from pepperpy_otel.delivery.spool.values import SpooledBatch

#: Seconds before the first retry; doubled with each failure up to the second number.
FIRST_BACKOFF = 0.5
LAST_BACKOFF = 30.0
#: How much of a backoff is left to chance, so that a fleet does not come back in one instant.
JITTER = 0.2
#: No server makes us wait longer than that with Retry-After.
LONGEST_RETRY_AFTER = 300.0

#: A batch that failed is tried once more before it goes to disk if that is no further away than
#: that many seconds, and if the failure took no longer: one that hung would hang again.
SHORT = 1.0


class Cargo:
    """What is under way: entries from the queue, what is left of them, or a request from disk.

    Args:
        entries: From the queue, not encoded yet.
        parts: Requests; ``None`` until the entries are encoded.
        batch: The request on disk that the parts come from.
    """

    __slots__ = ("batch", "entries", "error", "parts", "taken", "unencodable")

    def __init__(
        self,
        entries: Sequence[Entry] = (),
        parts: Sequence[Part] | None = None,
        batch: SpooledBatch | None = None,
    ) -> None:
        self.entries = entries
        self.parts = parts
        self.batch = batch
        #: Items that never became bytes, and why; not entered in the books yet.
        self.unencodable = 0
        self.error: str | None = None
        #: Whether somebody else has put it on disk while it was sent.
        self.taken = False

    def items(self) -> list[Any]:
        """What the entries hold."""
        return [entry.item for entry in self.entries]

    def number(self) -> int:
        """Spans, records or data points in it."""
        if self.parts is None:
            return sum(entry.number for entry in self.entries)
        return sum(part.items for part in self.parts)

    def encode(self, sender: OtlpSender) -> None:
        """Make the entries a request, if they are none yet."""
        if self.parts is None:
            encoded = sender.encode(self.items())
            number = self.number()
            items = min(encoded.items, number)
            self.unencodable, self.error = number - items, encoded.error
            self.parts = [Part(encoded.body, items)] if items else []

    def take_unencodable(self) -> dict[str, int]:
        """The items that never became bytes, once."""
        count, self.unencodable = self.unencodable, 0
        return {"unencodable": count} if count else {}


class Backoff:
    """When a lane that failed is due again.

    Args:
        clock: Monotonic seconds.
        random: A number from 0 to 1.
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self.failures = 0
        self.not_before = 0.0
        self.failed_at = 0.0
        #: Whether the waiting time is our guess, and not what the server asked for.
        self.guessed = True
        self.last_error: tuple[float, str] | None = None

    def failed(self, outcome: Outcome) -> None:
        """Once more in vain: the waiting time doubles, or is what the server asks for."""
        self.failures += 1
        self.failed_at = self._clock()
        backoff = min(FIRST_BACKOFF * 2.0 ** min(self.failures - 1, 16), LAST_BACKOFF)
        backoff *= 1 - JITTER + 2 * JITTER * self._random()
        asked = min(outcome.retry_after or 0.0, LONGEST_RETRY_AFTER)
        self.guessed = asked < backoff and not outcome.misconfigured
        self.not_before = self._clock() + max(backoff, asked)
        self.remember(outcome.error or "failed")

    def is_short(self, took: float) -> bool:
        """Whether the first failure was a quick one, and the next try is near."""
        near = self.not_before - self._clock() <= SHORT
        return self.failures == 1 and took <= SHORT and near

    def wait(self, seconds: float) -> None:
        """There is nothing to try: no sooner than in ``seconds``."""
        self.not_before = self._clock() + seconds

    def remember(self, error: str) -> None:
        """Keep the last thing that went wrong, and when."""
        self.last_error = (time.time(), error)
