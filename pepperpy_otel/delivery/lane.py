"""One signal on its way to one destination: its queue, its sender, its backoff, its losses."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.guard import delivering
from pepperpy_otel.delivery.outcome import Outcome, one_line
from pepperpy_otel.delivery.queue import Entry, QueueLimits, RecordQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Sender

#: Seconds before the first retry; doubled with each failure up to the second number.
FIRST_BACKOFF = 0.5
LAST_BACKOFF = 30.0
#: How much of a backoff is left to chance, so that a fleet does not come back in one instant.
JITTER = 0.2
#: No server makes us wait longer than that with Retry-After.
LONGEST_RETRY_AFTER = 300.0

#: Senders of the process that we were forked from: closing or collecting one here could say
#: goodbye on the parent's connection, so they are kept, untouched.
_inherited: list[Sender] = []


class Lane:
    """One signal's way to one destination; sends from one thread, is read by any.

    Args:
        signal: Which signal.
        limits: The bounds of its queue.
        make_sender: Makes what sends; called at the first batch, in the worker's thread.
        wake: Wakes the worker.
        clock: Monotonic seconds.
        random: A number from 0 to 1.
    """

    def __init__(
        self,
        signal: Signal,
        limits: QueueLimits,
        make_sender: Callable[[], Sender],
        wake: Callable[[], None],
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.signal = signal
        self.limits = limits
        self.queue = RecordQueue(limits, wake)
        self._make_sender = make_sender
        self._clock = clock
        self._random = random
        self._sender: Sender | None = None
        self._start_afresh()

    def after_fork(self) -> None:
        """In a forked child: nothing waits, nothing was counted, no connection is shared."""
        if self._sender is not None:
            _inherited.append(self._sender)
            self._sender = None
        self.queue.reset()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.delivered = 0
        self._lost: dict[str, int] = {}
        self.failures = 0
        self.not_before = 0.0
        self.next_pass = self._clock() + self.limits.schedule_delay
        self.last_error: tuple[float, str] | None = None
        self.last_success: float | None = None

    # --- sending, in the worker's thread ---------------------------------------------------

    @property
    def target(self) -> str:
        """Where it goes, for people: a URL, or nothing before the sender is made."""
        return str(getattr(self._sender, "target", ""))

    def due_at(self) -> float:
        """When the worker has to look after this lane, on the clock's scale."""
        if self.failures and len(self.queue):
            return self.not_before
        return 0.0 if self.queue.has_batch() else self.next_pass

    def attempt(self, timeout: float) -> Outcome:
        """Send the oldest batch once, and write down what became of it."""
        entries = self.queue.take(self.limits.batch_size)
        if not entries:
            return Outcome()
        outcome = self._send([entry.item for entry in entries], timeout)
        if outcome.retry:
            self._keep(entries, outcome)
        else:
            self._settle(sum(entry.number for entry in entries), outcome)
        return outcome

    def _send(self, items: Sequence[Any], timeout: float) -> Outcome:
        with delivering():
            try:
                self.prepare()
            except BaseException as error:
                return Outcome(retry=True, misconfigured=True, error=_say(error))
            try:
                outcome: Any = self._sender.send(items, timeout)  # type: ignore[union-attr]
                if isinstance(outcome, Outcome):
                    return outcome
                return Outcome(error=f"the sender answered {outcome!r}", reason="error")
            except BaseException as error:  # a sender must never end the worker
                return Outcome(error=_say(error), reason="error")

    def prepare(self) -> None:
        """Make the sender, if there is none."""
        if self._sender is None:
            self._sender = self._make_sender()

    def _keep(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        self.queue.put_back(entries)
        self.failures += 1
        backoff = min(FIRST_BACKOFF * 2.0 ** min(self.failures - 1, 16), LAST_BACKOFF)
        backoff *= 1 - JITTER + 2 * JITTER * self._random()
        asked = min(outcome.retry_after or 0.0, LONGEST_RETRY_AFTER)
        self.not_before = self._clock() + max(backoff, asked)
        self.last_error = (time.time(), outcome.error or "failed")

    def _settle(self, total: int, outcome: Outcome) -> None:
        self.failures = 0
        delivered = min(outcome.delivered, total)
        rejected = min(outcome.rejected, total - delivered)
        unencodable = min(outcome.unencodable, total - delivered - rejected)
        self._lose("rejected", rejected)
        self._lose("unencodable", unencodable)
        self._lose(outcome.reason, total - delivered - rejected - unencodable)
        self.delivered += delivered
        if delivered:
            self.last_success = time.time()
        if outcome.error:
            self.last_error = (time.time(), outcome.error)

    def _lose(self, reason: str, count: int) -> None:
        if count:
            self._lost[reason] = self._lost.get(reason, 0) + count

    def interrupt(self) -> None:
        """Ask a send that is under way to end; called from another thread at a deadline."""
        with contextlib.suppress(Exception):
            getattr(self._sender, "interrupt", _nothing)()

    def close(self) -> None:
        """Let go of the sender, in the worker's thread."""
        sender, self._sender = self._sender, None
        if sender is not None:
            with delivering(), contextlib.suppress(Exception):
                sender.close()

    # --- the books ---------------------------------------------------------------------------

    def resolved(self) -> int:
        """Items of which it is known what became of them."""
        return self.delivered + self.dropped()

    def dropped(self) -> int:
        """Items lost since the start, for whatever reason."""
        return sum(self.dropped_by_reason().values())

    def dropped_by_reason(self) -> Mapping[str, int]:
        """The same by reason."""
        evicted = self.queue.evicted.value()
        return {**({"queue_full": evicted} if evicted else {}), **self._lost}


def _say(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _nothing() -> None:
    return None
