"""The one thread of a destination that sends: what is due, for all signals, and it never dies.

Everybody else talks to it through tickets in a mailbox and a wake-up that holds no lock, so that
a flush may come from any thread, from a signal handler, or while a send hangs. Where there is a
spool, a second thread (``spooler``) saves what this one cannot send.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from typing import TYPE_CHECKING

from pepperpy_otel import _native, errors
from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.guard import delivering, is_own_thread, mark_own_thread
from pepperpy_otel.delivery.lane import Lane
from pepperpy_otel.delivery.notices import Notices
from pepperpy_otel.delivery.queue import QueueLimits
from pepperpy_otel.delivery.rounds import Rounds
from pepperpy_otel.delivery.tally import Wakeup
from pepperpy_otel.delivery.ticket import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.delivery.collection import MetricCollection
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Destination, Spool
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.spooler import Spooler
    from pepperpy_otel.delivery.ticket import Ticket

#: Seconds that the worker rests after an error of its own.
REST = 1.0
#: Seconds after the start when senders are made even if nothing was sent yet: what they import
#: must not have to be imported while the process ends.
PREPARE_AFTER = 1.0
#: Seconds that the end waits for the spool to be closed.
CLOSING = 0.3


class Worker:
    """Delivers all signals of one destination.

    Args:
        destination: Where to.
        limits: The bounds for each signal.
        metrics: The collection that all workers share.
        clock: Monotonic seconds.
        random: A number from 0 to 1.
        wakeup: Makes what the threads sleep on.
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
        self._open_spool = destination.open_spool
        #: What lies on disk; there from ``start()`` on, where a directory was given.
        self.spool: Spool | None = None
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
        self._by_signal = {lane.signal: lane for lane in self.lanes}
        self._collects = "metrics" in destination.senders
        self._running = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._mailbox = Mailbox(self._clock, self._make_wakeup())
        #: What the spooler has to say; it is said in this thread.
        self._remarks: deque[tuple[Lane, Outcome]] = deque()
        self._thread: _native.Thread | None = None
        self._spooler: Spooler | None = None
        self._gone = False
        self._prepare_at = self._clock() + PREPARE_AFTER
        self._notices = Notices(self.name, self.lanes, self._clock)
        self._rounds = Rounds(self.lanes, self._mailbox, self._notices, self._clock)

    # --- from other threads ------------------------------------------------------------------

    def start(self) -> None:
        """Open the spool and start the threads.

        At interpreter shutdown there may be none: what waits stays pending.
        """
        if self._thread is not None:
            return
        self._running = True
        self.open_spool()
        self._thread = _native.thread(self._run, f"pepperpy-otel-{self.name}")
        try:
            self._thread.start()
        except RuntimeError:  # "can't start new thread", "… at interpreter shutdown"
            self._thread = None
            self._gone = True
            return
        if self._spooler is not None:
            self._spooler.start()

    def open_spool(self) -> None:
        """Open the spool, if there is to be one, and get ready to fill and to empty it."""
        if self.spool is None and self._open_spool is not None:
            self.spool = self._open_spool(self._lost)
            for lane in self.lanes:
                lane.spool = self.spool
        if self.spool is None or self._spooler is not None:
            return
        from pepperpy_otel.delivery.replay import Replay
        from pepperpy_otel.delivery.spooler import Spooler

        self._rounds.replay = Replay(self.spool, self.lanes, self._clock)
        self._spooler = Spooler(
            self.name,
            self.spool,
            self.lanes,
            rounds=self._rounds,
            spooled=self._was_spooled,
            clock=self._clock,
            wakeup=self._make_wakeup(),
        )

    def _lost(self, signal: Signal, items: int, own: bool, reason: str) -> None:
        if own and (lane := self._by_signal.get(signal)) is not None:
            lane.books.settle_spooled(0, {reason: items})

    def _was_spooled(self, lane: Lane, outcome: Outcome) -> None:
        if outcome.error:
            self._remarks.append((lane, outcome))
        replay = self._rounds.replay
        if replay is not None and not lane.failures:
            replay.look()
            if self._rounds.busy_since is None:
                self._mailbox.wakeup.set()

    def wake(self) -> None:
        """Have a look at the queues and the mailbox now."""
        self._mailbox.wakeup.set()
        spooler = self._spooler
        if spooler is not None and (
            self._rounds.busy_since is not None or any(lane.failures for lane in self.lanes)
        ):
            spooler.wake()

    def hurry(self) -> None:
        """Send whatever is there, and whatever comes, at once; safe in a signal handler."""
        for lane in self.lanes:
            lane.hurry()
        self.wake()

    def post(self, ticket: Ticket) -> None:
        """Ask for delivery; ``ticket.done`` is set when no more comes of it."""
        if self._spooler is not None:
            self._spooler.post(ticket)
        self._mailbox.post(ticket)
        if self._gone or self._thread is None:
            ticket.finish()

    def stop(self, timeout: float) -> None:
        """Wait for the end that the last ticket asked for; afterwards leave the thread behind."""
        thread = self._thread
        deadline = self._clock() + timeout
        if thread is not None and not is_own_thread():
            thread.join(max(timeout, 0.0))
        hangs = thread is not None and thread.is_alive()
        if hangs:
            self._notices.fall_silent()
            self._mailbox.end()
            for lane in self.lanes:
                lane.courier.interrupt()
        if self._spooler is not None:
            self._spooler.finish(max(deadline - self._clock(), CLOSING))
        if hangs:
            self._notices.left_behind()

    def after_fork(self) -> None:
        """In a forked child: everything new; threads if the parent had some."""
        running = self._running
        for ticket in tuple(self._mailbox.tickets):
            ticket.finish()  # nobody serves it here
        self._start_afresh()
        if self.spool is not None:
            self.spool.after_fork()
        for lane in self.lanes:
            lane.after_fork()
        if running:
            self.start()

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        mark_own_thread()
        while not self._mailbox.ending:
            try:
                delay = self.step()
            except BaseException as error:  # sys.exit() in code of the app's ends no thread of ours
                errors.report_internal("the delivery worker", error)
                delay = REST
            self._rounds.rest()
            if not self._mailbox.ending:
                self._mailbox.wakeup.wait(delay)
        self._end()

    def step(self) -> float:
        """Do all that is due now.

        Returns:
            Seconds until something is due again.
        """
        rounds, mailbox = self._rounds, self._mailbox
        rounds.begin()
        for _ in range(len(mailbox.tickets)):
            if mailbox.tickets and not mailbox.ending:
                rounds.serve(mailbox.tickets.popleft())
        if mailbox.ending:
            return 0.0
        if self._collects:
            self._metrics.collect_if_due()
        for lane in self.lanes:
            if lane.due_at() <= self._clock():
                rounds.send_due(lane)
            lane.listen()
        rounds.replay_one()
        while self._remarks:
            self._notices.attempted(*self._remarks.popleft())
        self._prepare()
        due = min(rounds.due_at(), self._prepare_at)
        if self._collects:
            due = min(due, self._metrics.due_at())
        return max(due - self._clock(), 0.0)

    def _prepare(self) -> None:
        if self._clock() < self._prepare_at:
            return
        self._prepare_at = math.inf
        for lane in self.lanes:
            # A sender that cannot be made is told of when there is something to send.
            with delivering(), contextlib.suppress(BaseException):
                lane.courier.prepare()

    def _end(self) -> None:
        self._running = False
        for lane in self.lanes:
            lane.courier.close()
        self._gone = True
        while self._mailbox.tickets:
            self._mailbox.tickets.popleft().finish()
