"""configure(): one call, three signals, once; and everything back with rollback()."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor

import pepperpy_otel
from pepperpy_otel import ConfigurationError, HealthStatus, assembly, versions
from pepperpy_otel.health import HealthChecker
from pepperpy_otel.logging import LogAggregator
from pepperpy_otel.metrics import MetricsCollector
from pepperpy_otel.tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

Configure = "Callable[..., Telemetry]"


def test_three_signals_arrive_and_agree(configure: Configure, receiver: Receiver) -> None:
    """A span, a counter and a log record reach the receiver; the log carries the span's ids."""
    telemetry = configure(service_name="shop", service_version="1.2", environment="test")
    log = logging.getLogger("shop.orders")
    with trace.get_tracer("shop").start_as_current_span("order") as span:
        metrics.get_meter("shop").create_counter("orders", unit="{order}").add(3, {"kind": "book"})
        log.warning("low stock: %d", 2, extra={"sku": "A-1"})
    result = telemetry.force_flush()
    assert result, result
    assert result.delivered.traces == 1
    assert result.delivered.logs == 1
    assert result.delivered.metrics >= 1
    [received] = receiver.store.spans
    [record] = receiver.store.logs
    context = span.get_span_context()
    assert received.service == record.service == "shop"
    assert received.trace_id == record.trace_id == f"{context.trace_id:032x}"
    assert received.span_id == record.span_id == f"{context.span_id:016x}"
    assert record.body == "low stock: 2"
    assert record.attributes["sku"] == "A-1"
    assert [p.value for p in receiver.store.points if p.name == "orders"] == [3]
    assert telemetry.resource.attributes["service.version"] == "1.2"
    assert telemetry.resource.attributes["deployment.environment.name"] == "test"
    assert telemetry.stats().delivered.traces == 1


def test_the_globals_are_ours_and_the_sdks(configure: Configure) -> None:
    """The three global providers are the handle's, and real SDK providers."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    telemetry = configure(traces=False, metrics=False, logs=False)
    assert trace.get_tracer_provider() is telemetry.tracer_provider
    assert metrics.get_meter_provider() is telemetry.meter_provider
    assert _logs.get_logger_provider() is telemetry.logger_provider
    assert isinstance(telemetry.tracer_provider, TracerProvider)
    assert isinstance(telemetry.meter_provider, MeterProvider)
    assert isinstance(telemetry.logger_provider, LoggerProvider)


def test_with_no_exporter_providers_record_and_nothing_is_sent(
    configure: Configure, receiver: Receiver
) -> None:
    """traces="none" and its siblings switch off the sending, not the recording."""
    telemetry = configure(traces="none", metrics="none", logs="none")
    with trace.get_tracer("x").start_as_current_span("y") as span:
        assert span.is_recording()
    assert telemetry.force_flush()
    assert telemetry.stats().delivered.total == 0
    assert receiver.store.spans == []


@pytest.mark.parametrize("again", [{}, {"service_name": "shop"}])
def test_a_second_call_with_equal_arguments_is_silent(
    configure: Configure, capsys: pytest.CaptureFixture[str], again: dict[str, Any]
) -> None:
    """The same handle comes back without a word."""
    first = configure(service_name="shop")
    assert pepperpy_otel.configure(**again) is first
    assert pepperpy_otel.get_telemetry() is first
    assert capsys.readouterr().err == ""


def test_a_second_call_with_other_arguments_names_them(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names each argument that differs; the handle stays as it is."""
    first = configure(service_name="shop")
    assert pepperpy_otel.configure(service_name="other", console_logs="json") is first
    [line] = capsys.readouterr().err.splitlines()
    assert "service_name" in line
    assert "console_logs" in line
    assert first.resource.attributes["service.name"] == "shop"


