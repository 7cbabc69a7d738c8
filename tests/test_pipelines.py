"""Which exporter of which name sends what, and how it is told."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult as MetricResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import pepperpy_otel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]

SENT: list[str] = []
READERS: list[Reader] = []


class Spans(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        SENT.extend(span.name for span in spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        SENT.append("shut down")


class Points(MetricExporter):
    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **_: Any) -> MetricResult:
        SENT.append("points")
        return MetricResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        pass


class Reader(InMemoryMetricReader):
    def __init__(self) -> None:
        super().__init__()
        READERS.append(self)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporters named mine and pull, and one that is broken, are installed."""
    import importlib.metadata

    real = importlib.metadata.entry_points
    points = [
        EntryPoint("mine", f"{__name__}:Spans", "opentelemetry_traces_exporter"),
        EntryPoint("mine", f"{__name__}:Points", "opentelemetry_metrics_exporter"),
        EntryPoint("pull", f"{__name__}:Reader", "opentelemetry_metrics_exporter"),
        EntryPoint("broken", f"{__name__}:Missing", "opentelemetry_traces_exporter"),
    ]

    def entry_points(**wanted: Any) -> EntryPoints:
        return EntryPoints([*EntryPoints(points).select(**wanted), *real(**wanted)])

    monkeypatch.setitem(sys.modules, __name__, sys.modules[Spans.__module__])
    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    SENT.clear()
    READERS.clear()


@pytest.mark.usefixtures("installed")
def test_exporters_of_others_run_behind_our_worker(configure: Configure) -> None:
    """An exporter known by its entry point gets spans and metrics, and is shut down."""
    telemetry = configure(traces="mine", metrics="mine", logs="none")
    trace.get_tracer("x").start_span("mine").end()
    metrics.get_meter("x").create_counter("c").add(1)
    assert telemetry.force_flush()
    telemetry.shutdown()
    assert "mine" in SENT
    assert "points" in SENT
    assert "shut down" in SENT


@pytest.mark.usefixtures("installed")
def test_two_exporters_get_the_same_spans(configure: Configure, receiver: Receiver) -> None:
    """A list of names sends everything to each of them; an item counts once."""
    telemetry = configure(traces=["otlp", "mine"], metrics="none", logs="none")
    trace.get_tracer("x").start_span("both").end()
    assert telemetry.force_flush().delivered.traces == 1
    assert [span.name for span in receiver.store.spans] == ["both"]
    assert "both" in SENT


@pytest.mark.usefixtures("installed")
def test_a_pull_exporter_is_a_reader(configure: Configure) -> None:
    """A metric reader of others is added to the provider and serves by itself."""
    configure(metrics="pull", traces="none", logs="none")
    metrics.get_meter("x").create_counter("pulled").add(1)
    [reader] = READERS
    data = reader.get_metrics_data()
    assert data is not None
    names = [m.name for s in data.resource_metrics[0].scope_metrics for m in s.metrics]
    assert "pulled" in names


@pytest.mark.usefixtures("installed")
def test_an_exporter_that_does_not_load_costs_its_signal_one_line(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the setting and the error; the other signals are sent."""
    telemetry = configure(traces="broken")
    [line] = capsys.readouterr().err.splitlines()
    assert "traces='broken' (argument) cannot be loaded (AttributeError" in line
    pepperpy_otel.get_logger("x").emit(body="sent")
    assert telemetry.force_flush().delivered.logs == 1


@pytest.mark.usefixtures("installed")
def test_an_exporter_that_does_not_load_is_an_error_when_strict(configure: Configure) -> None:
    """What turns out only while everything is built raises too, and leaves nothing behind."""
    with pytest.raises(pepperpy_otel.ConfigurationError, match="cannot be loaded"):
        configure(traces="broken", strict=True)
    assert pepperpy_otel.get_telemetry() is None
    assert pepperpy_otel.rollback().restored == ()


def test_console_prints_what_is_recorded(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exporter console writes spans to standard output."""
    telemetry = configure(traces="console", metrics="none", logs="none")
    trace.get_tracer("x").start_span("shown").end()
    assert telemetry.force_flush()
    assert '"name": "shown"' in capsys.readouterr().out


@pytest.mark.parametrize("name", ["otlp", "otlp_proto_http"])
def test_the_stock_exporters_send_too(configure: Configure, receiver: Receiver, name: str) -> None:
    """exporter="stock" sends through opentelemetry-exporter-otlp, for all three signals."""
    telemetry = configure(exporter="stock", traces=name, logs=name, metrics=name)
    trace.get_tracer("x").start_span("stock").end()
    pepperpy_otel.get_logger("x").emit(body="stock")
    assert telemetry.force_flush()
    assert [span.name for span in receiver.store.spans] == ["stock"]
    assert [record.body for record in receiver.store.logs] == ["stock"]
    assert receiver.store.points


def test_a_credential_provider_takes_the_stock_exporter(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider of a requests session works: that signal is sent by the exporter that knows it."""
    import importlib.metadata

    from pepperpy_otel.delivery import Pipeline

    real = importlib.metadata.entry_points
    point = EntryPoint("vault", f"{__name__}:Spans", "opentelemetry_otlp_credential_provider")

    def entry_points(**wanted: Any) -> EntryPoints:
        return EntryPoints([*EntryPoints([point]).select(**wanted), *real(**wanted)])

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "vault")
    made: list[Any] = []

    class Watched(Pipeline):
        def __init__(self, destinations: Any, *args: Any, **kwargs: Any) -> None:
            made.extend(destinations)
            super().__init__([], *args, **kwargs)

    monkeypatch.setattr("pepperpy_otel.pipelines.Pipeline", Watched)
    configure()
    assert [(d.name, sorted(d.senders)) for d in made] == [
        ("otlp", ["logs", "metrics"]),
        ("otlp", ["traces"]),
    ]
