"""One signal on its way to one destination: its queue, its sender, its backoff, its losses.

Where there is a spool, a batch that fails twice in a row goes to disk at once, and so does what
comes while the lane is failing; else it goes back to the front of the queue.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pepperpy_otel import _native
from pepperpy_otel.delivery.books import Books, Entries
from pepperpy_otel.delivery.cargo import Backoff, Cargo
from pepperpy_otel.delivery.courier import Courier
from pepperpy_otel.delivery.outcome import Outcome
from pepperpy_otel.delivery.queue import QueueLimits, RecordQueue
from pepperpy_otel.delivery.splitting import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pepperpy_otel.delivery.attempts import Progress
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Sender, Spool
    from pepperpy_otel.delivery.queue import Entry
    from pepperpy_otel.delivery.spool.values import SpooledBatch

#: Seconds after which a spool that refused a batch is asked again: each time costs the encoding.
SPOOL_REST = 10.0


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
        #: Where batches go that cannot be delivered now, if anywhere.
        self.spool: Spool | None = None
        #: With a spool: so many waiting items are too many to leave to a worker that is busy.
        self._pressed_at = max(limits.max_items // 3, limits.batch_size)
        self._clock = clock
        self._random = random
        self.courier = Courier(make_sender, clock)
        self._start_afresh()

    def after_fork(self) -> None:
        """In a forked child: nothing waits, nothing was counted, no connection is shared."""
        self.courier.after_fork()
        self.queue.reset()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.books = Books()
        self.backoff = Backoff(self._clock, self._random)
        self.recovered = 0
        self.next_pass = self._clock() + self.limits.schedule_delay
        self.last_success: float | None = None
        self.hurried = False
        self._ending = False
        self._spool_from = 0.0
        self._hopeless = False
        self._flight: Cargo | None = None
        self._held: Cargo | None = None
        # Guards the two above: what is under way is settled by one thread only.
        self._hands = _native.allocate_lock()

    # --- when ----------------------------------------------------------------------------------

    @property
    def failures(self) -> int:
        """How often it failed since it last worked."""
        return self.backoff.failures

    def waiting(self) -> bool:
        """Whether there is anything in memory to send."""
        return bool(self.queue) or self._held is not None

    def holds(self) -> bool:
        """Whether a batch was sent in part, or is to be tried once more before it is spooled."""
        return self._held is not None

    def inventory(self) -> tuple[list[Entry], list[Cargo]]:
        """What is in the queue, and what has left it and is not settled; to be looked at only."""
        with self._hands:
            return self.queue.waiting(), [c for c in (self._flight, self._held) if c is not None]

    def pressed(self) -> bool:
        """Whether so much waits that some of it will be thrown out soon."""
        queue = self.queue
        return queue.holds(self._pressed_at) or (
            queue.estimated_bytes > self.limits.max_bytes // 2 and len(queue) > 1
        )

    def due_at(self) -> float:
        """When the worker has to look after this lane, on the clock's scale."""
        if self.failures and (self.waiting() or self.spools()):
            return self.backoff.not_before
        if self.queue.has_batch() or self.holds() or (self.hurried and self.waiting()):
            return 0.0
        return self.next_pass

    def hurry(self) -> None:
        """Send whatever is there, and whatever comes, at once; safe in a signal handler."""
        self.hurried = True
        self.backoff.not_before = 0.0
        self.queue.notify_at = 1

    def listen(self) -> None:
        """Say at which number of waiting items the queue is to wake somebody up again."""
        queue, batch = self.queue, self.limits.batch_size
        if self.failures and not self.can_spool():
            # A full queue is no reason to wake up before the next try.
            queue.notify_at = sys.maxsize
        elif self.hurried:
            queue.notify_at = 1
        else:
            queue.notify_at = self._pressed_at if queue.has_batch() else batch

    # --- sending, in the worker's thread -------------------------------------------------------

    def attempt(self, timeout: float) -> Outcome:
        """Send the oldest batch once, and write down what became of it."""
        with self._hands:
            cargo = self._held
            if cargo is None:
                entries = self.queue.take(self.limits.batch_size)
                if not entries:
                    return Outcome()
                cargo = Cargo(entries)
            self._flight, self._held = cargo, None
        return self._carry(cargo, timeout)

    def replay(self, batch: SpooledBatch, timeout: float) -> Outcome:
        """Send a batch from the spool once, and write down what became of it."""
        cargo = Cargo(parts=[Part(batch.body, batch.items)], batch=batch)
        self._flight = cargo
        return self._carry(cargo, timeout)

    def _carry(self, cargo: Cargo, timeout: float) -> Outcome:
        started = self._clock()
        progress = self.courier.carry(cargo, timeout, whole=self._hopeless)
        with self._hands:
            self._flight = None
            if cargo.taken:
                return Outcome()
            self._settle(cargo, progress, self._clock() - started)
        return progress.outcome()

    # --- what became of it ---------------------------------------------------------------------

    def _settle(self, cargo: Cargo, progress: Progress, took: float) -> None:
        failure = progress.failure
        if failure is None:
            self.backoff.failures = 0
        else:
            self.backoff.failed(failure)
        settled = progress.divided or progress.delivered or progress.lost
        kept = not self.can_spool() or cargo.parts is None  # without a sender there are no bytes
        if failure is not None and cargo.entries and kept and not settled:
            self.queue.put_back(cargo.entries)
            return
        progress.remark(cargo.error)
        progress.lost.update(cargo.take_unencodable())
        self._book(cargo, progress)
        if progress.divided and not progress.delivered and not progress.rest:
            self._hopeless = True
        if failure is None:
            if cargo.batch is not None and self.spool is not None:
                self.spool.done(cargo.batch)
        elif cargo.batch is None:
            final = failure.misconfigured or self._ending
            self._keep(progress.rest, quick=self.backoff.is_short(took) and not final)
        elif settled or cargo.number() < cargo.batch.items:  # else it lies on disk as it is
            self._held = Cargo(parts=progress.rest or cargo.parts, batch=cargo.batch)

    def _book(self, cargo: Cargo, progress: Progress) -> None:
        if cargo.batch is None:
            self.books.settle(progress.delivered, progress.lost)
        elif cargo.batch.own:
            self.books.settle_spooled(progress.delivered, progress.lost)
        else:
            self.recovered += progress.delivered
        if progress.delivered:
            self.last_success = time.time()
            self._hopeless = False
        if progress.error:
            self.backoff.remember(progress.error)

    def _keep(self, parts: Sequence[Part], *, quick: bool) -> None:
        """Hold on to what is to be tried again: on disk, or in memory."""
        if not quick:
            parts = self._to_disk(parts)
        if parts:
            self._held = Cargo(parts=parts)

    # --- to disk, in either thread -------------------------------------------------------------

    def spools(self) -> bool:
        """Whether there is a spool, and a sender whose requests can wait in it."""
        return self.spool is not None and self.courier.encodes()

    def can_spool(self) -> bool:
        """The same, and whether the spool has not just refused a batch."""
        return self.spools() and self._clock() >= self._spool_from

    def spool_batch(self) -> Outcome | None:
        """Put the oldest batch of the queue on disk.

        Returns:
            ``None`` if nothing went there; else what is to be said about it.
        """
        if not self.can_spool():
            return None
        entries = self.queue.take(self.limits.batch_size)
        if not entries:
            return None
        cargo = Cargo(entries)
        if self._to_disk(self._encoded(cargo)) or cargo.parts is None:
            self.queue.put_back(entries)
            return None
        lost = cargo.take_unencodable()
        self.books.settle(0, lost)
        return Outcome(error=cargo.error, unencodable=sum(lost.values()))

    def save(self, boundary: int, *, ending: bool) -> Iterator[Outcome]:
        """Put on disk what was accepted up to ``boundary`` and is not sent.

        Args:
            boundary: That many items ever accepted.
            ending: Whether that holds for what is under way, too, whether it arrives or not.

        Yields:
            What is to be said about each batch.
        """
        self._spool_from = 0.0
        while self.resolved() < boundary and (outcome := self.spool_batch()) is not None:
            yield outcome
        with self._hands:
            self._ending = self._ending or ending
            for cargo in (self._flight if ending else None, self._held):
                if cargo is None or cargo.taken or cargo.batch is not None:
                    continue
                rest = self._to_disk(self._encoded(cargo))
                if cargo.parts is not None and cargo.number() > sum(part.items for part in rest):
                    cargo.taken = True
                    self.books.settle(0, cargo.take_unencodable())
                    self._held = Cargo(parts=rest) if rest else None

    def _encoded(self, cargo: Cargo) -> Sequence[Part]:
        try:
            return self.courier.encode(cargo)
        except BaseException:  # the worker, who tries it next, tells of it
            self._spool_from = self._clock() + SPOOL_REST
            return ()

    def _to_disk(self, parts: Sequence[Part]) -> Sequence[Part]:
        """Put requests on disk; gives those that are left."""
        for number, part in enumerate(parts):
            if not self.can_spool():
                return parts[number:]
            self.books.write(part.items)
            on_disk = self.spool.append(self.signal, part.body, part.items)  # type: ignore[union-attr]
            self.books.written(part.items, on_disk=on_disk)
            if not on_disk:
                self._spool_from = self._clock() + SPOOL_REST
                return parts[number:]
        return ()

    # --- the books -----------------------------------------------------------------------------

    def entries(self) -> Entries:
        """What became of all items so far, at one moment."""
        now, evicted = self.books.now, self.queue.evicted.value()
        return now._replace(lost={"queue_full": evicted, **now.lost}) if evicted else now

    def resolved(self) -> int:
        """Items of which it is known what became of them."""
        return self.entries().resolved()
