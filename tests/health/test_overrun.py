"""Checks that take longer than they may: judged in time, started once, and late results dropped."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.health.helpers import Loop, settled, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.health import HealthChecker, HealthVerdict

LONG = 10.0


def _own_threads() -> int:
    return sum(each.name.startswith("pepperpy-otel-health") for each in threading.enumerate())


def test_a_hung_check_is_started_once_and_holds_up_nobody(
    checker: HealthChecker, release: threading.Event
) -> None:
    """UNHEALTHY, still running for so long; the next rounds neither start it nor wait for it."""
    starts: list[int] = []

    def hang() -> None:
        starts.append(1)
        release.wait(60)

    checker.register("hung", hang, interval=1, timeout=0.05)
    checker.register("well", lambda: None)
    report = checker.run()
    assert report.verdicts["hung"].status.value == "unhealthy"
    assert report.verdicts["hung"].reason.value == "still running"
    assert report.verdicts["hung"].summary.startswith("still running for 0.")
    assert report.verdicts["well"].status.value == "healthy"
    assert report.status.value == "unhealthy"
    for _ in range(5):
        assert checker.run(LONG).elapsed < LONG / 2
    assert len(starts) == 1
    details = checker.get_details("hung")
    assert details["running_for"] > 0.05
    assert "release.wait(60)" in details["stack"]


def test_a_late_result_is_dropped_and_the_next_run_counts(
    checker: HealthChecker, release: threading.Event
) -> None:
    """What a check says after its timeout says nothing; then it is run again."""
    first = threading.Event()

    def check() -> bool:
        if not first.is_set():
            first.set()
            release.wait(60)
        return True

    checker.register("db", check, interval=60, timeout=0.1)
    checker.run(LONG)
    release.set()
    verdict = settled(checker, "db", "unhealthy", "timed out")
    assert verdict.summary == "took longer than its timeout of 0.1 s"
    checker.run(LONG)
    assert checker.check_component("db").value == "degraded"
    checker.run(LONG)
    assert checker.check_component("db").value == "healthy"


def test_in_the_background_it_is_run_again_soon(
    checker: HealthChecker, release: threading.Event
) -> None:
    """A check that hung once comes back within seconds, although its interval is a minute."""
    first = threading.Event()

    def check() -> None:
        if not first.is_set():
            first.set()
            release.wait(60)

    checker.register("db", check, interval=2, timeout=0.1)
    checker.start()
    settled(checker, "db", "unhealthy", "still running")
    release.set()
    settled(checker, "db", "healthy", "ok")


def test_a_round_does_not_judge_what_may_still_answer(
    checker: HealthChecker, release: threading.Event
) -> None:
    """A check within its own timeout when the round ends is pending, and judged when it is over."""
    checker.register("slow", lambda: release.wait(60), interval=10, timeout=0.5)
    report = checker.run(timeout=0.02)
    assert report.verdicts["slow"].reason.value == "pending"
    assert report.elapsed < 0.4
    settled(checker, "slow", "unhealthy", "still running")


def test_it_keeps_its_fresh_verdict_meanwhile(
    checker: HealthChecker, release: threading.Event
) -> None:
    """Not finished is not unhealthy: the verdict of the last run stands."""
    hang = threading.Event()
    checker.register("db", lambda: release.wait(60) if hang.is_set() else None, timeout=4)
    checker.run(LONG)
    hang.set()
    assert checker.run().verdicts["db"].status.value == "healthy"
    release.set()
    settled(checker, "db", "healthy", "ok")


def test_a_coroutine_that_hangs_times_out_and_is_cancelled(checker: HealthChecker) -> None:
    """UNHEALTHY, timed out; the coroutine is cancelled, and the next run is a new one."""
    cancelled: list[bool] = []

    async def check() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    checker.register("db", check, interval=60, timeout=0.05)
    verdict = checker.run(LONG).verdicts["db"]
    assert (verdict.status.value, verdict.reason.value) == ("unhealthy", "timed out")
    assert verdict.summary == "timed out after 0.05 s"
    until(lambda: cancelled)
    until(lambda: checker.snapshot()["db"].running_for is None)
    checker.run(LONG)
    until(lambda: len(cancelled) == 2)


def test_a_coroutine_that_swallows_its_cancellation_is_started_once(
    checker: HealthChecker,
) -> None:
    """It counts as still running after a moment, and is not started again while it does."""
    starts: list[int] = []
    end = threading.Event()

    async def check() -> None:
        starts.append(1)
        while not end.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    checker.register("db", check, interval=60, timeout=0.05)
    checker.run(LONG)
    verdict = settled(checker, "db", "unhealthy", "still running")
    assert verdict.summary.startswith("timed out after 0.05 s, still running for ")
    for _ in range(3):
        checker.run(LONG)
    assert len(starts) == 1
    end.set()
    settled(checker, "db", "unhealthy", "timed out")
    checker.run(LONG)
    assert len(starts) == 2


def test_a_coroutine_that_blocks_the_private_loop_hurts_only_itself(
    checker: HealthChecker, release: threading.Event
) -> None:
    """It is the one that is judged; the others go on, on a new loop."""

    async def blocks() -> None:
        release.wait(60)

    async def well() -> None:
        await asyncio.sleep(0.05)

    checker.register("guilty", blocks, interval=60, timeout=0.2)
    for number in range(5):
        checker.register(f"well-{number}", well, interval=60, timeout=0.5)
    verdicts = checker.run(LONG).verdicts
    assert _state(verdicts["guilty"]) == ("unhealthy", "still running")
    assert {_state(verdicts[f"well-{number}"]) for number in range(5)} == {("healthy", "ok")}
    release.set()
    settled(checker, "guilty", "unhealthy", "timed out")


def test_a_coroutine_that_blocks_the_applications_loop_is_the_one_that_is_judged(
    checker: HealthChecker, app_loop: Loop, release: threading.Event
) -> None:
    """The loop is not ours to replace; the innocent ones keep their verdicts."""
    blocking = threading.Event()

    async def blocks() -> None:
        if blocking.is_set():
            release.wait(60)

    async def well() -> None:
        await asyncio.sleep(0.01)

    checker.register("guilty", blocks, interval=60, timeout=0.1)
    checker.register("well", well, interval=60, timeout=0.1)
    app_loop.start(checker)
    checker.run(LONG)
    blocking.set()
    checker.run(0.5)
    settled(checker, "guilty", "unhealthy", "still running")
    assert _state(checker.snapshot()["well"]) == ("healthy", "ok")
    release.set()
    settled(checker, "guilty", "unhealthy", "timed out")


def test_a_blocking_call_that_fails_in_a_coroutine_is_a_failure(checker: HealthChecker) -> None:
    """The loop stood still by the check's own doing: that excuses nothing."""

    async def check() -> None:
        time.sleep(0.2)
        raise ConnectionError("no route")

    checker.register("db", check, interval=60, timeout=2)
    verdict = checker.run(LONG).verdicts["db"]
    assert _state(verdict) == ("unhealthy", "failed")
    assert verdict.summary == "ConnectionError: no route"


