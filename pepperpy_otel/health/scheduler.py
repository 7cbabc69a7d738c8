"""One thread that knows what is due, keeps the deadlines, and says that it lives.

It runs no check and calls nobody, so that nothing can hold it up; workers do both. It is started
when there is something to do, and ends when there is nothing any more: an application without
checks has no thread of ours for them, and a checker that was only asked to ``run()`` none for long.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from pepperpy_otel import _native
from pepperpy_otel.errors import report_internal
from pepperpy_otel.health.closing import close_probes
from pepperpy_otel.health.component import Checked
from pepperpy_otel.health.flight import Round
from pepperpy_otel.health.runs import Runs
from pepperpy_otel.health.stalls import TICK
from pepperpy_otel.health.timetable import Timetable
from pepperpy_otel.health.workers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.component import Component
    from pepperpy_otel.health.notices import Notices

#: Threads that run checks, the scheduler and the private event loop included.
WORKERS = 16
#: Seconds between two signs of life at the least.
BEAT = 5.0
#: Seconds without one after which the scheduler counts as dead.
DEAD = 30.0
#: Seconds after which a check is tried again that fails, or recovers, or was not answered.
RETRY = 1.0
#: Seconds over which the first runs are spread, at most.
SPREAD = 0.25
#: Part of the interval to which moments are rounded: checks that are due together cost less.
GRAIN = 1 / 20
#: Part of the interval by which it varies, so that many processes do not ask at the same moment.
JITTER = 0.1
#: Seconds for which the thread waits for more to do, when the checker was not started.
LINGER = 0.5
#: Parts of that which it may be; it is always less than the second that is promised.
PAUSE = (0.5, 0.9)
PATIENCE = 1.0


class Scheduler:
    """Runs the checks of the components, in the background and on demand.

    Args:
        components: Name → component; the checker's own, which grows.
        notices: Told of what happens.
        workers: Threads at most, beside those that hang.
    """

    def __init__(self, components: dict[str, Component], notices: Notices, workers: int) -> None:
        self._components = components
        self._notices = notices
        self._threads = max(1, workers - 2)  # the scheduler's own, and the private loop's
        self.started = False
        #: Whether anybody has asked since the start; built-in components are worth a thread then.
        self.asked = False
        #: Whether somebody runs the checks, or did: then nobody who only asks does so.
        self.managed = False
        #: Whether there are checks that nobody has run yet.
        self._untried = False
        self._knows_from = 0.0
        self._make()

    def _make(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self.runs = Runs(self.lock, self._threads, self._notices, self._run_ended)
        self._timetable = Timetable()
        self._thread: _native.Thread | None = None
        self._beat_at = time.monotonic()
        self._linger_until = 0.0
        self._wake_by = float("inf")
        self._phase = random.random()

    def start(self) -> None:
        """Run the checks in the background from now on."""
        with self.lock:
            self.runs.loops.capture()
            if self.started:
                return
            self.started = self.managed = True
            self.asked = False
            self._knows_from = 0.0
            for component in self._components.values():
                self._enter(component)
        self.ensure()

    def stop(self) -> None:
        """Run no more checks; what hangs is left to itself."""
        with self.lock:
            self.started = False
            thread, self._thread = self._thread, None
            self._timetable.clear()
            crew, end_loop = self.runs.end()
            self._changed.notify_all()
        if thread is not None and not _native.is_current(thread):
            thread.join(PATIENCE)
        checked = [each for each in list(self._components.values()) if isinstance(each, Checked)]
        # Before the private loop, which theirs may be.
        close_probes(each.entry.check for each in checked if each.used)
        for each in checked:
            each.used = False
        wait_for(crew)
        end_loop()

    def become_child(self) -> None:
        """Begin anew in a forked child; the thread is started when somebody asks."""
        self._make()
        self._untried = True
        self._knows_from = float("inf")
        for component in list(self._components.values()):
            component.forget()
            if self.started:
                self._enter(component)

    def add(self, component: Component) -> None:
        """A component is there from now on. The lock is held."""
        self._untried = True
        if self.started:
            self._enter(component)
            self._changed.notify_all()

    def remove(self, component: Component) -> None:
        """A component is there no more. The lock is held."""
        self._timetable.drop(component)
        if isinstance(component, Checked):
            self.runs.drop(component)
            close_probes([component.entry.check], 0.0)

    def look(self, component: Component, when: float | None = None) -> None:
        """Tell what changed about it, now or at that moment (monotonic seconds)."""
        with self.lock:
            if when is None:
                self._notices.changed(self.runs.news_of([component]))
            elif self.started:
                self._timetable.look_at(when, component)
                self._changed.notify_all()
        self.runs.deliver()

    def round(self, timeout: float) -> None:
        """Run every check now; wait for those that can still end, that many seconds at most."""
        self._round(timeout, lambda _: True)

    def first_round(self, timeout: float) -> None:
        """Run what has never run, where nobody else does so, as ``round()`` does.

        Never inside a check: its thread or its event loop is not there to wait for others.
        """
        if not self._untried or self.managed:
            return
        runs = self.runs
        if getattr(runs.here, "flight", None) is None and not runs.loops.inside():
            self._untried = False
            self._round(timeout, lambda component: not component.tried)

    def _round(self, timeout: float, wanted: Callable[[Checked], bool]) -> None:
        deadline = time.monotonic() + timeout
        with self.lock:
            every = [each for each in self._components.values() if isinstance(each, Checked)]
            checked = [each for each in every if wanted(each)]
            # Those that failed last are the likeliest to hold their thread for long.
            checked.sort(key=lambda component: component.machine.failures > 0)
            everybody = Round(len(checked))
            for component in checked:
                self.runs.launch(component, [everybody])
            self._linger_until = time.monotonic() + LINGER
            self._start_thread()
            self._changed.notify_all()
        everybody.wait(max(0.0, deadline - time.monotonic()))

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def wanted(self) -> bool:
        """Whether there is anything to do in the background."""
        return self.started and any(
            not each.builtin or (self.asked and each.interval < float("inf"))
            for each in list(self._components.values())
        )

    @property
    def silent_for(self) -> float:
        """Seconds since the last sign of life; 0 where none is to be expected."""
        return time.monotonic() - self._beat_at if self.wanted else 0.0

    @property
    def newborn(self) -> bool:
        """Whether this is a forked child whose checks have had no time to run yet."""
        return self.wanted and time.monotonic() < self._knows_from

    def ensure(self) -> None:
        """Start the thread where it is wanted and not there, whatever has ended it."""
        if self.running or not self.wanted:
            return
        with self.lock:
            self._start_thread()

    def _start_thread(self) -> None:
        if self.running:
            return
        self._beat_at = now = time.monotonic()
        self._knows_from = min(self._knows_from, now + RETRY)
        thread = _native.thread(self._main, "pepperpy-otel-health")
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends
            self._thread = None

    def _main(self) -> None:
        while self._turn():
            pass

    def _turn(self) -> bool:
        with self.lock:
            if not _native.is_current(self._thread):
                return False
            self._beat_at = now = time.monotonic()
            watch = self.runs.watch
            watch.sign(now + TICK)
            wake = now + TICK
            try:
                self.runs.judge()
                self._do_what_is_due(now)
                wake = self._next_wake(now)
            except Exception as error:
                report_internal("health scheduler", error)
            self.runs.deliver()
            if wake == float("inf"):
                self._thread = None
                watch.sign(wake)
                return False
            watch.sign(wake)
            self._wake_by = wake
            self._changed.wait(max(0.0, wake - time.monotonic()))
            return True

    def _do_what_is_due(self, now: float) -> None:
        looks: list[Component] = []
        for runs, component in self._timetable.due(now):
            if not runs:
                looks.append(component)
            elif isinstance(component, Checked):
                self.runs.launch(component)
            else:
                looks.append(component)
                self._timetable.run_at(now + component.interval, component)
        self._notices.changed(self.runs.news_of(looks))

    def _next_wake(self, now: float) -> float:
        flying = self.runs.next_look(now)
        if not self.wanted:
            if flying is not None:
                return flying
            return self._linger_until if self._linger_until > now else float("inf")
        times = [now + BEAT, self._timetable.next, flying]
        return min(each for each in times if each is not None)

    def _enter(self, component: Component) -> None:
        now = time.monotonic()
        if component.interval < float("inf"):
            first = random.uniform(0.0, min(SPREAD, component.interval / 10))
            self._timetable.run_at(now + first, component)

    def _run_ended(self, component: Checked, soon: bool) -> None:
        """Plan the next run, sooner for one of which too little is known. The lock is held."""
        if not self.started:
            return
        machine, interval, now = component.machine, component.interval, time.monotonic()
        worse = component.inconclusive if soon else machine.failures - component.entry.fail_after
        if soon or machine.failures or component.suspect:
            pause = RETRY * random.uniform(*PAUSE) * 2 ** min(10, max(0, worse))
            due = now + (0.0 if soon and worse <= 1 else min(interval, pause))
        else:
            due = now + interval * random.uniform(1 - JITTER, 1 + JITTER)
            grain = GRAIN * interval
            phase = self._phase * grain  # processes of one machine share the monotonic clock
            due = max(now, (due - phase) // grain * grain + phase)
        self._timetable.run_at(due, component)
        if machine.expires_at < float("inf"):
            self._timetable.look_at(machine.expires_at, component)
        if due < self._wake_by:
            self._changed.notify_all()
