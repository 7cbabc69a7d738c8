"""Disk, descriptors, event loop, stalls: measured in this process, DEGRADED at the most."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthChecker, HealthStatus, probes
from pepperpy_otel.health.probes import drivers
from pepperpy_otel.health.probes.local import Local

if TYPE_CHECKING:
    from collections.abc import Callable


def test_disk_is_judged_by_what_is_left(tmp_path: Path) -> None:
    """GiB, not percent; UNHEALTHY only where that was asked for."""
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize / 1024**3
    probe = probes.disk(tmp_path, degraded_free_gib=1e-6)
    assert probe().status is HealthStatus.HEALTHY
    assert probe().data["free_gib"] == pytest.approx(free, abs=1)
    probe.close()
    much = free + 100
    assert probes.disk(tmp_path, degraded_free_gib=much)().status is HealthStatus.DEGRADED
    both = probes.disk(tmp_path, degraded_free_gib=much, unhealthy_free_gib=much)
    assert both().status is HealthStatus.UNHEALTHY
    little = probes.disk(tmp_path, degraded_free_gib=1e-6, unhealthy_free_gib=1e-7)
    assert little().status is HealthStatus.HEALTHY


def test_a_volume_without_inodes_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Space that nobody can write to; a system without statvfs is not asked."""
    probe = probes.disk("/", degraded_free_gib=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * 1024**3))
    full = SimpleNamespace(f_files=10, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    assert probe().reason == "/: no inode left"
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_files=0, f_favail=0))
    assert probe().status is HealthStatus.HEALTHY
    monkeypatch.delattr(os, "statvfs")
    assert probe().status is HealthStatus.HEALTHY


def test_a_path_that_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    """A volume that is not mounted; one line that names it."""
    result = probes.disk(tmp_path / "none")()
    assert result.status is HealthStatus.UNHEALTHY
    assert "FileNotFoundError" in result.reason
    assert result.data["error_type"] == "FileNotFoundError"


@pytest.mark.parametrize(
    "options",
    [
        {"degraded_free_gib": 0},
        {"unhealthy_free_gib": -1},
        {"degraded_free_gib": 1, "unhealthy_free_gib": 2},
    ],
)
def test_thresholds_of_disk_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    """By name."""
    with pytest.raises(ValueError, match="free_gib"):
        probes.disk("/", **options)  # type: ignore[arg-type]


def test_open_descriptors_are_counted_against_the_soft_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real ones of this process; many open ones are DEGRADED."""
    import resource

    result = probes.file_descriptors()()
    assert result.status is HealthStatus.HEALTHY
    assert 3 <= result.data["open"] < result.data["limit"]
    monkeypatch.setattr(resource, "getrlimit", lambda which: (result.data["open"], 0))
    assert probes.file_descriptors()().status is HealthStatus.DEGRADED
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, 0))
    assert probes.file_descriptors()().reason.endswith("open, no limit")


def test_a_system_without_a_list_of_descriptors_is_healthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What cannot be measured is no alarm."""
    assert "cannot be counted" in probes.file_descriptors(directories=("/none",))().reason
    monkeypatch.setattr("pepperpy_otel.health.probes.descriptors.has", lambda module: False)
    assert "cannot be counted" in probes.file_descriptors()().reason


@pytest.mark.parametrize("make", ["file_descriptors", "memory", "cpu_throttling"])
@pytest.mark.parametrize("share", [0, 1.5, "x", True])
def test_a_share_that_is_none_is_refused(make: str, share: object) -> None:
    """By name."""
    with pytest.raises(ValueError, match="degraded_share="):
        getattr(probes, make)(degraded_share=share)


def test_the_lag_of_a_loop_is_measured_from_outside() -> None:
    """Free: healthy. Busy for longer than the threshold, or than the timeout: degraded."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    probe = probes.event_loop(loop, degraded_seconds=0.4, timeout=1.5)
    assert probe().status is HealthStatus.HEALTHY
    loop.call_soon_threadsafe(time.sleep, 0.7)
    result = probe()
    assert result.status is HealthStatus.DEGRADED
    assert 0.4 < result.data["lag_seconds"] < 1.5
    gate = threading.Event()
    loop.call_soon_threadsafe(gate.wait, 60)
    assert probe().reason == "the loop ran nothing for 1.5 s"
    gate.set()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    assert probe().reason == "the loop does not run"
    loop.close()
    assert probe().status is HealthStatus.DEGRADED
    probe.close()


def test_a_loop_that_asks_itself_runs() -> None:
    """It could only wait for itself."""

    async def main() -> None:
        assert probes.event_loop()().status is HealthStatus.HEALTHY

    asyncio.run(main())


def test_without_a_loop_there_is_nothing_to_measure() -> None:
    """At construction, with what to do."""
    with pytest.raises(ValueError, match="call it in a coroutine"):
        probes.event_loop()
    with pytest.raises(ValueError, match="degraded_seconds="):
        probes.event_loop(degraded_seconds=0)


class _Time:
    """A clock that stands still but for sleeps, which come back late by what the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.late = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.late


