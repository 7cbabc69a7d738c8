"""Our own stalls, told apart from slow dependencies.

A check that waits for an answer cannot take it while another thread holds the GIL, while the
container is throttled, or while the event loop is busy with something else; when it wakes, its
timeout is over, although the dependency has answered long ago. So the time that a check is given
is the time on the clock minus what this process and this event loop have slept through. Both are
noticed in the same way: something was to happen by a certain moment and happens later.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    LoopStall = Callable[[float], object]

#: Seconds between two looks at what is running.
TICK = 0.02
#: Seconds of delay that are nothing: a busy machine wakes threads late.
NOISE = 0.02
#: Seconds of delay that are told to those who observe stalls.
REPORTED = 0.1


class ProcessWatch:
    """Sums up the seconds in which this process did not run as it should.

    The scheduler says when it wants to wake up next; what it wakes up later is the stall. The sum
    can be read at any moment, also by a thread that wakes up earlier than the scheduler.

    Args:
        clock: Monotonic seconds.
        report: Told of each stall worth telling, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, report: LoopStall = bool
    ) -> None:
        self._clock = clock
        self._report = report
        #: (sum so far, moment of the next sign of life): one tuple, read without a lock.
        self._state = (0.0, math.inf)
        #: Seconds by which the scheduler was woken late of late, the noise included.
        self.lateness = 0.0

    def sign(self, until: float) -> None:
        """The scheduler lives, and gives the next sign of life by ``until``."""
        total, expected = self._state
        late = self._clock() - expected
        self.lateness = max(late, 0.8 * self.lateness)
        self._state = (total + late if late >= NOISE else total, until)
        if late >= REPORTED:
            self._report(late)

    def expect(self, by: float) -> None:
        """Something has begun: the scheduler was told to give its next sign by then already."""
        total, expected = self._state
        self._state = (total, min(expected, by))

    def stalled(self) -> float:
        """Seconds of stall since the beginning, the present one included."""
        total, expected = self._state
        late = self._clock() - expected
        return total + late if late >= NOISE else total


class LoopWatch:
    """Sums up the seconds in which an event loop did not turn.

    Args:
        loop: The loop; it is sent a callback now and then, and the time until it calls it is taken.
        process: What it sums up is not the loop's, and not counted twice.
        clock: Monotonic seconds.
        report: Told of each stall worth telling, in seconds.
    """

    def __init__(
        self,
        loop: Any,
        process: ProcessWatch,
        clock: Callable[[], float] = time.monotonic,
        report: LoopStall = bool,
    ) -> None:
        self.loop = loop
        self._clock = clock
        self._report = report
        self._process = process
        self._total = 0.0
        #: Monotonic seconds of the question, and the stalls of the process until then.
        self._asked: tuple[float, float] | None = None

    def ask(self) -> None:
        """Ask for a sign of life, unless one is asked for already."""
        if self._asked is None:
            self._asked = (self._clock(), self._process.stalled())
            try:
                self.loop.call_soon_threadsafe(self._answer)
            except RuntimeError:  # closed
                self._asked = None

    def _answer(self) -> None:
        late = self.silent()
        if late >= NOISE:
            self._total += late
        self._asked = None
        if late >= REPORTED:
            self._report(late)

    def silent(self) -> float:
        """Seconds since a sign of life was asked for in vain; 0 when none is missing."""
        asked = self._asked
        if asked is None:
            return 0.0
        return max(0.0, self._clock() - asked[0] - (self._process.stalled() - asked[1]))

    def stalled(self) -> float:
        """Seconds of stall since the beginning, the present one included."""
        silent = self.silent()
        return self._total + silent if silent >= NOISE else self._total
