"""The fault matrix: each fault, sync and async, cold and warm, has one exact verdict.

Cold: the fault is there at the first run. Warm: the component was healthy before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.health.dependency import (
    Dependency,
    hangs,
    hangs_async,
    raises,
    raises_async,
)
from tests.health.helpers import settled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from pepperpy_otel.health import HealthChecker

HEALTHY = ("healthy", "ok")
FAILED = ("unhealthy", "failed")
SUSPECT = ("degraded", "suspect")
BAD_RETURN = ("unhealthy", "bad return")
STILL_RUNNING = ("unhealthy", "still running")
TIMED_OUT = ("unhealthy", "timed out")
#: Seconds of one run; a driver's limit is shorter where it has one.
TIMEOUT = 0.3


class Fault(NamedTuple):
    """One row: what the check does, and what is to be said of it."""

    sync: Callable[[Dependency, threading.Event], Callable[[], Any]]
    asynchronous: Callable[[Dependency, threading.Event], Callable[[], Any]]
    mode: str
    cold: tuple[str, str]
    warm: tuple[str, str]
    #: Where it is another one for a coroutine.
    cold_async: tuple[str, str] | None = None


def _asks(driver: float | None = 0.1) -> tuple[Any, Any]:
    return (
        lambda dependency, release: dependency.ask(driver),
        lambda dependency, release: dependency.ask_async(driver),
    )


def _raising(error: Callable[[], BaseException]) -> tuple[Any, Any]:
    return lambda *_: raises(error), lambda *_: raises_async(error)


def _returning(value: Any) -> tuple[Any, Any]:
    async def check() -> Any:
        return value

    return lambda *_: lambda: value, lambda *_: check


FAULTS = {
    "refused": Fault(*_asks(), "refused", FAILED, SUSPECT),
    "black hole": Fault(*_asks(), "silent", FAILED, SUSPECT),
    "slow, beyond the timeout": Fault(
        *_asks(None), "slow", STILL_RUNNING, STILL_RUNNING, TIMED_OUT
    ),
    "slow, beyond the driver's limit": Fault(*_asks(), "slow", FAILED, SUSPECT),
    "wrong answer": Fault(*_asks(), "wrong", FAILED, SUSPECT),
    "half open": Fault(*_asks(None), "silent", STILL_RUNNING, STILL_RUNNING, TIMED_OUT),
    "hang": Fault(
        lambda _, release: hangs(release),
        lambda _, release: hangs_async(release),
        "well",
        STILL_RUNNING,
        STILL_RUNNING,
        TIMED_OUT,
    ),
    "raise": Fault(*_raising(lambda: RuntimeError("no")), "well", FAILED, SUSPECT),
    "SystemExit": Fault(*_raising(lambda: SystemExit(1)), "well", FAILED, SUSPECT),
    "KeyboardInterrupt": Fault(*_raising(KeyboardInterrupt), "well", FAILED, SUSPECT),
    "cancel": Fault(*_raising(asyncio.CancelledError), "well", FAILED, SUSPECT),
    "bad return 0": Fault(*_returning(0), "well", BAD_RETURN, BAD_RETURN),
    "bad return 1": Fault(*_returning(1), "well", BAD_RETURN, BAD_RETURN),
    "bad return ''": Fault(*_returning(""), "well", BAD_RETURN, BAD_RETURN),
    "bad return dict": Fault(*_returning({"ok": 1}), "well", BAD_RETURN, BAD_RETURN),
    "False": Fault(*_returning(False), "well", FAILED, SUSPECT),
    "none": Fault(*_asks(), "well", HEALTHY, HEALTHY),
}


@pytest.fixture
def dependency() -> Iterator[Dependency]:
    """A dependency that is well."""
    server = Dependency()
    yield server
    server.close()


def _fall(dependency: Dependency, mode: str) -> None:
    if mode == "refused":
        dependency.refuse()
    else:
        dependency.mode = mode


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_one_verdict(
    checker: HealthChecker,
    dependency: Dependency,
    release: threading.Event,
    name: str,
    warm: bool,
    asynchronous: bool,
) -> None:
    """One run after the fault began, status and reason are exactly what the table says."""
    fault = FAULTS[name]
    faulty = (fault.asynchronous if asynchronous else fault.sync)(dependency, release)
    check = _switch(dependency, faulty, asynchronous)
    checker.register("db", check, interval=60, timeout=TIMEOUT)
    if warm:
        checker.run(timeout=10)
        settled(checker, "db", *HEALTHY)
    _fall(dependency, fault.mode)
    check.broken = True
    checker.run(timeout=10)
    expected = fault.warm if warm else fault.cold
    if asynchronous and fault.cold_async is not None:
        expected = fault.cold_async
    verdict = checker.snapshot()["db"]
    assert (verdict.status.value, verdict.reason.value) == expected


class _Switch:
    """A check that is well until ``broken``."""

    def __init__(self, well: Callable[[], Any], faulty: Callable[[], Any]) -> None:
        self.broken = False
        self._well = well
        self._faulty = faulty

    def __call__(self) -> Any:
        return self._faulty() if self.broken else self._well()


class _AsyncSwitch(_Switch):
    async def __call__(self) -> Any:
        return await super().__call__()


def _switch(dependency: Dependency, faulty: Callable[[], Any], asynchronous: bool) -> _Switch:
    if asynchronous:
        return _AsyncSwitch(dependency.ask_async(None), faulty)
    return _Switch(dependency.ask(None), faulty)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([True, False], SUSPECT),
        ([True, False, False], SUSPECT),
        ([True, False, False, False], FAILED),
        ([True, False, True, False, True, False], SUSPECT),
        ([False, True, False, True], SUSPECT),
        ([False], FAILED),
        ([False, True], SUSPECT),
        ([False, True, True], HEALTHY),
        ([True, False, False, False, True], SUSPECT),
        ([True, False, False, False, True, True], HEALTHY),
        ([True, False, True, True], HEALTHY),
    ],
)
def test_flapping_and_recovery(
    checker: HealthChecker, results: list[bool], expected: tuple[str, str], asynchronous: bool
) -> None:
    """The thresholds count in a row, in both directions, with DEGRADED between them."""
    answers = iter(results)

    def check() -> bool:
        return next(answers)

    async def check_async() -> bool:
        return next(answers)

    checker.register("db", check_async if asynchronous else check, interval=60, timeout=5)
    for _ in results:
        checker.run(timeout=10)
    verdict = checker.snapshot()["db"]
    assert (verdict.status.value, verdict.reason.value) == expected
