"""The second thread of a destination that has a spool: saves what the first one cannot send.

The worker may hang in a send for as long as a request may take. Meanwhile the queue fills up, and
a flush or the end of the process comes near its deadline. This thread sends nothing: it moves what
waits too long, or would be thrown out, to disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel import _native, errors
from pepperpy_otel.delivery.guard import is_own_thread, mark_own_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.destination import Spool
    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.rounds import Rounds
    from pepperpy_otel.delivery.tally import Wakeup
    from pepperpy_otel.delivery.ticket import Ticket

#: Seconds after which a worker that is busy with one thing counts as hung.
HUNG_AFTER = 1.0
#: The same while the process ends, which may be over at any moment.
HUNG_IN_HASTE = 0.1
#: Seconds between two looks; a full batch wakes the thread at once.
TICK = 1.0


class Spooler:
    """Moves batches from the queues of a destination to its spool.

    Args:
        name: The destination's name.
        spool: Where to; closed by this thread when it ends.
        lanes: All lanes of the destination.
        rounds: What the worker is at.
        spooled: Called with each lane and what is to be said about a batch that went to disk.
        clock: Monotonic seconds.
        wakeup: What the thread sleeps on.
    """

    def __init__(
        self,
        name: str,
        spool: Spool,
        lanes: Sequence[Lane],
        *,
        rounds: Rounds,
        spooled: Callable[[Lane, Outcome], None],
        clock: Callable[[], float],
        wakeup: Wakeup,
    ) -> None:
        self._name = name
        self._spool = spool
        self._lanes = lanes
        self._rounds = rounds
        self._spooled = spooled
        self._clock = clock
        self._wakeup = wakeup
        self._tickets: list[Ticket] = []
        self._ending = False
        self._thread: _native.Thread | None = None

    # --- from other threads --------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. At interpreter shutdown there may be none: the worker goes on alone."""
        thread = _native.thread(self._run, f"pepperpy-otel-{self._name}-spool")
        try:
            thread.start()
        except RuntimeError:
            return
        self._thread = thread

    def wake(self) -> None:
        """Have a look at the queues now."""
        self._wakeup.set()

    def post(self, ticket: Ticket) -> None:
        """Save what ``ticket`` asks for before its deadline, should the worker not get to it."""
        self._tickets.append(ticket)
        self._wakeup.set()

    def finish(self, timeout: float) -> None:
        """End the thread, which closes the spool; wait for it ``timeout`` seconds at most."""
        self._ending = True
        self._wakeup.set()
        if self._thread is None:
            self._spool.close()
        elif not is_own_thread():
            self._thread.join(max(timeout, 0.0))

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        mark_own_thread()
        while not self._ending:
            delay = TICK
            try:
                delay = self.step()
            except BaseException as error:  # as in the worker
                errors.report_internal("the spooler", error)
            self._wakeup.wait(delay)
        self._spool.close()

    def step(self) -> float:
        """Save all that has to be saved now.

        Returns:
            Seconds until the next look.
        """
        for ticket in list(self._tickets):
            if not ticket.finished and self._clock() >= ticket.spool_at:
                self._save_for(ticket)
            if ticket.finished or self._clock() >= ticket.spool_at:
                self._tickets.remove(ticket)
        for lane in self._lanes:
            self._relieve(lane)
        moments = [ticket.spool_at - self._clock() for ticket in self._tickets]
        if any(lane.hurried and lane.queue for lane in self._lanes):
            moments.append(HUNG_IN_HASTE)
        return max(min([TICK, *moments]), 0.0)

    def _save_for(self, ticket: Ticket) -> None:
        """Put on disk what ``ticket`` wants delivered and what will not be, in time."""
        for lane, boundary in ticket.boundaries.items():
            for outcome in lane.save(boundary, ending=ticket.ending):
                self._spooled(lane, outcome)
            if ticket.ending:
                lane.courier.interrupt()
        if ticket.ending or all(lane.resolved() >= n for lane, n in ticket.boundaries.items()):
            ticket.finish()

    def _relieve(self, lane: Lane) -> None:
        since, now = self._rounds.busy_since, self._clock()
        patience = HUNG_IN_HASTE if lane.hurried else HUNG_AFTER
        if lane.failures or (since is not None and now - since >= patience):
            overdue = lane.hurried or now >= lane.next_pass
            while (lane.queue.has_batch() or (overdue and lane.queue)) and self._save(lane):
                pass
            if overdue:
                lane.next_pass = now + lane.limits.schedule_delay
        else:
            while lane.pressed() and self._save(lane):
                pass
        lane.listen()

    def _save(self, lane: Lane) -> bool:
        outcome = lane.spool_batch()
        if outcome is None:
            return False
        self._spooled(lane, outcome)
        return True
