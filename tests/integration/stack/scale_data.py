"""What the applications of the scale tests send, and what arrived behind the gateways."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.integration.readback import post
from tests.integration.sink import Sink

PROTOBUF = "application/x-protobuf"
SERVICES = ("shop", "stock")
SPANS = 4  # of each trace: a server and a client span of one service, the same of the other
MS = 1_000_000


def attribute(key: str, value: str) -> KeyValue:
    """A text attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


def resource(service: str) -> Resource:
    """One process of a service."""
    return Resource(
        attributes=[
            attribute("service.name", service),
            attribute("service.instance.id", f"{service}-1"),
        ]
    )


class Traces:
    """Traces of two services, made half by half: no request has all spans of one."""

    def __init__(
        self,
        count: int,
        *,
        error: bool = False,
        duration_ms: int = 5,
        services: Sequence[str] = SERVICES,
    ) -> None:
        self.ids = [secrets.token_bytes(16) for _ in range(count)]
        self._calls = [secrets.token_bytes(8) for _ in range(count)]
        self._services = services
        self._error = error
        self._duration = duration_ms * MS

    def requests(self) -> list[ExportTraceServiceRequest]:
        """A request from each service with its part of every trace."""
        return [self._part(service) for service in self._services]

    def _part(self, service: str) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add(resource=resource(service)).scope_spans.add().spans
        now = time.time_ns()
        for trace_id, call in zip(self.ids, self._calls, strict=True):
            root = secrets.token_bytes(8)
            common = {
                "trace_id": trace_id,
                "start_time_unix_nano": now - self._duration,
                "end_time_unix_nano": now,
            }
            first = service == self._services[0]
            failed = self._error and not first
            code = Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET
            spans.add(
                span_id=root,
                parent_span_id=b"" if first else call,
                name=f"GET /{service}",
                kind=Span.SPAN_KIND_SERVER,
                status=Status(code=code),
                attributes=[attribute("url.path", f"/{service}"), attribute("db.password", "pw")],
                **common,
            )
            spans.add(
                span_id=call if first else secrets.token_bytes(8),
                parent_span_id=root,
                name=f"call from {service}",
                kind=Span.SPAN_KIND_CLIENT,
                **common,
            )
        return request


def probe() -> ExportTraceServiceRequest:
    """The span of a question to /livez that failed: kept, if it gets as far as the sampling."""
    request = Traces(1, error=True).requests()[1]
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes[0].value.string_value = "/livez"
    del request.resource_spans[0].scope_spans[0].spans[1]
    return request


def trace_id(request: ExportTraceServiceRequest) -> bytes:
    """Of its first span."""
    found: bytes = request.resource_spans[0].scope_spans[0].spans[0].trace_id
    return found


def delta(name: str, value: int) -> ExportMetricsServiceRequest:
    """A counter that tells what was added since the last time."""
    request = ExportMetricsServiceRequest()
    by_resource = request.resource_metrics.add(resource=resource(SERVICES[0]))
    total = by_resource.scope_metrics.add().metrics.add(name=name).sum
    total.is_monotonic = True
    total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    now = time.time_ns()
    total.data_points.add(start_time_unix_nano=now - MS, time_unix_nano=now, as_int=value)
    return request


def logs(bodies: Iterable[str]) -> ExportLogsServiceRequest:
    """Error records."""
    request = ExportLogsServiceRequest()
    by_resource = request.resource_logs.add(resource=resource(SERVICES[0]))
    records = by_resource.scope_logs.add().log_records
    for body in bodies:
        records.add(
            time_unix_nano=time.time_ns(), severity_number=17, body=AnyValue(string_value=body)
        )
    return request


def send(url: str, *requests: Message) -> None:
    """Post requests as an application does; the answer has to be 200.

    Raises:
        AssertionError: One was refused.
    """
    for request in requests:
        assert answer(url, request) == 200


def answer(url: str, request: Message) -> int:
    """Post one request; the status."""
    signal = type(request).__name__.removeprefix("Export").removesuffix("ServiceRequest")
    path = {"Trace": "traces", "Metrics": "metrics", "Logs": "logs"}[signal]
    return post(f"{url}/v1/{path}", request.SerializeToString(), PROTOBUF)[0]


def arrived(sinks: Mapping[str, Sink]) -> dict[bytes, dict[str, int]]:
    """How many different spans of each trace arrived behind each gateway."""
    seen: dict[bytes, dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for gateway, sink in sinks.items():
        for span in sink.items("traces"):
            seen[span.trace_id][gateway].add(span.span_id)
    return {
        trace_id: {gateway: len(ids) for gateway, ids in by_gateway.items()}
        for trace_id, by_gateway in seen.items()
    }


def complete(sinks: Mapping[str, Sink]) -> set[bytes]:
    """The traces of which every span arrived, behind whichever gateway."""
    return {trace for trace, counts in arrived(sinks).items() if sum(counts.values()) >= SPANS}


def points(sink: Sink, name: str) -> list[tuple[dict[str, str], dict[str, str], int]]:
    """The points of a counter in the order of arrival: resource, attributes, value."""
    return [
        (_texts(by_resource.resource.attributes), _texts(point.attributes), point.as_int)
        for message in sink.taken("metrics")
        for by_resource in message.resource_metrics
        for scope in by_resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.sum.data_points
    ]


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {
        item.key: str(getattr(item.value, item.value.WhichOneof("value") or "string_value"))
        for item in attributes
    }
