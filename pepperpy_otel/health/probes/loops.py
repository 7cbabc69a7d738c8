"""Event-loop lag: how long the loop takes to run a callback that is due now.

Asked from another thread: a question put by the loop itself is put only when it is free.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.deadline import checked_timeout
from pepperpy_otel.health.probes.local import Local, checked_seconds
from pepperpy_otel.health.probes.wording import degraded, healthy

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthResult


def event_loop(
    loop: asyncio.AbstractEventLoop | None = None,
    *,
    degraded_seconds: float = 0.5,
    timeout: float = 1.0,
) -> Local:
    """A local probe: the loop runs a callback soon after it was handed over.

    Args:
        loop: The loop; by default the one that runs now, so call this in a coroutine.
        degraded_seconds: More lag than this many seconds is DEGRADED; it is never UNHEALTHY.
        timeout: Seconds for a run; a loop that has not answered by then is DEGRADED.

    Raises:
        ValueError: There is no running loop and none was given, or a number cannot be used.
    """
    checked_seconds("degraded_seconds", degraded_seconds)
    checked_timeout(timeout)
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ValueError(
                "probes.event_loop() needs a loop: give one, or call it in a coroutine"
            ) from None
    return Local("event loop", _Lag(loop, degraded_seconds, timeout))


class _Lag:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, degraded_seconds: float, timeout: float
    ) -> None:
        self._loop = loop
        self._degraded_seconds = degraded_seconds
        self._timeout = timeout

    def __call__(self) -> HealthResult:
        if _runs_in_this_thread(self._loop):
            return healthy("asked by the loop itself: it runs")
        if self._loop.is_closed() or not self._loop.is_running():
            return degraded("the loop does not run")
        ran = threading.Event()
        stamps: list[float] = []

        def answer() -> None:
            stamps.append(time.monotonic())
            ran.set()

        asked = time.monotonic()
        self._loop.call_soon_threadsafe(answer)
        if not ran.wait(self._timeout):
            return degraded(
                f"the loop ran nothing for {self._timeout:g} s", lag_seconds=self._timeout
            )
        # The loop's own stamp: until this thread runs again may take longer.
        lag = stamps[0] - asked
        text = f"lag {lag * 1000:.0f} ms"
        data = {"lag_seconds": round(lag, 4)}
        return degraded(text, **data) if lag > self._degraded_seconds else healthy(text, **data)


def _runs_in_this_thread(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
