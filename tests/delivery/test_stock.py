from __future__ import annotations

import io
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from pepperpy_otel.delivery import OtlpEndpoint, Outcome, build_destination
from pepperpy_otel.delivery.stock import ExporterSender, StockSender, stock_exporter
from tests.delivery.fakes import make_metrics, make_records, make_spans
from tests.delivery.grpc_sink import GrpcSink
from tests.delivery.sinks import Answer

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeExporter:
    """Answers what it is told to."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.exported: list[Any] = []
        self.options: list[Any] = []
        self.shutdowns = 0

    def export(self, batch: Any, **options: Any) -> Any:
        self.exported.append(batch)
        self.options.append(options)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def shutdown(self) -> None:
        self.shutdowns += 1


SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


def test_success_is_delivered() -> None:
    """The exporter says that it has them; nobody can know more."""
    exporter = FakeExporter(SUCCESS)
    sender = ExporterSender("traces", exporter, "there")
    assert sender.send([1, 2, 3], 10) == Outcome(delivered=3)
    assert (exporter.exported, exporter.options) == ([[1, 2, 3]], [{}])


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (FAILURE, "the exporter answered FAILURE"),
        (None, "the exporter answered None"),
        (ValueError("no\nway"), "the exporter raised ValueError: no way"),
    ],
)
def test_anything_else_is_dropped(result: Any, said: str) -> None:
    """It is not tried again: exporters see to that themselves."""
    sender = ExporterSender("logs", FakeExporter(result), "there")
    assert sender.send([1, 2], 10) == Outcome(error=said, reason="exporter_failed")


def test_metrics_are_exported_one_collection_after_the_other() -> None:
    """With the timeout in milliseconds; counted in data points."""
    exporter = FakeExporter(SUCCESS, FAILURE, SUCCESS)
    sender = ExporterSender("metrics", exporter, "there")
    outcome = sender.send([make_metrics(a=1, b=1), make_metrics(c=1), make_metrics(d=1)], 2)
    assert (outcome.delivered, outcome.reason, outcome.retry) == (3, "exporter_failed", False)
    assert exporter.options == [{"timeout_millis": 2000}] * 3


def test_an_exporter_is_shut_down_with_its_sender() -> None:
    """A stock exporter also when a send has to be broken off."""
    exporter = FakeExporter()
    ExporterSender("traces", exporter, "there").close()
    StockSender("traces", exporter, "there").interrupt()
    assert exporter.shutdowns == 2
    assert not hasattr(ExporterSender("traces", exporter, "there"), "interrupt")


ITEMS: dict[str, Callable[[], Any]] = {
    "traces": lambda: make_spans("a"),
    "logs": lambda: make_records("a"),
    "metrics": lambda: [make_metrics(a=1)],
}


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_the_stock_exporters_are_made_from_the_endpoint(
    http_sink: Any, monkeypatch: pytest.MonkeyPatch, signal: Any, compression: Any
) -> None:
    """Everything is passed; what the environment says by then does not matter."""
    for name in ("ENDPOINT", "COMPRESSION", "HEADERS", "TIMEOUT"):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", "none")
    sink = http_sink()
    grpc_sink = GrpcSink()
    headers = {"X-Token": "secret"}
    for url, protocol in (
        (f"{sink.url}/v1/{signal}", "http/protobuf"),
        (f"http://{grpc_sink.address}", "grpc"),
    ):
        endpoint: Any = OtlpEndpoint(
            url, headers, timeout=5, compression=compression, protocol=protocol
        )
        sender = StockSender(signal, stock_exporter(signal, endpoint), url)
        assert sender.send(ITEMS[signal](), 10) == Outcome(delivered=1)
        sender.close()
    grpc_sink.close()
    (request,) = sink.requests
    assert (request.path, request.headers["x-token"]) == (f"/v1/{signal}", "secret")
    assert request.headers.get("content-encoding") == ("gzip" if compression == "gzip" else None)
    assert grpc_sink.calls[0].metadata["x-token"] == "secret"


def test_the_stock_exporters_use_the_given_certificates(
    http_sink: Any, certificates: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over both protocols, with a client certificate."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests prefers them
        monkeypatch.delenv(name, raising=False)
    from tests.delivery.test_grpc import TestTls

    sink = http_sink(tls=certificates.server_context(ask_client=True))
    credentials = TestTls().server_credentials(certificates, ask_client=True)
    grpc_sink = GrpcSink(credentials=credentials)
    for url, protocol in (
        (f"{sink.url}/v1/traces", "http/protobuf"),
        (f"https://{grpc_sink.address}", "grpc"),
    ):
        endpoint: Any = OtlpEndpoint(
            url,
            timeout=5,
            certificate=certificates.ca,
            client_certificate=certificates.client,
            client_key=certificates.client_key,
            protocol=protocol,
        )
        sender = StockSender("traces", stock_exporter("traces", endpoint), url)
        assert sender.send(make_spans("a"), 10) == Outcome(delivered=1)
        sender.close()
    grpc_sink.close()


def test_without_certificates_the_stock_exporter_finds_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's authorities, or what a credential provider of the environment brings."""
    endpoint = OtlpEndpoint("https://127.0.0.1:1", protocol="grpc")
    stock_exporter("traces", endpoint).shutdown()
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER", "missing")
    with pytest.raises(RuntimeError, match="missing"):
        stock_exporter("traces", endpoint)


