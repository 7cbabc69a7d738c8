"""Runs in the air: start them, judge those that overrun, make verdicts of those that end.

The deadlines are kept here, by the scheduler's thread, and not by whatever runs the check: an
event loop that is busy and a thread that waits for the GIL cannot keep one.
"""

from __future__ import annotations

import inspect
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health import outcome as outcomes
from pepperpy_otel.health.flight import Flight
from pepperpy_otel.health.loop_choice import Loops
from pepperpy_otel.health.registration import is_async
from pepperpy_otel.health.stalls import TICK, ProcessWatch
from pepperpy_otel.health.status import HealthRun
from pepperpy_otel.health.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pepperpy_otel._native import Thread
    from pepperpy_otel.health.component import Checked, Component
    from pepperpy_otel.health.flight import Round
    from pepperpy_otel.health.notices import Change, Notices
    from pepperpy_otel.health.outcome import Outcome
    from pepperpy_otel.health.stalls import LoopWatch
    from pepperpy_otel.health.workers import Worker

#: Seconds after which a check that holds a thread is no reason to let others wait, and how often
#: the time of its last run where that was longer.
SLOW = 0.015
SLOWER = 3.0
#: Seconds between two looks while checks wait for a thread.
CROWDED_TICK = 0.005
#: Runs in a row that said nothing by our own fault and are repeated at once for who waits.
AT_ONCE = 3


