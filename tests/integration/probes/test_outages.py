"""Probes and real servers that die, stop answering and come back."""

import asyncio
import gc
import inspect
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from pepperpy_otel.health import HealthResult, HealthStatus
from tests.integration.probes.daemon import Daemon
from tests.integration.probes.daemons import PASSWORD
from tests.integration.probes.targets import TARGETS, Target

pytestmark = [
    pytest.mark.integration,
    # aiormq 6 (the last one for Python 3.10) leaves the socket of an attempt that is given up while
    # the broker is silent to the garbage collector, which warns.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

TIMEOUT = 1.0


class Asked:
    """A probe, asked from here whether it blocks or awaits."""

    def __init__(self, probe: Any) -> None:
        self.probe = probe
        self._runner = asyncio.new_event_loop()

    def __call__(self) -> HealthResult:
        answer = self.probe()
        if inspect.isawaitable(answer):
            return self._runner.run_until_complete(answer)  # type: ignore[arg-type]
        return answer

    def until(self, status: HealthStatus, seconds: float = 30.0) -> HealthResult:
        """Ask until it is so; fails with the last answer."""
        end = time.monotonic() + seconds
        while (result := self()).status is not status:
            assert time.monotonic() < end, result
            time.sleep(0.05)
        return result

    def tasks(self) -> list[str]:
        """What still runs on the loop, after it had a moment to end."""
        self._runner.run_until_complete(asyncio.sleep(0.1))
        return [str(task) for task in asyncio.all_tasks(self._runner)]

    def end(self) -> None:
        if hasattr(self.probe, "aclose"):
            self._runner.run_until_complete(self.probe.aclose())
        self.probe.close()
        self._runner.run_until_complete(asyncio.sleep(0.05))
        self._runner.run_until_complete(self._runner.shutdown_default_executor())
        self._runner.close()
        gc.collect()  # here, where its warnings are expected


@pytest.fixture(params=TARGETS.values(), ids=TARGETS.keys())
def target(request: pytest.FixtureRequest, driver: Callable[..., None]) -> Target:
    chosen: Target = request.param
    driver(chosen.module, optional=chosen.optional)
    return chosen


@pytest.fixture
def server(target: Target, daemon: Callable[[str], Daemon]) -> Iterator[Daemon]:
    running = daemon(target.kind)
    yield running
    running.resume()


@pytest.fixture
def asked(target: Target, server: Daemon) -> Iterator[Asked]:
    asking = Asked(target.make(server.port, TIMEOUT))
    yield asking
    asking.end()


def _connections(server: Daemon) -> int:
    """Connections of this process to the server; an event loop has sockets of its own, too."""
    found = psutil.Process().net_connections("tcp")
    return len([each for each in found if each.raddr and each.raddr.port == server.port])


def test_a_server_that_answers_is_healthy_over_one_connection(
    asked: Asked, server: Daemon, target: Target
) -> None:
    """Ten runs use one connection, and close() ends it; no thread is left."""
    threads = set(threading.enumerate())
    asked.until(HealthStatus.HEALTHY)
    for _ in range(9):
        assert asked().status is HealthStatus.HEALTHY
    assert _connections(server) == (1 if target.kept else 0)
    if hasattr(asked.probe, "aclose"):
        asked._runner.run_until_complete(asked.probe.aclose())
    asked.probe.close()
    assert _connections(server) == 0
    assert set(threading.enumerate()) == threads


def test_a_killed_server_is_unhealthy_at_once_and_healthy_when_it_is_back(
    asked: Asked, server: Daemon, target: Target
) -> None:
    """SIGKILL is seen in the next run, and the first run after the restart is good again."""
    asked.until(HealthStatus.HEALTHY)
    server.kill()
    started = time.monotonic()
    result = asked()
    assert time.monotonic() - started < TIMEOUT + target.slack
    assert result.status is HealthStatus.UNHEALTHY
    assert PASSWORD not in str(result)
    assert "\n" not in result.reason
    server.start()
    asked.until(HealthStatus.HEALTHY)
    # Restarted between two runs: the old connection is dead, the service is not.
    server.kill()
    server.start()
    other = Asked(target.make(server.port, TIMEOUT))
    other.until(HealthStatus.HEALTHY)
    other.end()
    assert asked().status is HealthStatus.HEALTHY


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_stopped_server_fails_within_the_timeout(
    asked: Asked, server: Daemon, target: Target, warm: bool
) -> None:
    """SIGSTOP: the kernel accepts, nobody answers; the run ends in time, and recovers after."""
    if warm:
        asked.until(HealthStatus.HEALTHY)
    threads = set(threading.enumerate())
    server.pause()
    for _ in range(2):
        started = time.monotonic()
        result = asked()
        took = time.monotonic() - started
        assert result.status is HealthStatus.UNHEALTHY
        assert took < TIMEOUT + target.slack, result
        assert PASSWORD not in str(result)
    server.resume()
    asked.until(HealthStatus.HEALTHY)
    assert set(threading.enumerate()) == threads
    assert len(asked.tasks()) <= 3, asked.tasks()


def test_a_forked_child_does_not_touch_the_connection_of_its_parent(
    asked: Asked, target: Target, server: Daemon
) -> None:
    """The child asks over a connection of its own and ends; the parent's still answers."""
    if target.kind == "s3":
        pytest.skip("botocore holds its sockets itself")
    asked.until(HealthStatus.HEALTHY)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child = Asked(asked.probe)
            code = 0 if child().status is HealthStatus.HEALTHY else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert asked().status is HealthStatus.HEALTHY
    assert _connections(server) == (1 if target.kept else 0)