def test_a_stall_is_remembered_for_a_window() -> None:
    """Late sleeps of the probe's own; forgotten after a minute."""
    time_ = _Time()
    probe = probes.process_stall(clock=time_.clock, sleep=time_.sleep)
    assert probe().status is HealthStatus.HEALTHY
    time_.late = 1.5
    result = probe()
    assert result.status is HealthStatus.DEGRADED
    assert result.reason == "longest stall 1500 ms within 60 s"
    time_.late = 0.0
    time_.now += 30
    assert probe().status is HealthStatus.DEGRADED
    time_.now += 31
    assert probe().status is HealthStatus.HEALTHY
    probe.close()


def test_stalls_that_the_watchdog_saw_count() -> None:
    """Those of the process, not those of an event loop; close() ends the listening."""
    time_ = _Time()
    told: list[Callable[[str, float], None]] = []
    probe = probes.process_stall(
        lambda listener: (told.append(listener), told.clear)[1],
        clock=time_.clock,
        sleep=time_.sleep,
    )
    told[0]("event_loop", 9.0)
    assert probe().status is HealthStatus.HEALTHY
    told[0]("process", 2.0)
    assert probe().reason == "longest stall 2000 ms within 60 s"
    probe.close()
    assert told == []


def test_a_process_that_runs_has_no_stall() -> None:
    """With the real clock."""
    assert probes.process_stall(degraded_seconds=5.0)().status is HealthStatus.HEALTHY


def test_a_local_probe_never_raises_and_names_itself() -> None:
    """Whatever measuring does."""

    def broken() -> None:
        raise PermissionError("password=hunter2")

    probe = Local("thing", broken)  # type: ignore[arg-type]
    assert probe().status is HealthStatus.DEGRADED
    assert probe().reason == "thing: PermissionError: password=***"
    assert repr(probe) == "<probe of thing>"


def test_probes_come_lazily_and_list_themselves() -> None:
    """An unknown name is an AttributeError, every known one is there and has a docstring."""
    for name in probes.__all__:
        assert getattr(probes, name).__doc__
        assert name in dir(probes)
    with pytest.raises(AttributeError, match="has no probe 'oracle'"):
        _ = probes.oracle


def test_only_local_probes_go_into_live() -> None:
    """A dependency that is down must not restart the app."""
    checker = HealthChecker()
    checker.register("disk", probes.disk("/"), groups=("live",))
    with pytest.raises(ValueError, match="live"):
        checker.register("port", probes.tcp("localhost", 1), groups=("live",))
    checker.stop()


def test_importing_the_probes_imports_no_driver(run_python: Callable[..., object]) -> None:
    """Neither do probes of other things."""
    done = run_python(
        """
        import sys
        from pepperpy_otel.health import probes
        before = set(sys.modules)
        probes.tcp("localhost", 1), probes.disk("/"), probes.postgres
        heavy = {"psycopg", "asyncpg", "pymysql", "sqlalchemy", "redis", "pika", "grpc", "boto3",
                 "celery", "opentelemetry.sdk"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert done.stdout == "[]\n", done.stderr  # type: ignore[attr-defined]


def test_a_driver_that_is_missing_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And how to install it; whether it is there is found out without importing it."""
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    assert drivers.has("antigravity")
    assert "antigravity" not in sys.modules
    monkeypatch.setitem(sys.modules, "antigravity", None)
    assert not drivers.has("antigravity")
    with pytest.raises(ValueError, match=r"pip install 'psycopg\[binary\]'"):
        drivers.need("no_such_driver", "psycopg[binary]")
    assert drivers.has("json")
    assert drivers.has("asyncio")
    assert not drivers.has("no_such_driver")


def test_a_client_is_known_by_any_of_its_classes() -> None:
    """An app may have made its own class of a driver's."""
    base = type("Redis", (), {"__module__": "redis.client"})
    own = type("Ours", (base,), {"__module__": "app.cache"})
    assert drivers.origin(own()) == "redis"
    assert drivers.origin(Path("/")) == "pathlib"
