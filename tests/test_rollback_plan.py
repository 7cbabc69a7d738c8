"""The specification's rollback plan: back up, go over, come back, bring in, validate."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter

import pepperpy_otel
from pepperpy_otel import Legacy
from pepperpy_otel.backup import backup, import_backup
from pepperpy_otel.footprint import Footprint
from pepperpy_otel.health import HealthChecker, HealthStatus
from pepperpy_otel.logging import LogAggregator
from pepperpy_otel.metrics import MetricsCollector
from tests.backup.make import bodies_in, names_in
from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver

REGISTRY = CollectorRegistry()
OLD_REQUESTS = Counter("old_requests", "Counted before.", registry=REGISTRY)


def count_request() -> str:
    """The old monitoring."""
    OLD_REQUESTS.inc()
    return "counted"


def old_health() -> dict[str, str]:
    """The old health function."""
    return {"status": "healthy"}


def test_there_and_back_again(tmp_path: Path, receiver: Receiver) -> None:
    """Collection, logging, health and traces are validated after each step."""
    log_file = tmp_path / "app.log"
    handler = logging.FileHandler(log_file)
    logger = logging.getLogger("plan")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    registration = HealthChecker()
    registration.register("db", lambda: True)
    try:
        # 1. What is there before is in use, and is backed up.
        assert count_request() == "counted"
        logger.info("before")
        legacy = Legacy(
            functions=[count_request],
            handlers=[handler],
            registry=REGISTRY,
            log_files=[log_file],
            health=old_health,
        )
        assert backup(tmp_path / "before", legacy=legacy)
        assert bodies_in(tmp_path / "before" / "before-logs.jsonl") == ["before"]
        assert "old_requests" in (tmp_path / "before" / "before-metrics.jsonl").read_text()

        # 2. Over to OpenTelemetry: the old parts are off, the new ones work.
        footprint = Footprint()
        telemetry = pepperpy_otel.configure(
            "plan", endpoint=receiver.endpoint, instrument=False, legacy=legacy, log_level="INFO"
        )
        aggregator = LogAggregator()
        telemetry.health.register("db", lambda: True)
        assert count_request() is None  # type: ignore[comparison-overlap]
        MetricsCollector().request_count.add(2)
        with pepperpy_otel.get_tracer("plan").start_as_current_span("order"):
            logger.info("during")
            aggregator.log("order placed")
        telemetry.health.run(5.0)
        assert telemetry.backup(tmp_path / "during")
        assert "order" in names_in(tmp_path / "during" / "traces.jsonl")

        # 3. And back.
        report = pepperpy_otel.rollback()
        assert report
        spans = [span.name for span in receiver.store.spans]
        assert report.flush.delivered.traces == len(spans)
        assert "order" in spans
        assert "legacy: handler" in " ".join(report.restored)
        telemetry.health.unregister("db")
        wait_for(lambda: footprint.differences(Footprint()) == [])

        # 4. What was collected is brought in.
        brought = import_backup(tmp_path / "during", registration)
        assert brought.error == ""
        assert brought.complaints == ()
        assert brought.counts["traces"] == len(spans)
        assert import_backup(tmp_path / "before", registration).verdicts["old_health"] == "healthy"

        # Collection: the old one counts again, the new one's numbers are in the backup.
        assert count_request() == "counted"
        assert REGISTRY.get_sample_value("old_requests_total") == 2
        assert "pepperpy.requests" in (tmp_path / "during" / "metrics.jsonl").read_text()
        # Logging: the old handler writes again; the record in between is not lost.
        logger.info("after")
        assert log_file.read_text().split() == ["before", "after"]
        assert "during" in bodies_in(tmp_path / "during" / "logs.jsonl")
        assert aggregator.aggregate(math.inf)["by_event"]["order placed"] == 1
        # Health: the history of the component is there, its verdict is that of now.
        assert brought.verdicts["db"] == "healthy"
        assert len(registration.get_details("db")["history"]) == brought.runs == 1
        registration.run(5.0)
        assert registration.check_component("db") is HealthStatus.HEALTHY
        # Traces: none any more, and nothing breaks that asks for one.
        assert not pepperpy_otel.get_tracer("plan").start_span("after").is_recording()
        assert len(receiver.store.spans) == len(spans)
    finally:
        pepperpy_otel.rollback()
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        handler.close()
        registration.stop()
