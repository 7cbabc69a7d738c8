"""Records and OTLP requests for the tests, with defaults for what a test does not care about."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pepperpy_otel.delivery.counts import PipelineStats, SignalCounts
from pepperpy_otel.demo.records import DataPoint, Event, LogRecord, Span

MILLISECOND = 1_000_000


def span(span_id: str, parent_id: str = "", **fields: Any) -> Span:
    """A span of 10 ms that begins at 0, both to be given in milliseconds."""
    start = fields.pop("start", 0)
    defaults: dict[str, Any] = {
        "service": "storefront",
        "scope": "test",
        "trace_id": "t1",
        "name": span_id,
        "kind": "internal",
    }
    return Span(
        span_id=span_id,
        parent_id=parent_id,
        start=start * MILLISECOND,
        end=(start + fields.pop("lasts", 10)) * MILLISECOND,
        **(defaults | fields),
    )


def log(body: Any, span_id: str = "", **fields: Any) -> LogRecord:
    """A record of severity INFO at 0 ms."""
    defaults: dict[str, Any] = {
        "service": "storefront",
        "scope": "test",
        "severity": "INFO",
        "trace_id": "t1",
    }
    time = fields.pop("time", 0) * MILLISECOND
    return LogRecord(body=body, span_id=span_id, time=time, **(defaults | fields))


def exception(kind: str, message: str, time: int = 0) -> Event:
    """An exception as it is recorded in a span."""
    attributes = {"exception.type": kind, "exception.message": message}
    return Event(time * MILLISECOND, "exception", attributes)


def point(name: str, value: float, **fields: Any) -> DataPoint:
    """A point of a cumulative counter."""
    defaults: dict[str, Any] = {
        "service": "storefront",
        "scope": "test",
        "kind": "counter",
        "unit": "{order}",
        "attributes": {},
        "time": 1,
    }
    return DataPoint(name=name, value=value, **(defaults | fields))


def stats(delivered: tuple[int, int, int] = (0, 0, 0), **fields: Any) -> PipelineStats:
    """Counts of spans, data points, log records."""
    return PipelineStats(delivered=SignalCounts(*delivered), **fields)


def trace_request(service: str = "storefront", **span_fields: Any) -> bytes:
    """A request with one span."""
    request = ExportTraceServiceRequest()
    by_resource = request.resource_spans.add()
    _attribute(by_resource.resource, "service.name", service)
    by_scope = by_resource.scope_spans.add()
    by_scope.scope.name = "shop"
    fields: dict[str, Any] = {
        "trace_id": b"\x01" * 16,
        "span_id": b"\x02" * 8,
        "name": "GET /",
        "kind": 2,
        "start_time_unix_nano": 1_000,
        "end_time_unix_nano": 3_000,
    }
    by_scope.spans.add(**(fields | span_fields))
    return request.SerializeToString()


def log_request(service: str | None = None, **record_fields: Any) -> bytes:
    """A request with one log record."""
    request = ExportLogsServiceRequest()
    by_resource = request.resource_logs.add()
    _attribute(by_resource.resource, "service.name", service)
    by_scope = by_resource.scope_logs.add()
    by_scope.scope.name = "shop"
    by_scope.log_records.add(**record_fields)
    return request.SerializeToString()


def metric_request(*metrics: dict[str, Any], service: str | None = None) -> bytes:
    """A request with these metrics, each as the keyword arguments of a ``Metric``."""
    request = ExportMetricsServiceRequest()
    by_resource = request.resource_metrics.add()
    _attribute(by_resource.resource, "service.name", service)
    by_scope = by_resource.scope_metrics.add()
    for metric in metrics:
        by_scope.metrics.add(**metric)
    return request.SerializeToString()


def _attribute(holder: Any, key: str, value: str | None) -> None:
    if value is not None:
        holder.attributes.add(key=key).value.string_value = value
