from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pepperpy_otel.delivery import Destination, Outcome, QueueLimits
from pepperpy_otel.delivery.self_metrics import ObservedSender, observed
from tests.delivery.fakes import FakeSender, make_metrics, make_records, make_spans, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.delivery.sinks import HttpSink

ENABLED = {"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"}
#: The same program with the stock SDK and with us.
PROGRAM = """
    import sys, time
    if {ours}:
        import pepperpy_otel
        pepperpy_otel.configure("x", instrument=False, health=False)
    else:
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator
        _OTelSDKConfigurator().configure(auto_instrumentation_version=None)
    from opentelemetry import _logs, metrics, trace
    tracer = trace.get_tracer("t")
    with tracer.start_as_current_span("a"):
        tracer.start_span("b").end()
    _logs.get_logger("l").emit(body="x")
    metrics.get_meter("m").create_counter("c").add(1)
    providers = (
        trace.get_tracer_provider(), _logs.get_logger_provider(), metrics.get_meter_provider()
    )
    for _ in range(2):
        for provider in providers:
            provider.force_flush()
    print("otel.sdk" if "pepperpy_otel.delivery.self_metrics" in sys.modules else "nothing")
"""
#: What the stock SDK 1.45 gets wrong by the convention, and what it should say instead.
MENDED = {("otel.sdk.processor.log.queue.size", "{log}"): "{log_record}"}
#: What it leaves out, although it does have a capacity for log records.
ADDED = {"otel.sdk.processor.span.queue.capacity"}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Reads what goes to the global provider."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    yield reader
    provider.shutdown()


def read(reader: InMemoryMetricReader) -> dict[str, dict[str, float]]:
    """By metric, and then by the type of error: values of sums, counts of histograms."""
    found: dict[str, dict[str, float]] = {}
    data: Any = reader.get_metrics_data()
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                name = metric.name.removeprefix("otel.sdk.")
                for point in metric.data.data_points:
                    error = str(point.attributes.get("error.type", ""))
                    value = getattr(point, "value", getattr(point, "count", math.nan))
                    found.setdefault(name, {})[error] = value
    return found


def sdk_metrics(sink: HttpSink) -> dict[tuple[Any, ...], str]:
    """Descriptions of the SDK's own metrics, by all that identifies a series."""
    found = {}
    for request in sink.requests:
        if request.path != "/v1/metrics":
            continue
        message = ExportMetricsServiceRequest.FromString(request.body)
        for scope in message.resource_metrics[0].scope_metrics:
            if scope.scope.name != "opentelemetry-sdk":
                continue
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    attributes = {
                        each.key: each.value.string_value or each.value.int_value
                        for each in point.attributes
                    }
                    attributes.pop("server.port", None)  # another one each time
                    key = (
                        metric.name,
                        MENDED.get((metric.name, metric.unit), metric.unit),
                        kind,
                        getattr(data, "is_monotonic", None),
                        tuple(sorted(attributes.items())),
                    )
                    found[key] = metric.description
    return found


def test_they_are_those_of_the_stock_sdk(
    run_python: Callable[..., Any], http_sink: Callable[..., HttpSink]
) -> None:
    """Names, units, kinds, attributes and descriptions, for the same program; nothing besides."""
    found = {}
    for ours in (False, True):
        sink = http_sink()
        environment = {
            **ENABLED,
            "OTEL_SERVICE_NAME": "x",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
        }
        if not ours:
            signals = ("TRACES", "METRICS", "LOGS")
            environment |= {f"OTEL_{signal}_EXPORTER": "otlp_proto_http" for signal in signals}
        result = run_python(PROGRAM.format(ours=ours), env=environment)
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == ("otel.sdk" if ours else "nothing")
        found[ours] = sdk_metrics(sink)
    added = {key: text for key, text in found[True].items() if key[0] in ADDED}
    assert len(added) == 1
    assert {key: text for key, text in found[True].items() if key not in added} == found[False]


def test_nobody_pays_who_did_not_ask(
    run_python: Callable[..., Any], http_sink: Callable[..., HttpSink]
) -> None:
    """Off, which is the default, nothing is imported and nothing is sent."""
    sink = http_sink()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
    result = run_python(PROGRAM.format(ours=True), env=environment)
    assert result.stdout.strip() == "nothing", result.stderr
    assert sdk_metrics(sink) == {}


