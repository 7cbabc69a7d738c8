"""The fault matrix, where the fault is ours and the dependency is well: no verdict may change.

A GIL that is held, a blocked event loop, a clock that is set, a fork, hung neighbours, a scheduler
that is killed; each sync and async, cold and warm.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.health.dependency import Dependency, busy
from tests.health.helpers import settled, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.health import HealthChecker, Transition
    from tests.health.helpers import Loop

HEALTHY = ("healthy", "ok")
#: Seconds: of the driver and of the check. Shorter than the stalls where there are some; elsewhere
#: so long that the dependency, a thread of this very process, is well on a busy machine too.
SHORT = (1.0, 1.4)
LONG = (5.0, 6.0)
both_kinds = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
both_starts = pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
stalls = pytest.mark.parametrize(
    "seconds", [1.6, pytest.param(3.0, marks=pytest.mark.slow)], ids=["short", "3s"]
)


@pytest.fixture
def dependency() -> Iterator[Dependency]:
    """A dependency that is well."""
    server = Dependency()
    yield server
    server.close()


class Watched:
    """One check on a dependency that is well, run often; every verdict is kept."""

    def __init__(
        self,
        checker: HealthChecker,
        dependency: Dependency,
        asynchronous: bool,
        limits: tuple[float, float] = LONG,
    ) -> None:
        self.checker = checker
        self.results: list[str] = []
        self.seen: list[Transition] = []
        checker.subscribe(self.seen.append)
        checker.observe_runs(self._ran)
        driver, timeout = limits
        check = dependency.ask_async(driver) if asynchronous else dependency.ask(driver)
        checker.register("db", check, interval=8.0, timeout=timeout)

    def _ran(self, name: str, seconds: float, result: str, error: str | None) -> None:
        if name == "db":
            self.results.append(result)

    def force(self, times: int = 3) -> None:
        """Run it some more times."""
        for _ in range(times):
            self.checker.run(timeout=10)

    def assert_never_wrong(self) -> None:
        """It is healthy, and nothing else was ever said of it."""
        settled(self.checker, "db", *HEALTHY)
        until(lambda: any(each.name == "db" for each in self.seen))
        statuses = {each.after.status.value for each in self.seen if each.name == "db"}
        assert statuses == {"healthy"}
        assert set(self.results) <= {"pass", "inconclusive"}


def _start(checker: HealthChecker, watched: Watched, warm: bool) -> None:
    checker.start()
    if warm:
        watched.force()
        settled(checker, "db", *HEALTHY)


@stalls
@both_starts
@both_kinds
def test_a_held_gil_is_no_verdict(
    checker: HealthChecker, dependency: Dependency, asynchronous: bool, warm: bool, seconds: float
) -> None:
    """While a C call holds the GIL, limits strike; the dependency is well all the same."""
    watched = Watched(checker, dependency, asynchronous, SHORT)
    _start(checker, watched, warm)
    run = threading.Thread(target=watched.force, args=(1,))
    run.start()
    time.sleep(0.002)
    busy(seconds)
    run.join()
    watched.assert_never_wrong()


@stalls
@both_starts
@both_kinds
def test_a_blocked_event_loop_is_no_verdict(
    checker: HealthChecker,
    app_loop: Loop,
    dependency: Dependency,
    asynchronous: bool,
    warm: bool,
    seconds: float,
) -> None:
    """While the application keeps its loop busy, answers wait; the dependency is well."""
    watched = Watched(checker, dependency, asynchronous, SHORT)
    if warm:
        app_loop.start(checker)
        settled(checker, "db", *HEALTHY)
    run = threading.Thread(target=watched.force, args=(1,))
    if warm:
        run.start()
        time.sleep(0.002)
        app_loop.block(seconds)
    else:
        app_loop.start(checker)
        app_loop.block(seconds)
        run.start()
    run.join()
    watched.assert_never_wrong()


@pytest.mark.parametrize("hours", [-1, 1])
@both_starts
@both_kinds
def test_a_clock_that_is_set_is_no_verdict(
    checker: HealthChecker,
    dependency: Dependency,
    monkeypatch: pytest.MonkeyPatch,
    asynchronous: bool,
    warm: bool,
    hours: int,
) -> None:
    """The wall clock decides nothing: an hour more or less makes no verdict old or new."""
    watched = Watched(checker, dependency, asynchronous)
    if warm:
        _start(checker, watched, warm)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    checker.start()
    watched.force()
    watched.assert_never_wrong()
    age = checker.get_details("db")["age"]
    assert 0 <= age < 60


@both_starts
@both_kinds
def test_hung_neighbours_are_no_verdict(
    checker: HealthChecker,
    dependency: Dependency,
    release: threading.Event,
    asynchronous: bool,
    warm: bool,
) -> None:
    """More checks hang than there are threads: the others are judged as before."""
    watched = Watched(checker, dependency, asynchronous)
    if warm:
        _start(checker, watched, warm)
    for number in range(40):
        checker.register(f"hung-{number}", lambda: release.wait(60), interval=60, timeout=0.3)
    checker.start()
    watched.force()
    watched.assert_never_wrong()
    until(lambda: checker.snapshot()["hung-39"].status.value == "unhealthy")
    assert checker.snapshot()["hung-39"].reason.value == "still running"
    watched.force()
    watched.assert_never_wrong()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@both_kinds
def test_a_killed_scheduler_comes_back(
    checker: HealthChecker, dependency: Dependency, asynchronous: bool
) -> None:
    """Whatever ends the scheduler's thread, the next question starts it again."""
    watched = Watched(checker, dependency, asynchronous)
    _start(checker, watched, warm=True)
    _kill("pepperpy-otel-health")
    before = len(watched.results)
    until(lambda: checker.snapshot() and checker._scheduler.running)
    watched.force()
    watched.assert_never_wrong()
    until(lambda: len(watched.results) > before)
    assert checker.group_status("live").value == "healthy"


def _kill(name: str) -> None:
    [thread] = [each for each in threading.enumerate() if each.name == name]
    raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
    )
    assert raised == 1
    until(lambda: not thread.is_alive(), "the scheduler survived")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@both_starts
@both_kinds
def test_a_fork_is_no_verdict(
    run_python: Callable[..., object], asynchronous: bool, warm: bool
) -> None:
    """A forked child knows nothing at first, says so, and finds out for itself."""
    program = f"""
    import os, time
    from pepperpy_otel.health import HealthChecker
    checker = HealthChecker()
    def check(): pass
    async def check_async(): pass
    checker.register("db", {"check_async" if asynchronous else "check"}, interval=0.5)
    checker.start()
    while {warm} and checker.snapshot()["db"].status.value != "healthy": time.sleep(0.01)
    child = os.fork()
    if child == 0:
        first = checker._components["db"].at(time.monotonic())
        print(first.status.value, first.reason.value, flush=True)
        started = time.monotonic()
        checker.check_all()
        assert time.monotonic() - started < 1
        while checker.check_all()["db"].value != "healthy": time.sleep(0.01)
        print(checker.run().verdicts["db"].status.value, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(checker.run(timeout=10).verdicts["db"].status.value, flush=True)
    """
    env = {name: "" for name in os.environ if name.startswith("COVERAGE")}
    done = run_python(program, env=env, timeout=30)
    assert done.stdout.split() == ["unknown", "pending", "healthy", "healthy"], done  # type: ignore[attr-defined]