def test_a_stock_destination_ends_in_time(
    http_sink: Any, pipeline: Callable[..., Any], said: list[str]
) -> None:
    """Its retries are broken off at the deadline; nothing of them is printed."""
    from pepperpy_otel.delivery import install_noise_filter

    undone: list[Any] = []
    install_noise_filter(lambda _, undo: undone.append(undo))
    sink = http_sink()
    sink.answers = [Answer(503)]
    endpoint = OtlpEndpoint(f"{sink.url}/v1/traces")
    made = pipeline(build_destination("otlp", endpoints={"traces": endpoint}, stock=True))
    made.span_processor().on_end(make_spans("a")[0])
    started = time.monotonic()
    result = made.shutdown(1.0)
    assert time.monotonic() - started < 4
    assert not result
    made._workers[0]._thread.join(10)
    assert made.stats().dropped_by_reason == {"exporter_failed": 1}
    assert len(said) == 1
    undone[0]()


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_the_console_prints_where_standard_output_is_now(
    pipeline: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, signal: Any
) -> None:
    """Not where it was when the SDK was imported."""
    made = pipeline(build_destination("console", console=[signal]))
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    if signal == "metrics":
        made.set_metric_source(lambda _: make_metrics(requests=1))
    queue = made._lanes[signal][0].queue
    if signal != "metrics":
        queue.append(ITEMS[signal]()[0], 1)
    result = made.flush(10)
    assert (bool(result), result.delivered.total) == (True, 1)
    assert '"service.name": "test"' in out.getvalue()


def test_exporters_of_others_are_instances_classes_or_functions(
    pipeline: Callable[..., Any],
) -> None:
    """Made in the worker, at the first batch."""
    made_in: list[str] = []

    class Exporter(FakeExporter):
        def __init__(self) -> None:
            made_in.append(threading.current_thread().name)
            super().__init__(SUCCESS)

    exporters = {"traces": FakeExporter(SUCCESS), "logs": Exporter, "metrics": lambda: Exporter()}
    made = pipeline(build_destination("theirs", exporters=exporters))
    made.set_metric_source(lambda _: make_metrics(a=1))
    made._lanes["traces"][0].queue.append("span", 1)
    made._lanes["logs"][0].queue.append("record", 1)
    assert made.flush(10).delivered.total == 3
    assert made_in == ["pepperpy-otel-theirs"] * 2
    assert exporters["traces"].exported == [["span"]]  # type: ignore[union-attr]
