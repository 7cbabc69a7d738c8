"""With OTEL_CONFIG_FILE the file's own exporters are handed what was looked through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.redaction import Redactor
from pepperpy_otel.redaction.exporters import cover

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.sinks import HttpSink

FILE = """
file_format: "1.0"
tracer_provider:
  processors:
    - batch: {exporter: {otlp_http: {endpoint: "%(url)s/v1/traces"}}}
logger_provider:
  processors:
    - batch: {exporter: {otlp_http: {endpoint: "%(url)s/v1/logs"}}}
meter_provider:
  readers:
    - periodic: {exporter: {otlp_http: {endpoint: "%(url)s/v1/metrics"}}}
"""
PROGRAM = """
import logging
import pepperpy_otel
from opentelemetry import metrics, trace
telemetry = pepperpy_otel.configure(instrument=False, redact=True)
with trace.get_tracer("x").start_as_current_span("told", attributes={"password": "hunter2"}):
    logging.getLogger("x").error("password=hunter2")
metrics.get_meter("x").create_counter("c").add(3, {"token": "hunter2"})
telemetry.shutdown()
"""


def test_nothing_leaves_through_the_files_exporters(
    tmp_path: Path, sink: HttpSink, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Spans, records and metrics of a declared provider are redacted when they are exported."""
    path = tmp_path / "otel.yaml"
    path.write_text(FILE % {"url": sink.url})
    ended = run_python(PROGRAM, env={"OTEL_CONFIG_FILE": str(path)})
    assert ended.returncode == 0, ended.stderr
    sent = {request.path: request.body for request in sink.requests}
    assert set(sent) == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    for body in sent.values():
        assert b"hunter2" not in body
        assert b"[redacted:" in body


def test_an_exporter_is_given_copies() -> None:
    """What its processors hold stays as it was; what cannot be looked through is left out."""
    given: dict[str, Any] = {}

    class Exporter:
        def export(self, batch: Any, timeout: float = 0) -> str:
            given["batch"] = batch
            return "said"

    record = ReadableLogRecord(
        log_record=LogRecord(body="password=hunter2"),
        resource=Resource.get_empty(),
        instrumentation_scope=None,
    )
    exporter: Any = Exporter()
    cover(exporter, "logs", Redactor())
    assert exporter.export([record], timeout=1) == "said"
    assert given["batch"][0].log_record.body == "password=[redacted:assignment]"
    assert record.log_record.body == "password=hunter2"
    exporter = Exporter()
    cover(exporter, "traces", Redactor())
    exporter.export([object()])
    assert given["batch"] == []
    exporter = Exporter()
    cover(exporter, "metrics", Redactor())
    exporter.export(MetricsData([]))
    assert given["batch"] == MetricsData([])
