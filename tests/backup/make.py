"""Files and requests for the tests of backup and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.writing import Writer
from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.delivery.files.lines import line_of
from pepperpy_otel.delivery.files.replay import replay
from tests.delivery.fakes import make_metrics, make_records, make_spans

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.backup.manifest import Manifest


def spans_body(*names: str, **options: Any) -> bytes:
    """A request with spans of these names."""
    return Encoder("traces").encode(make_spans(*names, **options)).body


def logs_body(*bodies: Any) -> bytes:
    """A request with log records."""
    return Encoder("logs").encode(make_records(*bodies)).body


def metrics_body(**values: float) -> bytes:
    """A request with a counter for each name."""
    return Encoder("metrics").encode([make_metrics(**values)]).body


def spans_line(*names: str) -> bytes:
    """The same as a line of OTLP JSON."""
    return line_of("traces", spans_body(*names))


def make_backup(directory: Path, requests: int = 3) -> Manifest:
    """A backup with so many requests of two spans, one log record and one metric."""
    with Writer(directory, "shop") as writer:
        for number in range(requests):
            writer.add("traces", spans_body(f"a{number}", f"b{number}"))
        writer.add("logs", logs_body("hello"))
        writer.add("metrics", metrics_body(sold=3))
        writer.add("logs", logs_body("kept"), name="events", role="state")
        return writer.finish()


def names_in(path: Path) -> list[str]:
    """Names of the spans in a file of lines, in order."""
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    return [
        span.name
        for request in replay(path)
        for resource in TracesData.FromString(request.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def bodies_in(path: Path) -> list[str]:
    """Texts of the log records in a file of lines, in order."""
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

    return [
        record.body.string_value
        for request in replay(path)
        for resource in LogsData.FromString(request.body).resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
