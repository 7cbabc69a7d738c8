"""Which event loop a check runs on, without importing asyncio before there is one to run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.stalls import LoopWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.loops import PrivateLoop
    from pepperpy_otel.health.stalls import ProcessWatch

#: Seconds that stop() waits for the private loop.
PATIENCE = 1.0


class Loops:
    """The application's loop where there was one at the start, else a private one.

    Args:
        process: Sums up the stalls of the whole process.
        clock: Monotonic seconds.
        report: Told of the stalls of the application's loop, in seconds.
    """

    def __init__(
        self,
        process: ProcessWatch,
        clock: Callable[[], float] = time.monotonic,
        report: Any = bool,
    ) -> None:
        self._process = process
        self._clock = clock
        self._report = report
        #: The application's loop, watched.
        self.captured: LoopWatch | None = None
        self._private: PrivateLoop | None = None
        self._private_watch: LoopWatch | None = None

    def capture(self) -> None:
        """Take the loop that runs in this thread, unless the one that we have still runs."""
        if "asyncio" not in sys.modules:
            return
        from pepperpy_otel.health.loops import running_loop

        loop = running_loop()
        if self._private is not None and loop is self._private.loop:
            return  # a check has called start()
        held = self.captured
        if loop is not None and (held is None or not held.loop.is_running()):
            self.captured = LoopWatch(loop, self._process, self._clock, self._report)

    def inside(self) -> bool:
        """Whether this is the private loop's thread."""
        if self._private is None:
            return False
        from pepperpy_otel.health.loops import running_loop

        return running_loop() is self._private.loop

    def choose(self) -> LoopWatch | None:
        """The loop for a run; ``None`` when the application's has ended.

        A client that belongs to the old loop would fail on another one, and say nothing about what
        it is connected to.
        """
        if self.captured is not None:
            return self.captured if self.captured.loop.is_running() else None
        if self._private is None:
            from pepperpy_otel.health.loops import PrivateLoop

            self._private = PrivateLoop()
            self._private_watch = LoopWatch(self._private.loop, self._process, self._clock)
        return self._private_watch

    def abandon(self, watch: LoopWatch) -> bool:
        """Use this loop no more if it is the private one: a check keeps it from turning."""
        if self._private is None or watch is not self._private_watch:
            return False
        private, self._private, self._private_watch = self._private, None, None
        private.end(0.0)
        return True

    def release(self) -> Callable[[], None]:
        """Let go of both; returns what ends the private one, which takes a moment."""
        private, self._private, self._private_watch = self._private, None, None
        self.captured = None

        def end() -> None:
            if private is not None:
                private.end(PATIENCE)

        return end