def test_pyproject_switches_all_of_them_on(
    run_python: Callable[..., Any], http_sink: Callable[..., HttpSink], tmp_path: Any
) -> None:
    """Those of the SDK too, which reads an environment variable only."""
    sink = http_sink()
    (tmp_path / "pyproject.toml").write_text("[tool.pepperpy_otel]\ninternal_metrics = true\n")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
    result = run_python(PROGRAM.format(ours=True), env=environment, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    names = {key[0] for key in sdk_metrics(sink)}
    assert {"otel.sdk.span.started", "otel.sdk.log.created", "otel.sdk.exporter.span.exported"} <= (
        names
    )


def test_queues_are_read_when_they_are_asked_for(
    pipeline: Callable[..., Any], reader: InMemoryMetricReader
) -> None:
    """Size and capacity, what left the queue and what was thrown out; absent when it ends."""
    limits = {"traces": QueueLimits(max_items=3), "logs": QueueLimits(max_items=5)}
    made = pipeline([FakeSender("traces"), FakeSender("logs")], limits=limits, start=False)
    forget = made.report_to(metrics.get_meter_provider())
    for span in make_spans(*"abcde"):
        made.span_processor().on_end(span)
    assert read(reader) == {
        "processor.span.processed": {"": 0, "queue_full": 2},
        "processor.span.queue.size": {"": 3},
        "processor.span.queue.capacity": {"": 3},
        "processor.log.processed": {"": 0},
        "processor.log.queue.size": {"": 0},
        "processor.log.queue.capacity": {"": 5},
    }
    made.start()
    assert made.flush(5.0).delivered.traces == 3
    assert read(reader)["processor.span.processed"] == {"": 3, "queue_full": 2}
    again = made.report_to(metrics.get_meter_provider())
    assert read(reader)["processor.span.queue.size"] == {"": 0}
    again()
    forget()
    assert read(reader) == {}


@pytest.mark.parametrize(
    ("outcome", "exported", "durations"),
    [
        (Outcome(delivered=3), {"": 3}, {"": 1}),
        (Outcome(delivered=2, rejected=1, error="x"), {"": 2, "rejected": 1}, {"rejected": 1}),
        (
            Outcome(error="HTTP 400 Bad Request"),
            {"400": 3},
            {"400": 1},
        ),
        (Outcome(retry=True, error="HTTP 503 Service Unavailable"), {}, {"503": 1}),
        (Outcome(retry=True, error="gRPC UNAVAILABLE: x"), {}, {"UNAVAILABLE": 1}),
        (Outcome(retry=True, error="connection refused"), {}, {"unavailable": 1}),
        (
            Outcome(delivered=1, unencodable=2, error="cannot be encoded"),
            {"": 1, "unencodable": 2},
            {"unencodable": 1},
        ),
        (Outcome(error="what", reason="error"), {"error": 3}, {"error": 1}),
        (ValueError("bug"), {}, {"_OTHER": 1}),
    ],
)
def test_every_outcome_is_counted_once(
    reader: InMemoryMetricReader,
    outcome: Any,
    exported: dict[str, float],
    durations: dict[str, float],
) -> None:
    """Exported is what is settled; what is tried again has only taken its time."""
    sender = ObservedSender(FakeSender("traces", outcome), "otlp_http_span_exporter")
    if isinstance(outcome, Exception):
        with pytest.raises(ValueError):
            sender.send(make_spans(*"abc"), 1)
    else:
        assert sender.send(make_spans(*"abc"), 1) == outcome
    found = read(reader)
    assert found.get("exporter.span.exported", {}) == exported
    assert found["exporter.operation.duration"] == durations
    assert found["exporter.span.inflight"] == {"": 0}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://h:4318/v1/traces", ("h", 4318)),
        ("https://h/v1/traces", ("h", 443)),
        ("http://h/v1/traces", ("h", 80)),
        ("h:4317", ("h", 4317)),
        ("[::1]:4317", ("::1", 4317)),
        ("http://h:port/", (None, None)),
        ("", (None, None)),
    ],
)
def test_the_server_is_named(reader: InMemoryMetricReader, target: str, expected: Any) -> None:
    """Address and port, where the sender says where it goes."""
    inner = FakeSender("logs")
    inner.target = target
    ObservedSender(inner, "otlp_http_log_exporter").send(make_records("x"), 1)
    data: Any = reader.get_metrics_data()
    point = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]
    attributes = point.attributes
    assert (attributes.get("server.address"), attributes.get("server.port")) == expected


def test_the_code_of_the_answer_is_told(reader: InMemoryMetricReader) -> None:
    """As an attribute of the duration, by protocol; a code that is no number is left out."""
    errors = ("HTTP 503 x", "gRPC UNAVAILABLE", "HTTP what")
    for error in errors:
        inner = FakeSender("metrics", refused(error=error))
        ObservedSender(inner, "otlp_http_metric_exporter").send([make_metrics(a=1, b=2)], 1)
    found = []
    data: Any = reader.get_metrics_data()
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == "otel.sdk.exporter.operation.duration":
            found = [dict(point.attributes) for point in metric.data.data_points]
    assert [each.get("http.response.status_code") for each in found] == [503, None, None]
    assert [each.get("rpc.response.status_code") for each in found] == [None, "UNAVAILABLE", None]


def test_for_everybody_else_it_is_the_sender(reader: InMemoryMetricReader) -> None:
    """What the sender can do besides, it still can: interrupt, encode, transmit apart."""

    class Apart(FakeSender):
        def encode(self, items: Any) -> str:
            return f"encoded {len(items)}"

        def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
            return Outcome(delivered=count)

    inner = Apart("traces")
    place = observed(Destination("fake", {"traces": inner}), {"traces": "otlp_grpc"})
    sender: Any = place.senders["traces"]()
    assert (sender.target, sender.signal) == (inner.target, "traces")
    assert sender.encode([1, 2]) == "encoded 2"
    assert sender.transmit(b"", 4, 1.0).delivered == 4
    assert read(reader)["exporter.span.exported"] == {"": 4}
    sender.interrupt()
    sender.close()
    assert (inner.interrupted, inner.closed) == (1, 1)
    plain: Any = ObservedSender(FakeSender("traces"), "x")
    assert not hasattr(plain, "transmit")
