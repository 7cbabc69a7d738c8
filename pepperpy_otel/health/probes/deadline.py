"""How long one run of a probe may take, handed down to each of its steps.

Time in which this process stood still (GIL held, CPU throttled, VM paused, event loop blocked) says
nothing about the server:

* a step that follows a successful one is granted half of the whole at least; a server that does not
  answer fails in the one step that waits for it, so that a run still ends in time;
* who waits with a timer of Python's waits in short slots: one that took far longer counts as one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_SHARE = 0.5
#: Seconds of a slot.
TICK = 0.05


class Deadline:
    """A number of seconds from now on.

    Args:
        seconds: How long.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds that the next step may take; never zero, see above."""
        return max(self._end - self._clock(), self.seconds * LEAST_SHARE)

    @property
    def over(self) -> bool:
        """Whether the whole time has passed."""
        return self._clock() >= self._end

    def share(self, part: float) -> Deadline:
        """A deadline of its own over a part (0 to 1) of what is left."""
        return Deadline(self.left() * part, self._clock)


class Patience:
    """Seconds to wait while this process runs, in slots.

        while not arrived and (slot := patience.slot()):
            wait_for_it(slot)
            patience.waited()

    Args:
        seconds: How long.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.left = seconds
        self._clock = clock
        self._slot = 0.0
        self._before = 0.0

    def slot(self) -> float:
        """Seconds to wait now; 0 when there is no patience left."""
        self._slot = max(min(TICK, self.left), 0.0)
        self._before = self._clock()
        return self._slot

    def waited(self) -> None:
        """The slot has passed, or what was waited for has come."""
        passed = self._clock() - self._before
        self.left -= passed if passed < self._slot + TICK else self._slot


def checked_timeout(timeout: float) -> float:
    """The seconds as given.

    Raises:
        ValueError: It is not a positive number.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ValueError(f"timeout={timeout!r} is not a positive number of seconds")
    return float(timeout)
