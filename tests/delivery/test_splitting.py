from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.delivery.splitting import Part, split
from tests.delivery.fakes import make_records, make_spans
from tests.delivery.sinks import Request

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import Signal


def request(body: bytes) -> Request:
    """The request as a sink reads it."""
    return Request("POST", "/", {}, body, ("", 0))


def halves(signal: Signal, body: bytes) -> tuple[Part, Part]:
    """The two parts, which there have to be."""
    parts = split(signal, body)
    assert parts is not None
    return parts


def leaves(signal: Signal, body: bytes) -> list[Part]:
    """All the parts when it is halved as long as it can be."""
    parts = split(signal, body)
    if parts is None:
        return [Part(body, 1)]
    return [leaf for part in parts for leaf in leaves(signal, part.body)]


def test_spans_are_halved_in_order() -> None:
    """Both halves are requests of their own; the second has the odd one."""
    body = Encoder("traces").encode(make_spans(*"abcde")).body
    one, two = halves("traces", body)
    assert (one.items, two.items) == (2, 3)
    assert request(one.body).span_names() == ["a", "b"]
    assert request(two.body).span_names() == ["c", "d", "e"]
    assert [request(leaf.body).span_names() for leaf in leaves("traces", body)] == [
        [name] for name in "abcde"
    ]


def test_each_half_keeps_resource_and_scope_and_no_empty_ones() -> None:
    """What a span belongs to goes with it; what is left without spans is left out."""
    spans: list[Any] = []
    for service in ("one", "two"):
        exporter = InMemorySpanExporter()
        provider = TracerProvider(
            resource=Resource({"service.name": service}), shutdown_on_exit=False
        )
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for scope in ("x", "y"):
            provider.get_tracer(scope, schema_url=f"https://{scope}").start_span("s").end()
        spans += exporter.get_finished_spans()
    body = Encoder("traces").encode(spans).body
    seen = []
    for leaf in leaves("traces", body):
        parsed = _traces(leaf.body)
        (resource,) = parsed.resource_spans
        (scope,) = resource.scope_spans
        assert scope.schema_url == f"https://{scope.scope.name}"
        seen.append((resource.resource.attributes[0].value.string_value, scope.scope.name))
    assert seen == [("one", "x"), ("one", "y"), ("two", "x"), ("two", "y")]


def _traces(body: bytes) -> Any:
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    return trace_service_pb2.ExportTraceServiceRequest.FromString(body)


def test_log_records_are_halved() -> None:
    """Like spans."""
    body = Encoder("logs").encode(make_records("a", "b", "c")).body
    one, two = halves("logs", body)
    assert request(one.body).log_bodies() == ["a"]
    assert request(two.body).log_bodies() == ["b", "c"]


def test_metrics_are_halved_down_to_a_single_data_point() -> None:
    """Points of all kinds; each keeps its metric's name, unit and temporality."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    counter, histogram = meter.create_counter("c", unit="By"), meter.create_histogram("h")
    for key in ("a", "b", "c"):
        counter.add(1, {"k": key})
        histogram.record(1, {"k": key})
    meter.create_gauge("g").set(1)
    body = Encoder("metrics").encode([reader.get_metrics_data()]).body
    provider.shutdown()
    seen = []
    for leaf in leaves("metrics", body):
        parsed = ExportMetricsServiceRequest.FromString(leaf.body)
        (metric,) = parsed.resource_metrics[0].scope_metrics[0].metrics
        kind = metric.WhichOneof("data")
        data = getattr(metric, str(kind))
        (point,) = data.data_points
        key = point.attributes[0].value.string_value if point.attributes else ""
        seen.append((metric.name, metric.unit, kind, key))
        if kind == "sum":
            assert (data.is_monotonic, data.aggregation_temporality) == (True, 2)
    assert seen == [
        *[("c", "By", "sum", key) for key in "abc"],
        *[("h", "", "histogram", key) for key in "abc"],
        ("g", "", "gauge", ""),
    ]


def test_a_metric_without_data_is_no_obstacle() -> None:
    """A request of others, from the disk, may hold one; it is left out."""
    parsed = ExportMetricsServiceRequest()
    metrics = parsed.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="empty")
    for name in ("a", "b"):
        metrics.add(name=name).gauge.data_points.add(as_int=1)
    one, two = halves("metrics", parsed.SerializeToString())
    assert request(one.body).metric_names() == ["a"]
    assert request(two.body).metric_names() == ["b"]


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff", b"\x0a\x00"])
def test_what_cannot_be_halved_is_not(signal: Signal, body: bytes) -> None:
    """Nothing in it, or no request at all: the caller deals with it as a whole."""
    assert split(signal, body) is None


def test_one_item_cannot_be_halved() -> None:
    """Down there it is dropped or kept alone."""
    assert split("traces", Encoder("traces").encode(make_spans("a")).body) is None
