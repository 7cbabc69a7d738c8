"""OTLP export requests, as bytes, into ``records``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from pepperpy_otel.demo.records import DataPoint, Event, LogRecord, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
#: Severities by the number's range of four, for records that came without a text.
SEVERITIES = ("UNSPECIFIED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
UNKNOWN_SERVICE = "unknown_service"

Request = TypeVar("Request")


class Undecodable(ValueError):
    """These bytes are no export request of this signal."""


def traces(body: bytes) -> list[Span]:
    """The spans of an ``ExportTraceServiceRequest``.

    Raises:
        Undecodable: These bytes are none.
    """
    return [
        Span(
            service=service,
            scope=by_scope.scope.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            name=span.name,
            kind=_pick(KINDS, span.kind),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            status=_pick(STATUSES, span.status.code),
            status_message=span.status.message,
            attributes=_attributes(span.attributes),
            events=tuple(
                Event(each.time_unix_nano, each.name, _attributes(each.attributes))
                for each in span.events
            ),
        )
        for by_resource in _parse(ExportTraceServiceRequest, body).resource_spans
        for service in [_service(by_resource.resource)]
        for by_scope in by_resource.scope_spans
        for span in by_scope.spans
    ]


def logs(body: bytes) -> list[LogRecord]:
    """The records of an ``ExportLogsServiceRequest``.

    Raises:
        Undecodable: These bytes are none.
    """
    return [
        LogRecord(
            service=service,
            scope=by_scope.scope.name,
            time=record.time_unix_nano or record.observed_time_unix_nano,
            severity=record.severity_text or _pick(SEVERITIES, (record.severity_number + 3) // 4),
            body=_value(record.body),
            trace_id=record.trace_id.hex(),
            span_id=record.span_id.hex(),
            attributes=_attributes(record.attributes),
        )
        for by_resource in _parse(ExportLogsServiceRequest, body).resource_logs
        for service in [_service(by_resource.resource)]
        for by_scope in by_resource.scope_logs
        for record in by_scope.log_records
    ]


def metrics(body: bytes) -> list[DataPoint]:
    """The data points of an ``ExportMetricsServiceRequest``.

    Raises:
        Undecodable: These bytes are none.
    """
    return [
        point
        for by_resource in _parse(ExportMetricsServiceRequest, body).resource_metrics
        for service in [_service(by_resource.resource)]
        for by_scope in by_resource.scope_metrics
        for metric in by_scope.metrics
        for point in _points(service, by_scope.scope.name, metric)
    ]


def _parse(kind: type[Request], body: bytes) -> Request:
    try:
        request: Request = kind.FromString(body)  # type: ignore[attr-defined]
    except Exception as error:  # protobuf's DecodeError, which has no types to import it by
        raise Undecodable(str(error)) from error
    return request


def _points(service: str, scope: str, metric: Metric) -> Iterator[DataPoint]:
    """The points of one metric, whichever of the five kinds it is."""
    which = metric.WhichOneof("data")
    if which is None:
        return
    data: Any = getattr(metric, which)
    kind = which.replace("_", " ")
    if which == "sum":
        kind = "counter" if data.is_monotonic else "updowncounter"
    delta = (
        getattr(data, "aggregation_temporality", None)
        == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    )
    for point in data.data_points:
        is_number = which in ("gauge", "sum")
        yield DataPoint(
            service=service,
            scope=scope,
            name=metric.name,
            kind=kind,
            unit=metric.unit,
            attributes=_attributes(point.attributes),
            time=point.time_unix_nano,
            value=_number(point) if is_number else point.sum,
            count=0 if is_number else point.count,
            delta=delta,
        )


def _number(point: NumberDataPoint) -> float:
    return point.as_int if point.WhichOneof("value") == "as_int" else point.as_double


def _service(resource: Resource) -> str:
    return str(_attributes(resource.attributes).get("service.name", UNKNOWN_SERVICE))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(each) for each in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, which)


def _pick(names: tuple[str, ...], number: int) -> str:
    """The name of an enum's number; a number of a later protocol is the first, "not said"."""
    return names[number] if 0 <= number < len(names) else names[0]
