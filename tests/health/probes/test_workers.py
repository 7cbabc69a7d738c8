"""Celery workers, by heartbeats in a file, by a function, and by the real signals."""

from __future__ import annotations

import os
import time
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthStatus, probes
from pepperpy_otel.health.probes import workers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Signal:
    """As much of celery's signals as is used."""

    def __init__(self) -> None:
        self.receivers: list[object] = []

    def connect(self, receiver: object, *, weak: bool) -> None:
        assert not weak
        self.receivers.append(receiver)

    def disconnect(self, receiver: object) -> None:
        self.receivers.remove(receiver)

    def send(self) -> None:
        for receiver in list(self.receivers):
            receiver(signal=self, sender=None)  # type: ignore[operator]


@pytest.fixture
def signal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signal]:
    """Celery's signals, which are real where celery is installed (tests/integration)."""
    heartbeat, ready = Signal(), Signal()

    class Signals:
        heartbeat_sent, worker_ready = heartbeat, ready

    monkeypatch.setattr(workers, "need", lambda module, package: Signals)
    yield heartbeat
    assert heartbeat.receivers == ready.receivers == []


def test_a_worker_that_beats_is_healthy(signal: Signal) -> None:
    """In the worker's own process; before the first heartbeat it is not."""
    probe = probes.celery()
    assert probe().reason == "no heartbeat of a celery worker yet"
    signal.send()
    assert probe().status is HealthStatus.HEALTHY
    probe.close()


def test_a_heartbeat_file_tells_another_process(signal: Signal, tmp_path: Path) -> None:
    """The worker touches it; a directory that is not there does not disturb the worker."""
    path = tmp_path / "beat"
    end = probes.celery_heartbeat(path)
    probe = probes.celery(path)
    assert probe().status is HealthStatus.UNHEALTHY
    signal.send()
    assert path.exists()
    assert probe().status is HealthStatus.HEALTHY
    end()
    end = probes.celery_heartbeat(tmp_path / "none" / "beat")
    signal.send()
    end()
    probe.close()


def test_an_old_heartbeat_is_unhealthy(tmp_path: Path) -> None:
    """By the wall clock at the first look."""
    path = tmp_path / "beat"
    path.touch()
    os.utime(path, (time.time() - 100, time.time() - 100))
    result = probes.celery(str(path), max_age=30)()
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason == "no heartbeat of a celery worker for 100 s"


def test_a_clock_that_is_set_back_keeps_no_dead_worker_green(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the second look on the time is counted on the monotonic clock."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    last = time.time() + 3600  # the clock was set back by an hour after this heartbeat
    beats = [last]
    probe = probes.celery(lambda: beats[0], max_age=30)
    assert probe().status is HealthStatus.HEALTHY
    now[0] += 31
    assert probe().status is HealthStatus.UNHEALTHY
    beats[0] = last - 3600
    assert probe().status is HealthStatus.HEALTHY


def test_an_age_that_makes_no_sense_is_refused() -> None:
    """By name."""
    with pytest.raises(ValueError, match="max_age="):
        probes.celery("/x", max_age=0)
