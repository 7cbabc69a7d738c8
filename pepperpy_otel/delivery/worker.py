"""The one thread of a destination: sends what is due, for all signals, and never dies.

Everybody else talks to it through tickets in a mailbox and a wake-up that holds no lock, so that
a flush may come from any thread, from a signal handler, or while a send hangs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from pepperpy_otel import errors
from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.guard import delivering, is_own_thread, mark_own_thread
from pepperpy_otel.delivery.lane import Lane
from pepperpy_otel.delivery.notices import Notices
from pepperpy_otel.delivery.queue import QueueLimits
from pepperpy_otel.delivery.tally import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.delivery.collection import MetricCollection
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Destination

#: Seconds that the worker rests after an error of its own.
REST = 1.0
#: Seconds after the start when senders are made even if nothing was sent yet: what they import
#: must not have to be imported while the process ends.
PREPARE_AFTER = 1.0


class Ticket:
    """A request to deliver now what was accepted so far.

    Args:
        boundaries: For each lane, the number of items ever accepted when it was asked for.
        deadline: Until when, on the worker's clock.
        ending: Whether the pipeline is shut down: then no send goes on beyond the deadline.
        last: Whether the worker ends after it.
    """

    __slots__ = ("boundaries", "deadline", "done", "ending", "last")

    def __init__(
        self,
        boundaries: Mapping[Lane, int],
        deadline: float,
        *,
        ending: bool = False,
        last: bool = False,
    ) -> None:
        self.boundaries = boundaries
        self.deadline = deadline
        self.ending = ending
        self.last = last
        self.done = Wakeup()


class Worker:
    """Delivers all signals of one destination.

    Args:
        destination: Where to.
        limits: The bounds for each signal.
        metrics: The collection that all workers share.
        clock: Monotonic seconds.
        random: A number from 0 to 1.
        wakeup: Makes what the thread sleeps on.
    """

    def __init__(
        self,
        destination: Destination,
        limits: Mapping[Signal, QueueLimits],
        metrics: MetricCollection,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
        wakeup: Callable[[], Wakeup] = Wakeup,
    ) -> None:
        self.name = destination.name
        self._metrics = metrics
        self._clock = clock
        self._make_wakeup = wakeup
        #: In the order in which they are served.
        self.lanes: tuple[Lane, ...] = tuple(
            Lane(
                signal,
                limits.get(signal, QueueLimits()),
                destination.senders[signal],
                self.wake,
                clock=clock,
                random=random,
            )
            for signal in SIGNALS
            if signal in destination.senders
        )
        self._collects = "metrics" in destination.senders
        self._running = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._wakeup = self._make_wakeup()
        self._tickets: deque[Ticket] = deque()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._gone = False
        self._prepare_at = self._clock() + PREPARE_AFTER
        self._notices = Notices(self.name, self.lanes, self._clock)

    # --- from other threads ------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. At interpreter shutdown there may be none: what waits stays pending."""
        if self._thread is not None:
            return
        self._running = True
        self._thread = threading.Thread(
            target=self._run, name=f"pepperpy-otel-{self.name}", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # "can't start new thread", "… at interpreter shutdown"
            self._thread = None
            self._gone = True

    def wake(self) -> None:
        """Have a look at the queues and the mailbox now."""
        self._wakeup.set()

    def post(self, ticket: Ticket) -> None:
        """Ask for delivery; ``ticket.done`` is set when no more comes of it."""
        self._tickets.append(ticket)
        self._wakeup.set()
        if self._gone or self._thread is None:
            ticket.done.set()

    def stop(self, timeout: float) -> None:
        """Wait for the end that the last ticket asked for; afterwards leave the thread behind."""
        thread = self._thread
        if thread is None:
            return
        if not is_own_thread():
            thread.join(max(timeout, 0.0))
        if thread.is_alive():
            self._ending = True
            self._wakeup.set()
            for lane in self.lanes:
                lane.interrupt()

    def after_fork(self) -> None:
        """In a forked child: everything new; a thread if the parent had one."""
        running = self._running
        self._start_afresh()
        for lane in self.lanes:
            lane.after_fork()
        if running:
            self.start()

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        mark_own_thread()
        while not self._ending:
            try:
                delay = self.step()
            except Exception as error:
                errors.report_internal("the delivery worker", error)
                delay = REST
            if not self._ending:
                self._wakeup.wait(delay)
        self._end()

    def step(self) -> float:
        """Do all that is due now.

        Returns:
            Seconds until something is due again.
        """
        while self._tickets and not self._ending:
            self._serve(self._tickets.popleft())
        if self._ending:
            return 0.0
        if self._collects:
            self._metrics.collect_if_due()
        for lane in self.lanes:
            if lane.due_at() <= self._clock():
                self._send_due(lane)
            # While it fails, a full queue is no reason to wake up before the next try.
            lane.queue.notify_at = sys.maxsize if lane.failures else lane.limits.batch_size
        self._prepare()
        due = [lane.due_at() for lane in self.lanes]
        due += [self._metrics.due_at()] if self._collects else []
        return max(min([*due, self._prepare_at]) - self._clock(), 0.0)

    def _prepare(self) -> None:
        if self._clock() < self._prepare_at:
            return
        self._prepare_at = float("inf")
        for lane in self.lanes:
            # A sender that cannot be made is told of when there is something to send.
            with delivering(), contextlib.suppress(Exception):
                lane.prepare()

    def _send_due(self, lane: Lane) -> None:
        now = self._clock()
        boundary = lane.queue.accepted.value()
        late = bool(lane.failures) or now >= lane.next_pass  # else only full batches are due
        while len(lane.queue) and (late or lane.queue.has_batch()):
            if self._ending or self._tickets:
                return
            outcome = lane.attempt(lane.limits.export_timeout)
            self._notices.attempted(lane, outcome)
            if outcome.retry:
                return
            if lane.resolved() >= boundary:
                break
        if late:
            lane.next_pass = self._clock() + lane.limits.schedule_delay
        self._notices.drained(lane)

    def _serve(self, ticket: Ticket) -> None:
        try:
            down = any(lane.failures for lane in self.lanes)
            for lane, boundary in ticket.boundaries.items():
                down = self._drain(lane, boundary, ticket, tries=1 if down else 2) or down
        finally:
            if ticket.last:
                self._ending = True
            ticket.done.set()

    def _drain(self, lane: Lane, boundary: int, ticket: Ticket, *, tries: int) -> bool:
        """Send everything up to ``boundary``; says whether the destination failed us.

        One fresh try where it was known to be down, one quick retry more where it was not: to
        spin through the backoff until the deadline would only keep the app from ending.
        """
        while len(lane.queue) and lane.resolved() < boundary:
            left = ticket.deadline - self._clock()
            if left <= 0 or self._ending:
                return False
            timeout = lane.limits.export_timeout
            outcome = lane.attempt(min(timeout, left) if ticket.ending else timeout)
            self._notices.attempted(lane, outcome)
            if outcome.retry:
                tries -= 1
                if outcome.misconfigured or not tries:
                    return True
                if not self._pause_until(lane.not_before, ticket.deadline):
                    return True
        self._notices.drained(lane)
        return False

    def _pause_until(self, moment: float, deadline: float) -> bool:
        if moment >= deadline:
            return False
        while self._clock() < moment and not self._ending:
            self._wakeup.wait(moment - self._clock())
        return not self._ending

    def _end(self) -> None:
        self._running = False
        for lane in self.lanes:
            lane.close()
        self._gone = True
        while self._tickets:
            self._tickets.popleft().done.set()