def test_a_second_call_that_cannot_be_read_is_one_line(
    configure: Configure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with PEPPERPY_OTEL_STRICT, a running service does not get an exception for it."""
    first = configure(service_name="shop")
    monkeypatch.setenv("PEPPERPY_OTEL_STRICT", "true")
    assert pepperpy_otel.configure(protocol="gprc") is first  # type: ignore[arg-type]
    [line] = capsys.readouterr().err.splitlines()
    assert "protocol='gprc'" in line


def test_many_threads_get_one_handle(configure: Configure) -> None:
    """Whoever comes first configures, everybody gets the same handle."""
    handles: list[Telemetry] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait(10)
        handles.append(configure(service_name="shop"))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(handles) == 8
    assert len({id(handle) for handle in handles}) == 1


def test_rollback_restores_and_configure_works_again(
    configure: Configure, receiver: Receiver, own_threads: Callable[[], list[str]]
) -> None:
    """What was handed out before works again after the next configure(), proxies included."""
    root = logging.getLogger()
    handlers, level, environment = root.handlers[:], root.level, dict(os.environ)
    early = trace.get_tracer("early")
    first = configure(service_name="one")
    tracer = trace.get_tracer("held")
    counter = metrics.get_meter("held").create_counter("held.counter")
    logger = _logs.get_logger("held")
    tracer.start_span("first").end()
    report = first.rollback()
    assert report, report
    assert report.flush.delivered.traces == 1
    assert root.handlers == handlers
    assert root.level == level
    assert dict(os.environ) == environment
    assert own_threads() == []
    assert pepperpy_otel.get_telemetry() is None

    counter.add(100)
    logger.emit(body="nobody hears this")
    assert not tracer.start_span("inert").is_recording()

    second = configure(service_name="two")
    assert second is not first
    for each in (tracer, early):
        each.start_span("again").end()
    counter.add(1)
    logger.emit(body="heard")
    assert second.force_flush()
    assert [(s.service, s.name) for s in receiver.store.spans] == [
        ("one", "first"),
        ("two", "again"),
        ("two", "again"),
    ]
    assert [p.value for p in receiver.store.points if p.name == "held.counter"] == [1]
    assert [(r.service, r.body) for r in receiver.store.logs] == [("two", "heard")]


def test_shutdown_delivers_and_configure_starts_anew(
    configure: Configure, receiver: Receiver
) -> None:
    """After shutdown there is no handle; a later configure() first clears away what is left."""
    with configure(service_name="one") as first:
        trace.get_tracer("x").start_span("y").end()
    assert [span.name for span in receiver.store.spans] == ["y"]
    assert pepperpy_otel.get_telemetry() is None
    assert first.shutdown() is first.shutdown()
    second = configure(service_name="two")
    assert pepperpy_otel.get_telemetry() is second
    ours = [h for h in logging.getLogger().handlers if "pepperpy_otel" in type(h).__module__]
    assert len(ours) <= 2


def test_rollback_after_shutdown_still_restores(configure: Configure) -> None:
    """The module's rollback() finds a handle that was shut down."""
    handlers = logging.getLogger().handlers[:]
    configure().shutdown()
    assert pepperpy_otel.rollback().restored
    assert logging.getLogger().handlers == handlers


def test_the_public_functions_act_on_the_handle(configure: Configure, receiver: Receiver) -> None:
    """The module's get_tracer, get_meter, get_logger, force_flush and shutdown are the handle's."""
    configure()
    pepperpy_otel.get_tracer("x").start_span("y").end()
    pepperpy_otel.get_meter("x").create_counter("c").add(1)
    pepperpy_otel.get_logger("x").emit(body="z")
    result = pepperpy_otel.force_flush(timeout_millis=5000)
    assert result.delivered.traces == result.delivered.logs == 1
    assert pepperpy_otel.shutdown(1000)


def test_a_providers_own_flush_and_shutdown_reach_us(
    configure: Configure, receiver: Receiver
) -> None:
    """Code that flushes the global provider, as the SDK's documentation says, gets it done."""
    telemetry = configure()
    trace.get_tracer("x").start_span("y").end()
    assert telemetry.tracer_provider.force_flush(5000)
    assert [span.name for span in receiver.store.spans] == ["y"]
    trace.get_tracer("x").start_span("z").end()
    telemetry.tracer_provider.shutdown()
    assert [span.name for span in receiver.store.spans] == ["y", "z"]
    _logs.get_logger("x").emit(body="the other signals go on")
    assert telemetry.force_flush().delivered.logs == 1


class _Spans(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[str] = []
        self.calls: list[str] = []

    def on_end(self, span: Any) -> None:
        self.ended.append(span.name)

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.calls.append("flush")
        return True


class _Records(LogRecordProcessor):
    def __init__(self) -> None:
        self.bodies: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        self.bodies.append(log_record.log_record.body)

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


def test_the_users_own_parts_are_added_flushed_and_ended(configure: Configure) -> None:
    """Processors and readers given to configure() see everything and are flushed and shut down."""
    spans, records, reader = _Spans(), _Records(), InMemoryMetricReader()
    telemetry = configure(
        span_processors=[spans], log_record_processors=[records], metric_readers=[reader]
    )
    trace.get_tracer("x").start_span("y").end()
    _logs.get_logger("x").emit(body="z")
    metrics.get_meter("x").create_counter("c").add(2)
    data = reader.get_metrics_data()
    assert data is not None
    telemetry.force_flush()
    telemetry.shutdown()
    assert spans.ended == ["y"]
    assert records.bodies == ["z"]
    assert spans.calls[0] == "flush"
    assert spans.calls[-1] == "shutdown"


def test_disabled_is_a_working_handle_that_records_nothing(
    configure: Configure, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_SDK_DISABLED=true gives no-op providers, true flushes and harmless facades."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    handlers = logging.getLogger().handlers[:]
    telemetry = configure(service_name="shop")
    assert logging.getLogger().handlers == handlers
    with telemetry.tracer_provider.get_tracer("x").start_as_current_span("y") as span:
        assert not span.is_recording()
    assert telemetry.force_flush()
    assert telemetry.stats().delivered.total == 0
    assert telemetry.metrics_snapshot() is None
    assert MetricsCollector().collect()["requests"] == 0
    assert "running" in repr(telemetry)
    assert telemetry.shutdown()
    assert "shut down" in repr(telemetry)
    assert receiver.store.spans == []


def test_strict_raises_and_changes_nothing(configure: Configure) -> None:
    """After a ConfigurationError there is no handle and no trace of the attempt."""
    handlers, threads = logging.getLogger().handlers[:], threading.active_count()
    with pytest.raises(ConfigurationError, match="protocol='gprc'"):
        configure(protocol="gprc", strict=True)
    assert pepperpy_otel.get_telemetry() is None
    assert logging.getLogger().handlers == handlers
    assert threading.active_count() == threads


def test_an_unexpected_failure_leaves_the_app_running(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of ours at start-up is one line and a handle that records nothing."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(assembly, "build_resource", broken)
    handlers = logging.getLogger().handlers[:]
    telemetry = configure()
    assert telemetry.force_flush()
    assert logging.getLogger().handlers == handlers
    [line] = capsys.readouterr().err.splitlines()
    assert "a bug of ours" in line
    telemetry.rollback()
    with pytest.raises(RuntimeError, match="a bug of ours"):
        configure(strict=True)


def test_an_installation_that_does_not_work_names_the_reason(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the parts do not fit together, the failure is told as what it is."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ImportError("cannot import name 'x' from 'opentelemetry'")

    monkeypatch.setattr(assembly, "build_resource", broken)
    monkeypatch.setattr(versions, "mismatch", lambda: "opentelemetry-api 1 is older than …")
    monkeypatch.setattr(assembly, "mismatch", lambda: None)
    configure()
    [line] = capsys.readouterr().err.splitlines()
    assert "telemetry is off: opentelemetry-api 1 is older than" in line


def test_the_level_of_opentelemetrys_own_lines(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_LOG_LEVEL speaks of the loggers opentelemetry and pepperpy_otel, until the rollback."""
    monkeypatch.setenv("OTEL_LOG_LEVEL", "error")
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "pepperpy_otel")]
    before = [logger.level for logger in loggers]
    configure()
    assert [logger.level for logger in loggers] == [logging.ERROR] * 2
    pepperpy_otel.rollback()
    assert [logger.level for logger in loggers] == before


def test_an_api_older_than_the_sdk_is_named(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An installation made in two steps is told in one line, and what works goes on."""
    monkeypatch.setattr(assembly, "mismatch", lambda: "opentelemetry-api 1 is older than …")
    configure()
    assert "opentelemetry-api 1 is older than" in capsys.readouterr().err


def test_settings_say_where_they_come_from(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Argument beats environment beats pyproject.toml beats default."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pepperpy_otel]\nservice_name = "file"\nenvironment = "file"\nservice_version = "9"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "variable")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=variable,team=a")
    telemetry = configure(service_name="argument", resource_attributes={"rack": 7})
    attributes = telemetry.resource.attributes
    assert attributes["service.name"] == "argument"
    assert attributes["deployment.environment.name"] == "variable"
    assert attributes["service.version"] == "9"
    assert attributes["team"] == "a"
    assert attributes["rack"] == 7
    assert telemetry.settings.source_of("service_name").kind == "argument"


def test_the_prometheus_endpoint_serves_what_is_pushed(configure: Configure) -> None:
    """A port of 0 takes any free one, and a scrape shows the same counter."""
    import urllib.request

    telemetry = configure(prometheus_port=0)
    metrics.get_meter("x").create_counter("apples", unit="{apple}").add(5)
    assert telemetry.prometheus_address is not None
    host, port = telemetry.prometheus_address
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "apples_total" in text
    telemetry.rollback()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=2)


def test_prometheus_by_name_starts_the_endpoint_beside_the_push(
    configure: Configure, receiver: Receiver
) -> None:
    """As OTEL_METRICS_EXPORTER=otlp,prometheus says it: both, from one aggregation."""
    telemetry = configure(metrics=["otlp", "prometheus"], prometheus_port=0)
    assert telemetry.prometheus_address is not None
    metrics.get_meter("x").create_counter("pears").add(1)
    assert telemetry.force_flush()
    assert [p.value for p in receiver.store.points if p.name == "pears"] == [1]


def test_a_busy_prometheus_port_costs_one_line_only(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other signals do not suffer from a port that is taken."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        telemetry = configure(prometheus_port=port, prometheus_host="127.0.0.1")
        assert telemetry.prometheus_address is None
    [line] = capsys.readouterr().err.splitlines()
    assert str(port) in line
    trace.get_tracer("x").start_span("y").end()
    assert telemetry.force_flush().delivered.traces == 1


def test_the_specifications_validation_works_without_configure() -> None:
    """The four parts of the specification's own validation, as written there."""
    assert MetricsCollector().collect()["requests"] >= 0

    aggregator = LogAggregator()
    aggregator.log("test_event", value=1)
    aggregated = aggregator.aggregate(60)
    assert len(aggregated) > 0
    assert aggregated["by_event"]["test_event"] == 1
    assert aggregated["values"]["test_event"]["value"]["sum"] == 1

    with Tracer().start_span("test_operation") as span:
        assert span.is_recording()

    verdicts = HealthChecker().check_all()
    assert verdicts
    assert all(isinstance(status, HealthStatus) for status in verdicts.values())


def test_facades_made_before_move_over(configure: Configure, receiver: Receiver) -> None:
    """What was constructed before configure() records on the real providers afterwards."""
    collector, tracer, aggregator = MetricsCollector(), Tracer(), LogAggregator()
    collector.request_count.add(5)
    telemetry = configure(service_name="shop")
    collector.request_count.add(2, {"route": "/"})
    collector.response_time.record(0.25)
    collector.active_connections.add(3)
    with tracer.start_span("work", {"n": 1}):
        aggregator.log("order_placed", value=9)
    assert collector.collect()["requests"] == 2
    assert collector.collect()["connections"] == 3
    assert collector.collect()["response_time"] == 0.25
    assert telemetry.force_flush()
    assert [span.name for span in receiver.store.spans] == ["work"]
    [record] = receiver.store.logs
    assert record.trace_id == receiver.store.spans[0].trace_id
    names = {point.name for point in receiver.store.points}
    assert {"pepperpy.requests", "pepperpy.response_time", "pepperpy.active_connections"} <= names
