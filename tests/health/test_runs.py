"""Runs that end in odd ways: by our own fault, after their component is gone, with a stop()."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.health.dependency import busy
from tests.health.helpers import until

if TYPE_CHECKING:
    from pepperpy_otel.health import HealthChecker

LONG = 10.0


def test_a_limit_that_struck_while_we_stood_still_is_asked_again(checker: HealthChecker) -> None:
    """The run is inconclusive and repeated at once, for who waits; what it says then counts."""
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 1:
            busy(0.4)
            raise TimeoutError("a driver's limit")

    checker.register("db", check, interval=60, timeout=5)
    assert checker.run(LONG).verdicts["db"].status.value == "healthy"
    assert len(calls) == 2
    history = checker.get_details("db")["history"]
    assert [each["result"] for each in history] == ["inconclusive", "pass"]
    assert "stood still" in history[0]["reason"]


def test_what_ends_after_its_component_was_removed_says_nothing(
    checker: HealthChecker, release: threading.Event
) -> None:
    """Its verdict would be one on a component that nobody knows."""
    ended: list[str] = []
    seen: list[object] = []

    def check() -> None:
        release.wait(60)
        ended.append(threading.current_thread().name)

    checker.subscribe(seen.append)
    checker.register("db", check, timeout=4)
    checker.run(0.0)
    until(lambda: checker._scheduler.runs.pool.waiting == 0)
    checker.unregister("db")
    release.set()
    until(lambda: len(checker._scheduler.runs.pool._idle) == 1)
    assert len(ended) <= 1
    assert seen == []


def test_a_check_may_stop_the_checker(checker: HealthChecker) -> None:
    """It does not wait for itself."""
    checker.register("db", checker.stop, timeout=4)
    checker.run(LONG)
    until(lambda: checker.check_component("db").value == "healthy")
