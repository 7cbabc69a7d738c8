"""The Collector, Jaeger and Prometheus with the configuration files that we ship."""

import secrets
import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration import readback
from tests.integration.servers import (
    CONFIG,
    Collector,
    Jaeger,
    Process,
    ServerError,
    Stack,
    eventually,
    run_tool,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

PROTOBUF = "application/x-protobuf"


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _resource(service: str) -> Resource:
    return Resource(attributes=[_attribute("service.name", service)])


def _trace(service: str, trace_id: bytes, span_id: bytes) -> ExportTraceServiceRequest:
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    by_resource = request.resource_spans.add(resource=_resource(service))
    by_resource.scope_spans.add().spans.add(
        trace_id=trace_id,
        span_id=span_id,
        name="checkout",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=now - 1_000_000,
        end_time_unix_nano=now,
        attributes=[_attribute("shop.cart", "c1")],
    )
    return request


def _log(service: str, trace_id: bytes, span_id: bytes) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    by_resource = request.resource_logs.add(resource=_resource(service))
    by_resource.scope_logs.add().log_records.add(
        time_unix_nano=time.time_ns(),
        trace_id=trace_id,
        span_id=span_id,
        severity_text="INFO",
        severity_number=9,
        body=AnyValue(string_value="paid"),
        attributes=[_attribute("shop.cart", "c1")],
    )
    return request


def _counter(service: str, value: int, *, delta: bool = False) -> ExportMetricsServiceRequest:
    now = time.time_ns()
    request = ExportMetricsServiceRequest()
    by_resource = request.resource_metrics.add(resource=_resource(service))
    total = by_resource.scope_metrics.add().metrics.add(name="shop.orders").sum
    total.is_monotonic = True
    total.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        if delta
        else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    total.data_points.add(
        start_time_unix_nano=now - 1_000_000_000, time_unix_nano=now, as_int=value
    )
    return request


def _send(url: str, signal: str, body: bytes) -> None:
    status, answer = readback.post(f"{url}/v1/{signal}", body, PROTOBUF)
    assert status == 200, answer


@pytest.mark.parametrize("name", ["collector.yaml", "collector-local.yaml"])
def test_the_collector_accepts_the_configuration(name: str, tmp_path: Path) -> None:
    """Validate finds nothing to say about either configuration file."""
    key = tmp_path / "key"
    key.write_text("k" * 32)
    text = (CONFIG / name).read_text().replace("/run/stack/secrets/redaction_key", str(key))
    config = tmp_path / name
    config.write_text(text.replace("/var/lib/otelcol", str(tmp_path)))
    env = {"COLLECTOR_REDACTION_KEY_FILE": str(key)}

    result = run_tool("collector", "validate", "--config", str(config), directory=tmp_path, env=env)

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_prometheus_accepts_the_configuration(tmp_path: Path) -> None:
    """Promtool check config finds prometheus.yaml valid."""
    result = run_tool(
        "promtool", "check", "config", str(CONFIG / "prometheus.yaml"), directory=tmp_path
    )

    assert result.returncode == 0, result.stderr
    assert "SUCCESS" in result.stdout


def test_the_servers_start_without_a_warning(tmp_path: Path) -> None:
    """None of the three says a warning, or that a component has another name today."""
    with Stack(tmp_path) as stack:
        processes = [each.process for each in (stack.collector, stack.jaeger, stack.prometheus)]
        assert all(process.log() for process in processes)
        assert [process.warnings() for process in processes] == [[], [], []]


def test_the_compose_configuration_starts_without_a_warning(stack: Stack, tmp_path: Path) -> None:
    """collector.yaml itself starts cleanly and works when its service names lead to servers."""
    text = (CONFIG / "collector.yaml").read_text()
    for here, there in (
        ("jaeger:4317", "${env:JAEGER_OTLP_GRPC}"),
        ("http://prometheus:9090", "${env:PROMETHEUS_URL}"),
        ("0.0.0.0:4317", "${env:COLLECTOR_OTLP_GRPC}"),
        ("0.0.0.0:4318", "${env:COLLECTOR_OTLP_HTTP}"),
        ("0.0.0.0:13133", "${env:COLLECTOR_HEALTH}"),
        ("/var/lib/otelcol/queue", "${env:COLLECTOR_QUEUE_DIRECTORY}"),
        ("/run/stack/secrets/redaction_key", "${env:COLLECTOR_REDACTION_KEY_FILE}"),
    ):
        assert here in text
        text = text.replace(here, there)
    config = tmp_path / "collector.yaml"
    config.write_text(text)
    collector = Collector(
        tmp_path,
        jaeger_otlp_grpc=stack.jaeger.otlp_grpc,
        prometheus_url=stack.prometheus_url,
        config=config,
    )
    service = f"compose-{secrets.token_hex(4)}"

    with collector.process:
        request = _trace(service, secrets.token_bytes(16), secrets.token_bytes(8))
        _send(collector.otlp_http, "traces", request.SerializeToString())
        eventually(lambda: stack.traces(service), what="the trace in Jaeger")

    assert collector.process.stop() == 0
    assert collector.process.warnings() == []


@pytest.mark.parametrize("name", ["collector.yaml", "collector-local.yaml"])
def test_the_memory_limiter_is_first_and_nothing_batches_before_the_queue(name: str) -> None:
    """Each pipeline starts with the memory limiter and has no batch processor."""
    lines = (CONFIG / name).read_text().splitlines()
    pipelines = [line.strip() for line in lines if line.strip().startswith("processors: [")]

    assert len(pipelines) == 4
    assert all(line.startswith("processors: [memory_limiter") for line in pipelines)
    assert not any("batch" in line for line in pipelines)


def test_three_signals_arrive_under_one_trace_id(stack: Stack) -> None:
    """A span, a metric and a log record sent by OTLP/HTTP are found, the ids intact."""
    service = f"round-trip-{secrets.token_hex(4)}"
    trace_id, span_id = secrets.token_bytes(16), secrets.token_bytes(8)

    _send(stack.otlp_http, "traces", _trace(service, trace_id, span_id).SerializeToString())
    _send(stack.otlp_http, "metrics", _counter(service, 3).SerializeToString())
    _send(stack.otlp_http, "logs", _log(service, trace_id, span_id).SerializeToString())

    traces = eventually(lambda: stack.traces(service), what="the trace in Jaeger")
    (span,) = traces[trace_id.hex()]
    assert (span["name"], span["kind"], span["service"]) == ("checkout", "server", service)
    assert span["span_id"] == span_id.hex()
    assert span["attributes"]["shop.cart"] == "c1"
    assert stack.trace(trace_id.hex()) == [span]

    promql = f'shop_orders_total{{service_name="{service}"}}'
    (sample,) = eventually(lambda: stack.query(promql), what="the counter in Prometheus")
    assert sample["value"] == 3
    assert sample["labels"]["job"] == service

    (record,) = eventually(lambda: stack.log_records(service), what="the log record in the file")
    assert (record["body"], record["severity_text"]) == ("paid", "INFO")
    assert (record["trace_id"], record["span_id"]) == (span["trace_id"], span["span_id"])
    assert record["attributes"] == {"shop.cart": "c1"}


def test_a_delta_counter_becomes_cumulative(stack: Stack) -> None:
    """Deltas, which Prometheus refuses with all that comes along, are summed on the way."""
    service = f"delta-{secrets.token_hex(4)}"
    promql = f'shop_orders_total{{service_name="{service}"}}'

    _send(stack.otlp_http, "metrics", _counter(service, 2, delta=True).SerializeToString())
    eventually(lambda: stack.query(promql), what="the first delta")
    _send(stack.otlp_http, "metrics", _counter(service, 5, delta=True).SerializeToString())

    eventually(lambda: [s for s in stack.query(promql) if s["value"] == 7], what="the sum")


def test_unknown_services_are_empty(stack: Stack) -> None:
    """What was never sent is an empty answer, not an error."""
    assert stack.traces("nobody") == {}
    assert stack.trace("0" * 31 + "1") == []
    assert stack.query("no_such_metric") == []
    assert stack.log_records("nobody") == []


def test_a_server_can_die_and_come_back_on_its_ports(tmp_path: Path) -> None:
    """A killed server is gone, a started one answers where it did before."""
    jaeger = Jaeger(tmp_path)

    with jaeger.process:
        jaeger.process.kill()
        assert not jaeger.process.running
        with pytest.raises(OSError, match="refused"):
            readback.get(jaeger.query_url)
        jaeger.process.start()
        assert readback.jaeger_traces(jaeger.query_url, "nobody") == {}

    assert not jaeger.process.running


def test_a_server_that_cannot_start_tells_its_last_log_lines(tmp_path: Path) -> None:
    """The error names the server and carries what it wrote before it ended."""
    config = tmp_path / "broken.yaml"
    config.write_text(
        "receivers: {nowhere: {}}\nexporters: {debug: {}}\n"
        "service: {pipelines: {traces: {receivers: [nowhere], exporters: [debug]}}}\n"
    )
    collector = Collector(tmp_path, jaeger_otlp_grpc="", prometheus_url="", config=config)

    with pytest.raises(ServerError, match=r"(?s)^collector .* exit status 1\n.*nowhere"):
        collector.process.start()

    assert not collector.process.running


def test_servers_end_with_the_test_that_fails(tmp_path: Path) -> None:
    """An exception inside the with block leaves no process behind."""
    seen: list[Process] = []

    def use() -> None:
        with Jaeger(tmp_path).process as process:
            seen.append(process)
            raise LookupError("the test failed")

    with pytest.raises(LookupError, match="the test failed"):
        use()

    assert seen[0].pid is None


def test_eventually_tells_what_it_saw_last() -> None:
    """A condition that stays false fails with its last value or exception."""

    def wrong() -> list[int]:
        raise LookupError("nothing there")

    with pytest.raises(AssertionError, match=r"the thing: not within 0 s; last: \[\]"):
        eventually(list, timeout=0, what="the thing")
    with pytest.raises(AssertionError, match=r"wrong: not within 0 s; last: LookupError"):
        eventually(wrong, timeout=0)
