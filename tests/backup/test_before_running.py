"""Old health functions, what configure() was told, and no secret of the old parts in a backup."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Gauge

import pepperpy_otel
from pepperpy_otel.backup import Legacy, backup, before
from pepperpy_otel.backup.records import records_in
from pepperpy_otel.delivery.files.replay import replay
from pepperpy_otel.health import HealthResult, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_answers_of_old_health_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they return, raise, or do not."""
    import threading

    monkeypatch.setattr(before, "HEALTH_TIMEOUT", 0.2)
    release = threading.Event()
    answers: dict[str, Callable[[], Any]] = {
        "dict": lambda: {"status": "degraded", "latency": 3},
        "no status": dict,
        "bool": lambda: False,
        "none": lambda: None,
        "text": lambda: "all good",
        "status": lambda: HealthStatus.HEALTHY,
        "result": lambda: HealthResult(HealthStatus.DEGRADED, "slow"),
        "raises": lambda: 1 / 0,
        "hangs": lambda: release.wait(30),
    }
    assert backup(tmp_path, legacy=Legacy(health=answers))
    release.set()
    records = [r for request in replay(tmp_path / "health.jsonl") for r in records_in(request.body)]
    found = {
        r.attributes["health.check.name"]: (r.attributes["health.check.state"], r.body)
        for r in records
        if r.attributes.get("source") == "legacy"
    }
    assert found == {
        "dict": ("degraded", ""),
        "no status": ("unknown", ""),
        "bool": ("unhealthy", ""),
        "none": ("healthy", ""),
        "text": ("all good", ""),
        "status": ("healthy", ""),
        "result": ("degraded", "slow"),
        "raises": ("unhealthy", "ZeroDivisionError: division by zero"),
        "hangs": ("unhealthy", "no answer in 0.2 s"),
    }
    (data,) = [
        r.attributes["data"]
        for r in records
        if r.attributes.get("data") and r.attributes["health.check.name"] == "dict"
    ]
    assert data == {"status": "degraded", "latency": 3}


def check_health() -> bool:
    return True


def test_what_configure_was_told_is_kept_without_being_told_again(tmp_path: Path) -> None:
    """``legacy=`` of configure() counts for backup(); one that is missing costs a complaint."""
    telemetry = pepperpy_otel.configure(
        traces=False,
        metrics=False,
        logs=False,
        instrument=False,
        health=False,
        legacy={"health": check_health, "log_files": [tmp_path / "missing.log"], "no": 1},
    )
    report = telemetry.backup(tmp_path / "backup")
    pepperpy_otel.rollback()
    assert not report
    (complaint,) = report.complaints
    assert complaint == f"{tmp_path / 'missing.log'} could not be kept (No such file or directory)"
    assert "check_health" in (tmp_path / "backup" / "health.jsonl").read_text()


def test_nothing_secret_gets_into_a_backup(tmp_path: Path) -> None:
    """With ``redact``: not from old files either, nor from what aggregators and health keep."""
    from pepperpy_otel.logging import LogAggregator

    secret = "AKIAIOSFODNN7EXAMPLE"
    (tmp_path / "app.log").write_text(f"key {secret}\n" + json.dumps({"msg": "x", "k": secret}))
    span = {
        "trace_id": 5,
        "span_id": 7,
        "name": f"GET {secret}",
        "status": {"status_code": "ERROR", "description": secret},
        "attributes": {"nested": {"deep": [secret]}, "password": "hunter2"},
        "events": [{"name": secret, "attributes": {"token": "hunter2"}}],
    }
    (tmp_path / "spans.jsonl").write_text(json.dumps(span) + "\n")
    registry = CollectorRegistry()
    Gauge("g", "x", ["key"], registry=registry).labels(secret).set(1)
    aggregator = LogAggregator()
    telemetry = pepperpy_otel.configure(
        redact=True,
        traces=False,
        metrics=False,
        logs=False,
        instrument=False,
        legacy=Legacy(
            log_files=[tmp_path / "app.log"],
            span_files=[tmp_path / "spans.jsonl"],
            registry=registry,
            health=lambda: {"status": secret, "api_key": "hunter2"},
        ),
    )
    try:
        aggregator.log(f"event {secret}", field=secret, password="hunter2")
        report = telemetry.backup(tmp_path / "backup")
    finally:
        pepperpy_otel.rollback()
    assert report, report
    assert (report.spans, report.data_points > 0, report.log_records) == (1, True, 2)
    for path in (tmp_path / "backup").iterdir():
        assert secret not in path.read_text(), path.name
        assert "hunter2" not in path.read_text(), path.name
