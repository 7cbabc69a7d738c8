"""check_all() of a checker that nobody runs: its first answer is a true one, and not a shrug."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthChecker, HealthStatus
from tests.health.helpers import settled, until

if TYPE_CHECKING:
    import subprocess
    import threading
    from collections.abc import Callable

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def test_the_first_question_runs_what_has_never_run(checker: HealthChecker) -> None:
    """Without start() or run() check_all() answers from one run of each check, sync and async."""
    runs: list[str] = []

    async def queue() -> bool:
        runs.append("queue")
        return True

    def answered() -> dict[str, HealthStatus]:
        return {name: status for name, status in checker.check_all().items() if name in expected}

    expected = {"db": HealthStatus.UNHEALTHY}
    checker.register("db", lambda: bool(runs.append("db")))
    until(lambda: answered() == expected)
    expected["queue"] = HealthStatus.HEALTHY
    checker.register("queue", queue)
    until(lambda: answered() == expected)
    assert runs == ["db", "queue"]


def test_a_slow_check_is_not_waited_for(checker: HealthChecker, release: threading.Event) -> None:
    """The first question takes the time of a round at most, the next ones none."""
    checker.register("slow", lambda: release.wait(1.5))
    begun = time.monotonic()
    assert checker.check_all()["slow"] is HealthStatus.UNKNOWN
    assert time.monotonic() - begun < 0.5
    release.set()
    settled(checker, "slow", "healthy", "ok")


def test_nothing_else_runs_a_check(checker: HealthChecker) -> None:
    """What an endpoint, a gauge or the details read is what is known, and that it is pending."""
    checker.register("db", lambda: True)
    assert checker.check_component("db") is HealthStatus.UNKNOWN
    assert checker.get_details("db")["code"] == "pending"
    assert checker.snapshot()["db"].status is HealthStatus.UNKNOWN
    assert checker.group_status("ready") is HealthStatus.UNKNOWN
    assert checker.overall_status() is HealthStatus.UNKNOWN


def test_who_started_and_stopped_it_does_not_want_it_run(checker: HealthChecker) -> None:
    """After stop() a question runs nothing: the application has ended its checks."""
    checker.start()
    checker.stop()
    checker.register("db", lambda: True)
    assert checker.check_all()["db"] is HealthStatus.UNKNOWN
    assert checker.get_details("db")["code"] == "pending"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_inside_a_check_nothing_is_run(checker: HealthChecker, asynchronous: bool) -> None:
    """A check that asks gets what is known; the next question from outside runs the rest."""
    found: list[HealthStatus] = []

    def ask() -> None:
        checker.register("other", lambda: True)
        found.append(checker.check_all()["other"])

    async def ask_on_the_loop() -> None:
        ask()

    checker.register("asking", ask_on_the_loop if asynchronous else ask)
    until(lambda: checker.check_all()["asking"] is HealthStatus.HEALTHY)
    assert found == [HealthStatus.UNKNOWN]
    until(lambda: checker.check_all()["other"] is HealthStatus.HEALTHY)


@needs_fork
def test_a_forked_child_asks_for_itself(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A child's first question is a first one; a check that forks does not fork for ever."""
    result = run_python(
        """
        import os, sys, time
        from pepperpy_otel.health import HealthChecker
        checker = HealthChecker()
        runs = []
        checker.register("db", lambda: runs.append(os.getpid()))

        def forking():
            if not (child := os.fork()):
                print("in the check", checker.check_all()["forking"].value, flush=True)
                os._exit(0)
            os.waitpid(child, 0)

        def asked(name):
            deadline = time.monotonic() + 20
            while (status := checker.check_all()[name].value) == "unknown":
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return status

        print("parent", asked("db"), flush=True)
        if not (child := os.fork()):
            print("child", asked("db"), runs[-1] == os.getpid(), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        checker.register("forking", forking, timeout=4.0)
        print("forking", asked("forking"), flush=True)
        """,
    )
    assert result.stdout.splitlines() == [
        *("parent healthy", "child healthy True", "in the check unknown", "forking healthy"),
    ], result.stderr
