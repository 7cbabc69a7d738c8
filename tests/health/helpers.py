"""What the tests of the checker share: waiting without sleeping, components that misbehave."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health import HealthChecker, HealthVerdict

DEADLINE = 15.0


def until(condition: Callable[[], object], what: str = "", timeout: float = DEADLINE) -> None:
    """Wait until ``condition()`` holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what or "it did not come to that"
        time.sleep(0.002)


def settled(checker: HealthChecker, name: str, status: str, reason: str) -> HealthVerdict:
    """Wait until the verdict has that status and reason, and give it."""
    deadline = time.monotonic() + DEADLINE
    while True:
        verdict = checker.snapshot()[name]
        if (verdict.status.value, verdict.reason.value) == (status, reason):
            return verdict
        assert time.monotonic() < deadline, f"{name} is {verdict}"
        time.sleep(0.002)


class Loop:
    """An event loop that runs in a thread of its own, like that of an application."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="app-loop")
        self._thread.start()

    def call(self, function: Callable[[], Any]) -> None:
        """Call ``function`` in the loop's thread and wait for it."""
        done = threading.Event()

        def call() -> None:
            try:
                function()
            finally:
                done.set()

        self.loop.call_soon_threadsafe(call)
        assert done.wait(DEADLINE)

    def start(self, checker: HealthChecker) -> None:
        """Start the checker where this loop runs."""
        self.call(checker.start)

    def block(self, seconds: float) -> None:
        """Keep the loop from turning; does not wait for it."""
        self.loop.call_soon_threadsafe(time.sleep, seconds)

    def close(self) -> None:
        """End it as ``asyncio.run()`` does: what still runs is cancelled."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()
