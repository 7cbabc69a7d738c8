"""The checker in the life of a process: configure() and its end, forks, the interpreter's exit."""

from __future__ import annotations

import gc
import os
import weakref
from typing import TYPE_CHECKING

import pytest

import pepperpy_otel
from pepperpy_otel import health
from pepperpy_otel.health import HealthChecker, HealthStatus, forks
from tests.health.helpers import settled

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]
    Run = Callable[..., subprocess.CompletedProcess[str]]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch, checker: HealthChecker) -> Iterator[HealthChecker]:
    """The checker of this test is the current one."""
    monkeypatch.setattr(health, "_current", checker)
    yield checker
    pepperpy_otel.rollback()


def test_configure_starts_what_was_registered_before(
    configure: Configure, current: HealthChecker
) -> None:
    """Early registrations are in telemetry.health and run; shutdown() stops them."""
    runs: list[int] = []
    health.register("early", lambda: runs.append(1), interval=0.1, timeout=0.05)
    assert health.check_component("early") is HealthStatus.UNKNOWN
    telemetry = configure(service_name="shop")
    assert telemetry.health is current
    settled(telemetry.health, "early", "healthy", "ok")
    telemetry.health.register("late", lambda: True)
    settled(current, "late", "healthy", "ok")
    assert telemetry.health.address is None
    telemetry.shutdown()
    count = len(runs)
    settled(current, "early", "unknown", "stale")
    assert len(runs) == count


def test_rollback_ends_the_background_and_configure_starts_it_again(
    configure: Configure, current: HealthChecker
) -> None:
    """What the application registered stays its own."""
    health.register("db", lambda: True, interval=0.1, timeout=0.05)
    configure(service_name="shop")
    settled(current, "db", "healthy", "ok")
    assert "health checks in the background" in pepperpy_otel.rollback().restored
    settled(current, "db", "unknown", "stale")
    configure(service_name="shop")
    settled(current, "db", "healthy", "ok")


def test_health_false_starts_nothing(
    configure: Configure, current: HealthChecker, own_threads: Callable[[], list[str]]
) -> None:
    """Without health checks there is the checker, and nothing in the background."""
    health.register("db", lambda: True)
    configure(service_name="shop", health=False)
    assert not [name for name in own_threads() if "health" in name]
    assert current.check_component("db") is HealthStatus.UNKNOWN
    pepperpy_otel.shutdown()


def test_configure_loads_no_asyncio_for_it(run_python: Run) -> None:
    """Nobody pays for what nobody uses: no event loop, no subprocess machinery, no thread."""
    done = run_python(
        """
        import sys, threading
        import pepperpy_otel.health
        print(*{"asyncio", "multiprocessing", "pickle", "concurrent.futures"} & set(sys.modules))
        checker = pepperpy_otel.health.current()
        checker.start()
        checker.check_all()
        print(threading.active_count())
        checker.register("db", lambda: True)
        while checker.check_all()["db"].value != "healthy": pass
        print("asyncio" in sys.modules)
        """,
        env={name: "" for name in os.environ if name.startswith("COVERAGE")},
    )
    assert done.stdout.split() == ["1", "False"], done


def test_the_interpreter_ends_at_once_while_a_check_hangs(run_python: Run) -> None:
    """A thread that does not come back does not keep the process."""
    done = run_python(
        """
        import asyncio, threading, time
        from pepperpy_otel.health import HealthChecker
        checker = HealthChecker()
        async def hang_async():
            while True:
                try: await asyncio.sleep(60)
                except asyncio.CancelledError: pass
        async def block(): time.sleep(60)
        checker.register("hung", lambda: time.sleep(60), interval=1, timeout=0.1)
        checker.register("hung_async", hang_async, interval=1, timeout=0.1)
        checker.register("well", lambda: None, interval=0.01, timeout=0.005)
        checker.start()
        checker.run(2)
        checker.register("blocks", block, interval=1, timeout=0.1)
        checker.run(2)
        print(checker.check_all()["blocks"].value)
        """,
        env={name: "" for name in os.environ if name.startswith("COVERAGE")},
        timeout=20,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("unhealthy\n", "", 0)


@needs_fork
def test_a_child_of_a_checker_that_was_not_started_runs_when_asked(run_python: Run) -> None:
    """run() works in a forked child, also while the parent's check hangs."""
    done = run_python(
        """
        import os, threading
        from pepperpy_otel.health import HealthChecker
        parent = os.getpid()
        hang = threading.Event()
        checker = HealthChecker()
        checker.register("db", lambda: hang.wait(60) if os.getpid() == parent else None,
                         interval=60, timeout=0.1)
        checker.run(5)
        print(checker.check_all()["db"].value, flush=True)
        child = os.fork()
        if child == 0:
            print(checker.check_all()["db"].value, flush=True)
            print(checker.run(5).verdicts["db"].status.value, flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(checker.check_all()["db"].value, flush=True)
        """,
        env={name: "" for name in os.environ if name.startswith("COVERAGE")},
    )
    assert done.stdout.split() == ["unhealthy", "unknown", "healthy", "unhealthy"], done


def test_become_child_forgets_all_that_was_the_parents(checker: HealthChecker) -> None:
    """Verdicts, beats and runs: the child finds out for itself, when somebody asks."""
    checker.register("db", lambda: True, interval=60)
    beats = checker.heartbeat("worker", ttl=60)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    beats.beat()
    pool, watch = checker._scheduler.runs.pool, checker._scheduler.runs.watch
    checker.become_child()
    pool.close()  # in a real child its threads do not exist
    now = 0.0
    assert checker._components["db"].at(now).reason.value == "pending"
    assert checker._components["worker"].at(now).reason.value == "pending"
    assert not checker._scheduler.running
    settled(checker, "db", "healthy", "ok")
    assert checker._scheduler.runs.watch is not watch
    checker.stop()
    checker.become_child()
    assert checker.check_component("db").value == "unknown"


def test_the_hooks_are_set_once_and_keep_nothing_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fork hook and one exit hook for all checkers, whatever one of them does."""
    called: list[str] = []

    class Follower:
        def become_child(self) -> None:
            called.append("child")
            raise RuntimeError("a defect")

        def stop(self) -> None:
            called.append("stop")
            raise RuntimeError("a defect")

    hooks: list[str] = []
    monkeypatch.setattr(forks, "_hooked", False)
    monkeypatch.setattr(forks, "_followers", weakref.WeakSet())
    monkeypatch.setattr(forks.atexit, "register", lambda hook: hooks.append("exit"))
    monkeypatch.setattr(
        forks.os, "register_at_fork", lambda **hook: hooks.append("fork"), raising=False
    )
    first, second = Follower(), Follower()
    forks.follow(first)
    forks.follow(second)
    assert hooks == ["exit", "fork"]
    forks._in_child()
    forks._at_exit()
    assert called == ["child", "child", "stop", "stop"]
    monkeypatch.setattr(forks, "_hooked", False)
    monkeypatch.delattr(forks.os, "register_at_fork")
    forks.follow(HealthChecker())
    assert hooks == ["exit", "fork", "exit"]
    gc.collect()
    assert set(forks._followers) == {first, second}
