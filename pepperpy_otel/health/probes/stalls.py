"""Process stall: whether all of it stood still (GIL held, CPU throttled, VM paused).

Two ways, no thread: the stalls that the health checker's own watchdog saw, if it is given, and the
time by which a few short sleeps of this probe came back late.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.local import Local, checked_seconds
from pepperpy_otel.health.probes.wording import degraded, healthy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.status import HealthResult

SLEEPS = 3
SLEEP = 0.01
#: Stalls remembered; more than these within the window change nothing.
MOST = 100


def process_stall(
    observe: Callable[[Callable[[str, float], None]], Any] | None = None,
    *,
    degraded_seconds: float = 1.0,
    window: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Local:
    """A local probe: the process has not stood still lately. Takes 30 ms, asleep.

    Args:
        observe: Where stalls are told, ``health.observe_stalls`` of a checker: called once with a
            function ``(kind, seconds)``; what it returns, if it can be called, ends that.
        degraded_seconds: A stall longer than this is DEGRADED; it is never UNHEALTHY.
        window: Seconds for which a stall is remembered.
        clock: Monotonic seconds.
        sleep: Sleeps for seconds.

    Raises:
        ValueError: A number of seconds is not positive.
    """
    checked_seconds("degraded_seconds", degraded_seconds)
    checked_seconds("window", window)
    seen = _Stalls(degraded_seconds, window, clock, sleep)
    ending = observe(seen.add) if observe is not None else None
    return Local("process stall", seen, ending if callable(ending) else None)


class _Stalls:
    def __init__(
        self,
        degraded_seconds: float,
        window: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._degraded_seconds = degraded_seconds
        self._window = window
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, float]] = deque(maxlen=MOST)

    def add(self, kind: str, seconds: float) -> None:
        """Take note of a stall; those of event loops are another probe's."""
        if kind == "process":
            with self._lock:
                self._seen.append((self._clock(), seconds))

    def __call__(self) -> HealthResult:
        for _ in range(SLEEPS):
            before = self._clock()
            self._sleep(SLEEP)
            self.add("process", max(self._clock() - before - SLEEP, 0.0))
        oldest = self._clock() - self._window
        with self._lock:
            worst = max((seconds for when, seconds in self._seen if when >= oldest), default=0.0)
        text = f"longest stall {worst * 1000:.0f} ms within {self._window:g} s"
        data = {"longest_seconds": round(worst, 4), "window_seconds": self._window}
        return degraded(text, **data) if worst > self._degraded_seconds else healthy(text, **data)
