"""One run of one check while it is in the air: its own clock, and who waits for it."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.component import Checked
    from pepperpy_otel.health.stalls import LoopWatch, ProcessWatch
    from pepperpy_otel.health.workers import Worker


class Round:
    """Somebody waits until a number of runs have come to something.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._left = count
        self._done = threading.Event()
        if not count:
            self._done.set()

    def settle(self) -> None:
        """One more has ended, or has overrun."""
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._done.set()

    def wait(self, timeout: float) -> None:
        """Wait for all of them, that many seconds at most."""
        self._done.wait(timeout)


class Flight:
    """A run: its time begins when the function begins, not while it waits for a thread or a loop.

    Args:
        component: Whose check it is.
        watch: Knows when this process stood still.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        component: Checked,
        watch: ProcessWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.component = component
        self._watch = watch
        self._clock = clock
        self.begun_at: float | None = None
        self.began_at_wall = 0.0
        self._process_mark = 0.0
        self._loop_mark = 0.0
        #: Seconds that the steps of the check itself held the loop, and the start of this step.
        self._own = 0.0
        self._step: float | None = None
        self.worker: Worker | None = None
        self.loop: LoopWatch | None = None
        self.task: Any = None
        #: Ends what the run has left in the world, when it overran.
        self.kill: Callable[[], object] | None = None
        #: Monotonic seconds when it was found to have overrun.
        self.overran_at: float | None = None
        #: Whether it kept its loop from turning then.
        self.blocks = False
        self.rounds: list[Round] = []

    def begin(self) -> None:
        """The function begins now."""
        if self.begun_at is None:
            self._process_mark = self._watch.stalled()
            self.began_at_wall = time.time()
            self.begun_at = self._clock()
            if self.loop is not None:
                self._loop_mark = self.loop.stalled()

    def board(self, loop: LoopWatch) -> None:
        """It goes on, or will begin, on this loop."""
        self.loop = loop
        self._loop_mark = loop.stalled()

    def step(self, starts: bool) -> None:
        """A step of a coroutine starts, or is over: meanwhile the loop stands by its own doing."""
        now = self._clock()
        if starts:
            self._step = now
        else:
            self._own += now - (self._step or now)
            self._step = None

    @property
    def asynchronous(self) -> bool:
        """Whether it runs on an event loop."""
        return self.loop is not None

    def holds_loop(self) -> bool:
        """Whether it is this very run that keeps its loop from turning now."""
        return self._step is not None

    def stalled(self) -> float:
        """Seconds in which the check could not go on, by no fault of its own."""
        stalled = self._watch.stalled() - self._process_mark
        if self.loop is not None:
            step = self._step
            own = self._own + (self._clock() - step if step is not None else 0.0)
            stalled += max(0.0, self.loop.stalled() - self._loop_mark - own)
        return stalled

    def elapsed(self) -> float:
        """Seconds since the beginning, stalls included; 0 before it."""
        return 0.0 if self.begun_at is None else self._clock() - self.begun_at

    def left(self, timeout: float) -> float:
        """Seconds that the check still has; all of them before the beginning."""
        return timeout - max(0.0, self.elapsed() - self.stalled())

    @property
    def lost(self) -> bool:
        """Whether its loop is closed, so that it will never end."""
        return self.loop is not None and self.loop.loop.is_closed()

    def cancel(self) -> None:
        """Ask the coroutine to end."""
        task, loop = self.task, self.loop
        if task is not None and loop is not None:
            with contextlib.suppress(RuntimeError):  # closed
                loop.loop.call_soon_threadsafe(task.cancel)

    def settle(self) -> None:
        """Tell those who wait that this run has come to something."""
        rounds, self.rounds = self.rounds, []
        for each in rounds:
            each.settle()