def test_a_plain_function_that_overran_and_then_returns_an_awaitable(
    checker: HealthChecker, release: threading.Event
) -> None:
    """What it gives so late is not awaited any more, and not complained about either."""

    async def never() -> None:
        raise AssertionError("this must not run")

    class Awaitable:
        def __await__(self) -> Iterator[None]:
            raise AssertionError("this must not run")

    def hang(value: Callable[[], object]) -> object:
        release.wait(60)
        return value()

    checker.register("coroutine", lambda: hang(never), interval=60, timeout=0.05)
    checker.register("object", lambda: hang(Awaitable), interval=60, timeout=0.05)
    checker.run(LONG)
    release.set()
    settled(checker, "coroutine", "unhealthy", "timed out")
    settled(checker, "object", "unhealthy", "timed out")


@pytest.mark.parametrize("hung", [5, 20])
def test_a_hung_check_costs_one_thread(
    checker: HealthChecker, release: threading.Event, hung: int
) -> None:
    """Threads stay below the workers and one for each check that hangs, round after round."""
    before = _own_threads()
    for number in range(hung):
        checker.register(f"hung-{number}", lambda: release.wait(60), interval=60, timeout=0.05)
    for number in range(50):
        checker.register(f"well-{number}", lambda: None)
    for _ in range(10):
        verdicts = checker.run(LONG).verdicts
        assert _own_threads() - before <= 16 + hung
    states = {name: _state(verdict) for name, verdict in verdicts.items()}
    assert {states[f"hung-{number}"] for number in range(hung)} == {("unhealthy", "still running")}
    assert {states[f"well-{number}"] for number in range(50)} == {("healthy", "ok")}


def _state(verdict: HealthVerdict) -> tuple[str, str]:
    return verdict.status.value, verdict.reason.value