class Runs:
    """All runs of one checker. Where the docstring says so, the caller holds the lock.

    Args:
        lock: Guards the components' state.
        threads: Of the pool, at most, beside those that hang.
        notices: Told of what happens.
        ended: Called with the lock held when a component may run again, with whether soon.
    """

    def __init__(
        self,
        lock: threading.RLock,
        threads: int,
        notices: Notices,
        ended: Callable[[Checked, bool], None],
    ) -> None:
        self._lock = lock
        self._threads = threads
        self._notices = notices
        self._ended = ended
        self._clock = time.monotonic
        self.here = threading.local()  # ``flight``: whose check runs in this thread
        self.watch = ProcessWatch(self._clock, partial(notices.stalled, "process"))
        self.loops = Loops(self.watch, self._clock, partial(notices.stalled, "event_loop"))
        self.pool = Pool(threads)
        #: Those that are not judged yet.
        self.flying: set[Flight] = set()

    def launch(self, component: Checked, rounds: Iterable[Round] = ()) -> None:
        """Run the check, unless it runs already. The lock is held.

        Args:
            component: Whose check.
            rounds: Wait for it to come to something.
        """
        flight = component.flight
        if flight is not None and flight.overran_at is not None and flight.lost:
            component.flight = flight = None
        if flight is None:
            flight = component.flight = Flight(component, self.watch, self._clock)
            flight.rounds.extend(rounds)
            component.used = component.tried = True
            self.flying.add(flight)
            self.watch.expect(self._clock() + TICK)
            self._start(flight)
        elif flight.overran_at is None and getattr(self.here, "flight", None) is not flight:
            flight.rounds.extend(rounds)
        else:  # nobody waits for what overran, nor for himself
            for each in rounds:
                each.settle()

    def judge(self) -> None:
        """Find those that have overrun. The lock is held."""
        slow = 0
        for flight in list(self.flying):
            if flight.lost:
                self._end(flight, outcomes.again("the event loop is closed"))
                continue
            if flight.loop is not None:
                flight.loop.ask()
            if flight.begun_at is None:
                continue
            left = flight.left(flight.component.entry.timeout)
            if left <= 0:
                self._overrun(flight)
            elif flight.worker is not None and flight.elapsed() > self._patience(flight):
                slow += 1
        self.pool.make_room(slow)

    def next_look(self, now: float) -> float | None:
        """When to judge again (monotonic seconds); ``None`` while nothing flies."""
        if not self.flying:
            return None
        tick = CROWDED_TICK if self.pool.waiting else TICK
        left = [
            flight.left(flight.component.entry.timeout)
            for flight in self.flying
            if flight.begun_at is not None
        ]
        return now + max(0.0005, min([tick, *left]))

    def news_of(self, components: Iterable[Component]) -> list[Change]:
        """What subscribers do not know yet of these. The lock is held."""
        changes = []
        now = self._clock()
        for component in components:
            before, after = component.told, component.at(now)
            component.told = after
            if before.status is not after.status and not component.begins_well(before, after):
                changes.append((component.name, before, after))
        return changes

    def end(self) -> tuple[list[Thread], Callable[[], None]]:
        """Start no more; gives the threads that end, and what ends the loop. The lock is held."""
        crew = self.pool.close()
        self.pool = Pool(self._threads)
        for flight in list(self.flying):
            if flight.begun_at is None:  # nobody will take it from the queue
                self.drop(flight.component)
            elif flight.asynchronous:
                flight.cancel()
        return crew, self.loops.release()

    def drop(self, component: Checked) -> None:
        """Want nothing of its run any more. The lock is held."""
        flight, component.flight = component.flight, None
        if flight is not None:
            self.flying.discard(flight)
            flight.settle()

    def _start(self, flight: Flight) -> None:
        entry = flight.component.entry
        if entry.isolated:
            self.pool.submit(partial(self._in_process, flight))
        elif is_async(entry.check):
            self._on_loop(flight, entry.check)
        else:
            self.pool.submit(partial(self._in_thread, flight))

    def _in_thread(self, flight: Flight, worker: Worker) -> None:
        if flight.component.flight is not flight:
            return
        flight.worker = worker
        self.here.flight = flight
        flight.begin()
        try:
            value = flight.component.entry.check()
            if inspect.isawaitable(value):
                self._hand_over(flight, value)
                return
            outcome = outcomes.returned(value)
        except BaseException as error:  # SystemExit in a check must not end anything
            outcome = outcomes.raised(error)
        finally:
            self.here.flight = None
        self.finished(flight, outcome)

    def _hand_over(self, flight: Flight, value: Any) -> None:
        """A plain callable has returned an awaitable: it goes on, on a loop."""
        with self._lock:
            current = flight.component.flight is flight and flight.overran_at is None
            if current:
                flight.worker = None
                current = self._on_loop(flight, lambda: value)
        if not current:
            if inspect.iscoroutine(value):
                value.close()
            self.finished(flight, outcomes.again("the event loop does not run"))

    def _in_process(self, flight: Flight, worker: Worker) -> None:
        from pepperpy_otel.health.isolation import run

        if flight.component.flight is flight:
            self.finished(flight, run(flight))

    def _on_loop(self, flight: Flight, source: Callable[[], Any]) -> bool:
        from pepperpy_otel.health.loops import launch

        watch = self.loops.choose()
        if watch is None:
            if flight.begun_at is None:
                self._end(flight, outcomes.again("the event loop does not run"))
            return False
        flight.board(watch)
        watch.ask()
        launch(flight, source, self.finished)
        return True

    def _overrun(self, flight: Flight) -> None:
        component = flight.component
        blocked = flight.loop if flight.holds_loop() else None
        outcome = outcomes.overran(component.entry.timeout, asynchronous=flight.asynchronous)
        now = self._clock()
        flight.overran_at = now
        flight.blocks = blocked is not None
        self.flying.discard(flight)
        component.take(outcome, now, flight.elapsed())
        self._tell(flight, outcome, self.news_of([component]))
        flight.settle()
        if flight.kill is not None:
            flight.kill()
        elif flight.worker is not None:
            self.pool.write_off(flight.worker)
        else:
            flight.cancel()
        if blocked is not None and self.loops.abandon(blocked):
            self._rescue(blocked)

    def _rescue(self, blocked: LoopWatch) -> None:
        """One check holds the private loop for good: the others begin again on a new one."""
        for flight in [each for each in self.flying if each.loop is blocked]:
            rounds, flight.rounds = flight.rounds, []
            self.drop(flight.component)
            self.launch(flight.component, rounds)

    def _patience(self, flight: Flight) -> float:
        """Seconds after which a check counts as slow: more on a machine that wakes us late."""
        last = flight.component.machine.verdict.duration or 0.0
        return max(SLOW, SLOWER * max(last, self.watch.lateness))

    def finished(self, flight: Flight, outcome: Outcome) -> None:
        """A run has ended, in whatever thread this is."""
        with self._lock:
            self._end(flight, outcome)
        self.deliver(here=not flight.asynchronous)

    def deliver(self, *, here: bool = False) -> None:
        """Tell what is to be told, in a worker: never in the application's loop or thread."""
        if here:
            self._notices.deliver()
        elif self._notices.waiting:
            self.pool.submit(lambda _: self._notices.deliver())

    def _end(self, flight: Flight, outcome: Outcome) -> None:
        component = flight.component
        self.flying.discard(flight)
        if component.flight is not flight:  # of another process, or registered no more
            return
        component.flight = None
        if flight.overran_at is not None:  # it was judged; what comes this late counts no more
            self._ended(component, False)
            return
        stalled = flight.stalled()
        first = component.inconclusive < AT_ONCE
        if outcomes.is_our_fault(outcome, stalled, flight.elapsed()):
            outcome = outcomes.again(f"this process stood still for {stalled:.2f} s meanwhile")
        elif outcome.again:
            first = False
        if outcome.again:
            component.skip(outcome, self._clock())
        else:
            component.take(outcome, self._clock(), flight.elapsed())
        self._tell(flight, outcome, self.news_of([component]))
        if first and outcome.again and flight.rounds:
            rounds, flight.rounds = flight.rounds, []
            self.launch(component, rounds)
        else:
            flight.settle()
            self._ended(component, outcome.again)

    def _tell(self, flight: Flight, outcome: Outcome, changes: list[Change]) -> None:
        elapsed = flight.elapsed()  # not by the wall clock, which may have been set meanwhile
        started = flight.began_at_wall or time.time()
        self._notices.ran(
            HealthRun(
                flight.component.name,
                started,
                started + elapsed,
                outcome.result,
                outcome.summary,
                outcome.error,
            ),
            outcome.error_type,
            changes,
        )
