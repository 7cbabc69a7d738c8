"""Checks in processes of their own: answers, errors, and a hang that is killed."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health import HealthChecker, isolation, runs
from tests.health.helpers import until

if TYPE_CHECKING:
    from pathlib import Path

LONG = 60.0
pytestmark = [
    pytest.mark.slow,
    # 3.12 warns of forks in processes with threads; these are spawned.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("check", "status", "reason"),
    [
        (functools.partial(time.sleep, 0), "healthy", ""),
        (functools.partial(asyncio.sleep, 0), "healthy", ""),
        (os.getpid, "unhealthy", "may not return int"),
        (functools.partial(os.stat, "/no/such/path"), "unhealthy", "FileNotFoundError"),
        (functools.partial(os.kill, 0, 0), "healthy", ""),
        (
            functools.partial(signal.raise_signal, signal.SIGKILL),
            "unhealthy",
            "its process ended without an answer",
        ),
    ],
)
def test_what_a_check_in_its_own_process_says(
    checker: HealthChecker, check: Any, status: str, reason: str
) -> None:
    """The same answers as in this process; one that ends without any is a failure."""
    checker.register("db", check, isolation="process", interval=LONG, timeout=30)
    checker.run(LONG)
    details = checker.get_details("db")
    assert details["status"] == status
    assert reason in details["reason"]


def test_a_hang_is_killed_and_costs_no_thread(checker: HealthChecker) -> None:
    """At the timeout the process is gone, and the next run is a new one."""
    check = functools.partial(time.sleep, 600)
    checker.register("db", check, isolation="process", interval=LONG, timeout=0.3)
    checker.run(LONG)
    assert checker.snapshot()["db"].reason.value == "timed out"
    until(lambda: not multiprocessing.active_children())
    until(lambda: checker.snapshot()["db"].running_for is None)
    assert checker.check_component("db").value == "unhealthy"


class _NoProcess:
    def start(self) -> None:
        raise AssertionError("daemonic processes are not allowed to have children")


class _Context:
    Pipe = staticmethod(multiprocessing.Pipe)

    @staticmethod
    def Process(**options: Any) -> _NoProcess:
        return _NoProcess()


def test_where_no_process_can_be_started_nothing_is_known(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of this machine is no verdict on the component."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: _Context)
    checker.register("db", os.getpid, isolation="process")
    checker.run(LONG)
    assert checker.snapshot()["db"].reason.value == "pending"
    assert "no process can be started" in checker.get_details("db")["history"][0]["reason"]


def test_a_process_that_does_not_start_in_time_is_no_verdict(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of the check begins when the process says so, not before."""
    monkeypatch.setattr(isolation, "START", 0.0)
    checker.register("db", functools.partial(time.sleep, 5), isolation="process")
    checker.run(LONG)
    assert "has not started" in checker.get_details("db")["history"][0]["reason"]


class _Pipe:
    def __init__(self, fails: int = 0) -> None:
        self.sent: list[Any] = []
        self._fails = fails

    def send(self, value: Any) -> None:
        if value is not None and self._fails:
            self._fails -= 1
            raise TypeError("cannot pickle")
        self.sent.append(value)


@pytest.mark.parametrize("fails", [0, 1])
def test_the_child_sends_what_can_be_sent(monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    """First that it begins, then the outcome; data that cannot be sent is a failure."""
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)

    async def check() -> bool:
        return True

    pipe = _Pipe(fails)
    isolation.child(pipe, check)
    assert pipe.sent[0] is None
    assert pipe.sent[1].result == ("fail" if fails else "pass")
    pipe = _Pipe()
    isolation.child(pipe, functools.partial(os.stat, "/no/such/path"))
    assert pipe.sent[1].result == "fail"
    assert pipe.sent[1].error is None
    assert "FileNotFoundError" in pipe.sent[1].traceback
    pipe = _Pipe()
    isolation.child(pipe, lambda: False)
    assert pipe.sent[1].summary == "the check returned False"
    assert left == [0, 0, 0]


def test_a_check_removed_before_its_turn_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queued run of a component that is gone is dropped."""
    path = tmp_path / "made"
    started: list[int] = []
    narrow = HealthChecker(workers=1)
    release = threading.Event()
    monkeypatch.setattr(runs, "SLOW", 60.0)  # the only thread is kept, and no other one started
    narrow.register("hung", lambda: release.wait(60), timeout=4)
    narrow.register("first", lambda: started.append(1))
    narrow.register("second", functools.partial(os.mkdir, path), isolation="process")
    narrow.run(0.0)
    narrow.unregister("first")
    narrow.unregister("second")
    release.set()
    until(lambda: narrow._scheduler.runs.pool.waiting == 0)
    narrow.stop()
    assert started == []
    assert not path.exists()
