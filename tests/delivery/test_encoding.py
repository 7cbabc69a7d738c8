from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pepperpy_otel import _compat
from pepperpy_otel.delivery import Outcome
from pepperpy_otel.delivery.encoding import Encoder, read_answer
from tests.delivery.fakes import make_metrics, make_records, make_spans


def counters(**values: float) -> Any:
    """MetricsData with one counter of several points for each name."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for name, value in values.items():
        counter = provider.get_meter("m").create_counter(name)
        for key in ("x", "y"):
            counter.add(value, {"key": key})
    data = reader.get_metrics_data()
    provider.shutdown()
    return data


def poison(data: Any, name: str, point: int) -> Any:
    """Give one point of a metric a value that no encoder takes."""
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == name:
            object.__setattr__(metric.data.data_points[point], "value", "not a number")
    return data


def test_batches_are_encoded_as_the_stock_exporters_do() -> None:
    """All three signals, but for the trace flags that upstream leaves out (``otlp/``)."""
    spans, records, metrics = make_spans("a", "b"), make_records("x"), make_metrics(m=1)
    for signal, items, message, count in (
        ("traces", spans, ExportTraceServiceRequest, 2),
        ("logs", records, ExportLogsServiceRequest, 1),
        ("metrics", metrics, ExportMetricsServiceRequest, 1),
    ):
        batch = [items] if signal == "metrics" else items
        encoded = Encoder(signal).encode(batch)  # type: ignore[arg-type]
        expected = _compat.stock_encoder(signal)(items)
        for span in expected.resource_spans[0].scope_spans[0].spans if items is spans else ():
            span.flags |= spans[0].context.trace_flags
        assert message.FromString(encoded.body) == expected
        assert (encoded.items, encoded.unencodable, encoded.error) == (count, 0, None)


def test_several_collections_make_one_request() -> None:
    """Their resource metrics stand one after the other."""
    encoded = Encoder("metrics").encode([make_metrics(a=1), make_metrics(b=1, c=1)])
    request = ExportMetricsServiceRequest.FromString(encoded.body)
    assert (encoded.items, len(request.resource_metrics)) == (3, 2)


def test_one_poisonous_span_does_not_cost_the_batch() -> None:
    """The others are sent; the one that cannot be encoded is told of."""
    spans = make_spans("good", "bad", "fine")
    spans[1]._context = None
    encoded = Encoder("traces").encode(spans)
    request = ExportTraceServiceRequest.FromString(encoded.body)
    sent = request.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in sent] == ["good", "fine"]
    assert (encoded.items, encoded.unencodable) == (2, 1)
    assert "cannot be encoded: AttributeError" in (encoded.error or "")


def test_an_error_that_has_no_text_is_told_all_the_same() -> None:
    """It comes from what the app gave us."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise self

    class Poison:
        @property
        def log_record(self) -> None:
            raise Mute

    encoded = Encoder("logs").encode([Poison()])
    assert (encoded.unencodable, encoded.error) == (
        1,
        "cannot be encoded: Mute: <unprintable Mute>",
    )


def test_a_batch_of_poison_is_empty() -> None:
    """Nothing is left to send, and the outcome says why."""
    spans = make_spans("bad")
    spans[0]._context = None
    encoded = Encoder("traces").encode(spans)
    assert (encoded.items, encoded.body) == (0, b"")
    outcome = encoded.outcome()
    assert (outcome.delivered, outcome.unencodable, outcome.retry) == (0, 1, False)


def test_one_poisonous_data_point_does_not_cost_the_metric() -> None:
    """Of two points of a counter one is sent, other metrics are whole, empty ones are left out."""
    data = poison(counters(a=1, b=2), "a", 0)
    data = poison(poison(data, "b", 0), "b", 1)
    encoded = Encoder("metrics").encode([data, make_metrics(c=1)])
    request = ExportMetricsServiceRequest.FromString(encoded.body)
    sent = [
        (metric.name, len(metric.sum.data_points))
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    assert sent == [("a", 1), ("c", 1)]
    assert (encoded.items, encoded.unencodable) == (2, 3)


ANSWERS: Any = [
    ("traces", ExportTraceServiceResponse, "rejected_spans"),
    ("metrics", ExportMetricsServiceResponse, "rejected_data_points"),
    ("logs", ExportLogsServiceResponse, "rejected_log_records"),
]


@pytest.mark.parametrize(("signal", "message", "field"), ANSWERS)
def test_a_partial_success_is_read(signal: Any, message: Any, field: str) -> None:
    """What the server threw away is counted, with its reason."""
    answer = message()
    setattr(answer.partial_success, field, 2)
    answer.partial_success.error_message = "too\nold"
    outcome = read_answer(signal, answer.SerializeToString(), 5)
    assert outcome == Outcome(delivered=3, rejected=2, error="partial success: too old")


@pytest.mark.parametrize(("rejected", "counted"), [(99, 5), (-3, 0)])
def test_nonsense_in_a_partial_success_is_bounded(rejected: int, counted: int) -> None:
    """No server can make us count more than we sent, or less than nothing."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    outcome = read_answer("traces", answer.SerializeToString(), 5)
    assert (outcome.delivered, outcome.rejected) == (5 - counted, counted)


def test_a_remark_without_rejection_is_kept() -> None:
    """A server may warn of something and take everything all the same."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.error_message = "deprecated"
    outcome = read_answer("traces", answer.SerializeToString(), 5)
    assert outcome == Outcome(delivered=5, error="deprecated")


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff" * 50])
def test_an_answer_that_cannot_be_read_is_a_success(body: bytes) -> None:
    """The status said so already."""
    assert read_answer("traces", body, 5) == Outcome(delivered=5)
