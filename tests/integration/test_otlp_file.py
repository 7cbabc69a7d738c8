"""The real Collector reads our lines, and writes the same ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.delivery.files.lines import line_of
from pepperpy_otel.delivery.files.replay import replay
from pepperpy_otel.delivery.files.sender import FileSender
from pepperpy_otel.delivery.files.target import FileTarget
from tests.delivery.fakes import RESOURCE, make_metrics, make_records
from tests.integration.locate import locate
from tests.integration.process import Process
from tests.integration.readback import eventually, post
from tests.ports import LOOPBACK, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
receivers:
  otlp: {{ protocols: {{ http: {{ endpoint: "{otlp}" }} }} }}
extensions:
  health_check: {{ endpoint: "{health}" }}
exporters:
  file/traces: {{ path: "{directory}/traces.out", flush_interval: 50ms }}
  file/metrics: {{ path: "{directory}/metrics.out", flush_interval: 50ms }}
  file/logs: {{ path: "{directory}/logs.out", flush_interval: 50ms }}
service:
  extensions: [health_check]
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    traces: {{ receivers: [otlp], exporters: [file/traces] }}
    metrics: {{ receivers: [otlp], exporters: [file/metrics] }}
    logs: {{ receivers: [otlp], exporters: [file/logs] }}
"""
SIGNALS = ("traces", "metrics", "logs")


@pytest.fixture
def collector(servers: None, tmp_path: Path) -> Iterator[str]:
    """A Collector that writes what it gets by OTLP/HTTP with its own file exporter; its URL."""
    otlp, health = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    config = tmp_path / "collector.yaml"
    config.write_text(CONFIG.format(otlp=otlp, health=health, directory=tmp_path))
    arguments = ["--config", str(config)]
    ready = f"http://{health}/"
    with Process(
        locate("collector"), arguments, env={}, directory=tmp_path / "log", ready_url=ready
    ):
        yield f"http://{otlp}"


def items(signal: str) -> list[Any]:
    """A bit of everything."""
    if signal == "metrics":
        return [make_metrics(sold=3, price=9.5, debt=2**62)]
    if signal == "logs":
        return make_records("größe \u2028", 2**62, None, ("a", 1, None), {"k": {"l": b"\x00\xff"}})
    attributes = {
        "text": 'größe \u2028 \\ "',
        "int": -(2**62),
        "zero": 0,
        "empty": "",
        "float": 1.5,
        "bool": True,
        "bytes": b"\x00\xff",
        "list": ("a", "b"),
        "nothing": (),
    }
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test", "1.0", "https://example.org/schema")
    with tracer.start_as_current_span("outer") as outer:
        link = Link(outer.get_span_context(), {"why": "parent"})
        kind = SpanKind.CLIENT
        with tracer.start_as_current_span("inner", None, kind, attributes, [link]) as inner:
            inner.add_event("happened", {"n": 1})
            inner.set_status(StatusCode.ERROR, "broken")
    return list(exporter.get_finished_spans())


def essence(value: Any) -> Any:
    """JSON without members that say what they would be by themselves."""
    if isinstance(value, list):
        return [essence(each) for each in value]
    if not isinstance(value, dict):
        return value
    members = {name: essence(each) for name, each in value.items()}
    return {name: each for name, each in members.items() if each not in ("", 0, "0", [], {}, False)}


@pytest.mark.integration
@pytest.mark.parametrize("signal", SIGNALS)
def test_the_collector_reads_our_lines_and_writes_the_same(
    collector: str, tmp_path: Path, signal: Any
) -> None:
    """What goes in as our line comes out of its file exporter as the same JSON."""
    sender = FileSender(signal, FileTarget(str(tmp_path / "ours")))
    made = items(signal)
    assert sender.send(made, 5).error is None
    line = (tmp_path / "ours" / f"{signal}.jsonl").read_bytes()
    assert post(f"{collector}/v1/{signal}", line, "application/json")[0] == 200
    theirs = tmp_path / f"{signal}.out"
    written = eventually(lambda: theirs.read_bytes().endswith(b"\n") and theirs.read_bytes())
    assert essence(json.loads(written)) == essence(json.loads(line))


@pytest.mark.integration
@pytest.mark.parametrize("signal", SIGNALS)
def test_the_collectors_lines_can_be_replayed(collector: str, tmp_path: Path, signal: Any) -> None:
    """What its file exporter wrote reads back to the request that it was sent."""
    body = Encoder(signal).encode(items(signal)).body
    assert post(f"{collector}/v1/{signal}", body, "application/x-protobuf")[0] == 200
    theirs = tmp_path / f"{signal}.out"
    eventually(lambda: theirs.read_bytes().endswith(b"\n"))
    ((read_signal, read),) = replay(theirs)
    assert read_signal == signal
    assert essence(json.loads(line_of(signal, read))) == essence(json.loads(line_of(signal, body)))
