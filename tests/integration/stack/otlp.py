"""OTLP requests made by hand: what an application would send, and what a broken one would."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

PROTOBUF = "application/x-protobuf"


def attributes(values: Mapping[str, str]) -> list[KeyValue]:
    """Attributes with text values."""
    return [KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in values.items()]


def _resource(service: str) -> Resource:
    return Resource(attributes=attributes({"service.name": service}))


def logs(
    service: str, bodies: Iterable[str], *, at: int = 0, **fields: str
) -> ExportLogsServiceRequest:
    """A request with one record for each body, INFO, ``at`` nanoseconds or now."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=_resource(service)).scope_logs.add()
    for body in bodies:
        scope.log_records.add(
            time_unix_nano=at or time.time_ns(),
            severity_number=9,
            severity_text="INFO",
            body=AnyValue(string_value=body),
            attributes=attributes(fields),
        )
    return request


def spans(
    service: str, ids: Iterable[tuple[bytes, bytes]], values: Mapping[str, str] | None = None
) -> ExportTraceServiceRequest:
    """A request with one server span for each pair of trace and span id."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add(resource=_resource(service)).scope_spans.add()
    now = time.time_ns()
    for trace_id, span_id in ids:
        scope.spans.add(
            trace_id=trace_id,
            span_id=span_id,
            name="checkout",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=now - 1_000_000,
            end_time_unix_nano=now,
            attributes=attributes(values or {}),
        )
    return request


def counter(
    service: str, name: str, value: int, *, at: int = 0, values: Mapping[str, str] | None = None
) -> ExportMetricsServiceRequest:
    """A request with one point of a cumulative counter, ``at`` nanoseconds or now."""
    when = at or time.time_ns()
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(resource=_resource(service)).scope_metrics.add()
    total = scope.metrics.add(name=name).sum
    total.is_monotonic = True
    total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    total.data_points.add(
        start_time_unix_nano=when - 1_000_000_000,
        time_unix_nano=when,
        as_int=value,
        attributes=attributes(values or {}),
    )
    return request


def send(url: str, request: Message, *, authorization: str = "") -> int:
    """Post a request to an OTLP/HTTP endpoint; the status of the answer."""
    names: dict[type[Any], str] = {
        ExportTraceServiceRequest: "traces",
        ExportMetricsServiceRequest: "metrics",
        ExportLogsServiceRequest: "logs",
    }
    body = request.SerializeToString()
    parts = urlsplit(url)
    headers = {"Content-Type": PROTOBUF}
    if authorization:
        headers["Authorization"] = authorization
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("POST", f"/v1/{names[type(request)]}", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
