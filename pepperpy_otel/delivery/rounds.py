"""What a worker does on its rounds: send what is due, replay what is on disk, serve flushes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.notices import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.notices import Notices
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.replay import Replay
    from pepperpy_otel.delivery.ticket import Mailbox, Ticket

#: Seconds until a lane that failed, and has nothing to try, is looked at again.
NOTHING_TO_TRY = 1.0


class Rounds:
    """Sends for all lanes of a destination, in the worker's thread.

    Args:
        lanes: In the order in which they are served.
        mailbox: The worker's.
        notices: What is said about it.
        clock: Monotonic seconds.
        replay: What lies on disk, if there is a spool.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        mailbox: Mailbox,
        notices: Notices,
        clock: Callable[[], float],
        replay: Replay | None = None,
    ) -> None:
        self._lanes = lanes
        self._mailbox = mailbox
        self._notices = notices
        self._clock = clock
        self.replay = replay
        #: Since when the worker is at what it does now; ``None`` while it sleeps.
        self.busy_since: float | None = None

    def begin(self) -> None:
        """Something new begins, which may take long."""
        self.busy_since = self._clock()

    def rest(self) -> None:
        """The worker goes to sleep."""
        self.busy_since = None

    # --- what is due ---------------------------------------------------------------------------

    def send_due(self, lane: Lane) -> None:
        """Send full batches, and everything if its time has come."""
        now = self._clock()
        boundary = lane.queue.accepted.value()
        late = bool(lane.failures) or now >= lane.next_pass or lane.hurried
        if late:
            lane.next_pass = now + lane.limits.schedule_delay
        through = not lane.failures or lane.holds() or self._probe(lane)
        while through and lane.waiting() and (late or lane.queue.has_batch() or lane.holds()):
            if self._mailbox.busy():
                return
            through = not self._attempt(lane, lane.limits.export_timeout).retry
            if lane.resolved() >= boundary:
                break
        if late:
            lane.next_pass = self._clock() + lane.limits.schedule_delay
        if through and not lane.failures:
            self._notices.drained(lane)

    def replay_one(self) -> None:
        """Send one batch from disk, if it is time."""
        replay = self.replay
        if replay is not None and not self._mailbox.busy() and replay.due_at() <= self._clock():
            self.begin()
            self._note(replay.send(math.inf))

    def due_at(self) -> float:
        """When something is due again, on the clock's scale."""
        if self._mailbox.busy():
            return 0.0
        due = [lane.due_at() for lane in self._lanes]
        return min(due if self.replay is None else [*due, self.replay.due_at()])

    def _attempt(self, lane: Lane, timeout: float) -> Outcome:
        self.begin()
        if self.replay is not None:
            lane.listen()  # while this lasts, the spooler looks after the queue
        failed = lane.failures
        outcome = lane.attempt(timeout)
        self._notices.attempted(lane, outcome)
        self._tell_neighbours(lane, failed)
        return outcome

    def _note(self, sent: tuple[Lane, Outcome] | None) -> Outcome | None:
        if sent is None:
            return None
        self._notices.attempted(*sent)
        return sent[1]

    def _tell_neighbours(self, lane: Lane, failed: int) -> None:
        """A lane works again that had failed: others that go to the same server need not wait."""
        if not failed or lane.failures:
            return
        here = origin(lane.courier.target)
        for other in self._lanes:
            if other.failures and other.backoff.guessed and origin(other.courier.target) == here:
                other.backoff.not_before = 0.0

    def _probe(self, lane: Lane) -> bool:
        """Try a lane that failed with the oldest that lies on disk.

        Returns:
            Whether what waits in memory is worth a try now.
        """
        if self.replay is None:
            return True
        outcome = self._try_oldest(self.replay, lane, math.inf)
        if outcome is None and not lane.waiting():
            lane.backoff.wait(NOTHING_TO_TRY)
        return outcome is None or not outcome.retry

    def _try_oldest(self, replay: Replay, lane: Lane, timeout: float) -> Outcome | None:
        self.begin()
        failed = lane.failures
        outcome = self._note(replay.try_oldest([lane], timeout))
        self._tell_neighbours(lane, failed)
        return outcome

    # --- what somebody waits for ---------------------------------------------------------------

    def serve(self, ticket: Ticket) -> None:
        """Deliver what ``ticket`` asks for, or save it; then say so."""
        served = True
        try:
            down = any(lane.failures for lane in self._lanes)
            for lane, boundary in ticket.boundaries.items():
                down = self._drain(lane, boundary, ticket, tries=1 if down else 2) or down
            if down:
                for lane, boundary in ticket.boundaries.items():
                    self._save(lane, boundary, ticket)
            ticket.tried = True
            if ticket.replays and self.replay is not None:
                served = self._replay_for(self.replay, ticket)
        finally:
            if served:
                self._mailbox.ending = self._mailbox.ending or ticket.last
                ticket.finish()

    def _drain(self, lane: Lane, boundary: int, ticket: Ticket, *, tries: int) -> bool:
        """Send everything up to ``boundary``; says whether the destination failed us.

        One fresh try where it was known to be down, one quick retry more where it was not: to
        spin through the backoff until the deadline would only keep the app from ending.
        """
        while lane.waiting() and lane.resolved() < boundary:
            left = ticket.deadline - self._clock()
            if left <= 0 or self._mailbox.ending:
                return False
            timeout = lane.limits.export_timeout
            outcome = self._attempt(lane, min(timeout, left) if ticket.ending else timeout)
            if outcome.retry:
                tries -= 1
                if outcome.misconfigured or not tries or not lane.waiting():
                    return True  # hopeless for now, or on disk already
                if not self._mailbox.pause_until(lane.backoff.not_before, ticket.deadline):
                    return True
        if not lane.failures:
            self._notices.drained(lane)
        return False

    def _save(self, lane: Lane, boundary: int, ticket: Ticket) -> None:
        for outcome in lane.save(boundary, ending=ticket.ending):
            self._notices.attempted(lane, outcome)

    def _replay_for(self, replay: Replay, ticket: Ticket) -> bool:
        """Send what lies on disk, as long as something of this process does, until the deadline.

        Returns:
            Whether the ticket is done with.
        """
        for lane in self._lanes:
            untried = lane.entries().spooled and lane.backoff.failed_at < ticket.since
            if lane.failures and untried and not lane.holds() and self._clock() < ticket.deadline:
                self._try_oldest(replay, lane, self._left(ticket))
        while any(lane.entries().spooled for lane in replay.ready()):
            if self._mailbox.ending or ticket.deadline <= self._clock():
                break
            if self._mailbox.untried():  # another flush may have something in memory: it goes first
                self._mailbox.tickets.append(ticket)
                return False
            self.begin()
            if self._note(replay.send(self._left(ticket))) is None:
                break
        return True

    def _left(self, ticket: Ticket) -> float:
        """Seconds that a send may take for ``ticket``; only the end breaks one off."""
        return ticket.deadline - self._clock() if ticket.ending else math.inf
