"""OTEL_CONFIG_FILE: the SDK's declarative configuration builds, our parts join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver

    Run = Callable[..., subprocess.CompletedProcess[str]]

FILE = """
file_format: "1.0"
resource:
  attributes:
    - {name: service.name, value: from-file}
tracer_provider:
  processors:
    - batch:
        exporter: {otlp_http: {endpoint: "%(endpoint)s/v1/traces"}}
logger_provider:
  processors:
    - simple:
        exporter: {otlp_http: {endpoint: "%(endpoint)s/v1/logs"}}
meter_provider:
  readers:
    - periodic:
        exporter: {otlp_http: {endpoint: "%(endpoint)s/v1/metrics"}}
"""
USE = """
import logging
import pepperpy_otel
from opentelemetry import metrics, trace
telemetry = pepperpy_otel.configure(instrument=False)
with trace.get_tracer("x").start_as_current_span("by file"):
    logging.getLogger("x").error("said")
trace.get_tracer("x").start_span("unsampled", context=trace.set_span_in_context(
    trace.NonRecordingSpan(trace.SpanContext(1, 1, True, trace.TraceFlags(0)))
)).end()
metrics.get_meter("x").create_counter("c").add(3)
"""


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver) -> Path:
    path = tmp_path / "otel.yaml"
    path.write_text(FILE % {"endpoint": receiver.endpoint})
    return path


def test_the_file_says_where_telemetry_goes(
    file: Path, receiver: Receiver, run_python: Run
) -> None:
    """Its resource and exporters are used, our log handler feeds its LoggerProvider."""
    done = run_python(
        USE
        + """
result = telemetry.force_flush()
assert result, result
assert result.delivered.traces == result.delivered.logs == 1, result
assert telemetry.stats().last_success is not None
assert telemetry.resource.attributes["service.name"] == "from-file"
assert telemetry.metrics_snapshot() is not None
assert telemetry.rollback()
""",
        env={"OTEL_CONFIG_FILE": str(file)},
    )
    assert done.returncode == 0, done.stderr
    assert [(s.service, s.name) for s in receiver.store.spans] == [("from-file", "by file")]
    [record] = receiver.store.logs
    assert record.trace_id == receiver.store.spans[0].trace_id
    assert 3 in [point.value for point in receiver.store.points if point.name == "c"]


def test_a_flush_that_lost_something_says_so(
    file: Path, receiver: Receiver, run_python: Run
) -> None:
    """Upstream's flush says True after losing everything; ours counts the exporter's answers."""
    file.write_text(FILE.replace("simple:", "batch:") % {"endpoint": "http://127.0.0.1:1"})
    done = run_python(
        USE
        + """
result = telemetry.force_flush(timeout_millis=300)
assert not result
assert result.pending.traces + result.dropped.traces == 1, result
""",
        env={"OTEL_CONFIG_FILE": str(file), "PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS": "100"},
    )
    assert done.returncode == 0, done.stderr


def test_a_signal_that_the_file_leaves_out_is_off(
    tmp_path: Path, receiver: Receiver, run_python: Run
) -> None:
    """Sections that are absent stay no-op, as the specification says; nothing breaks."""
    path = tmp_path / "only-traces.yaml"
    path.write_text(FILE[: FILE.index("logger_provider")] % {"endpoint": receiver.endpoint})
    done = run_python(
        USE + "result = telemetry.force_flush()\nassert result.delivered.total == 1, result",
        env={"OTEL_CONFIG_FILE": str(path)},
    )
    assert done.returncode == 0, done.stderr
    assert receiver.store.logs == []


def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, receiver: Receiver, run_python: Run
) -> None:
    """A broken file is named with the reason, and the other settings are used instead."""
    path = tmp_path / "broken.yaml"
    path.write_text("file_format: [")
    env = {"OTEL_CONFIG_FILE": str(path), "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    done = run_python(USE + "assert telemetry.force_flush()", env=env)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "OTEL_CONFIG_FILE" in line]
    assert "cannot be applied" in line
    assert "Traceback" not in done.stderr
    assert [span.name for span in receiver.store.spans] == ["by file"]


def test_what_upstream_says_of_a_file_that_works_is_shown(
    file: Path, receiver: Receiver, run_python: Run
) -> None:
    """Its warnings about options that it does not apply reach the user."""
    file.write_text(
        FILE % {"endpoint": receiver.endpoint} + "logger_provider_unknown: {}\ndisabled: true\n"
    )
    done = run_python(USE, env={"OTEL_CONFIG_FILE": str(file)})
    assert done.returncode == 0, done.stderr
    assert "disabled=true" in done.stderr


def test_a_missing_package_is_named_with_the_command(file: Path, run_python: Run) -> None:
    """Without the extra config-file, the line says what to install."""
    done = run_python(
        "import sys; sys.modules['opentelemetry.configuration'] = None\n"
        "from pepperpy_otel import declarative\n"
        "try:\n"
        f"    declarative.apply({str(file)!r}, 'OTEL_CONFIG_FILE', 'environment')\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    assert "pip install 'pepperpy-otel[config-file]'" in done.stdout, done.stderr


def test_an_exporter_that_raises_counts_as_lost() -> None:
    """Whatever an exporter of the file's does, its items are accounted for."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    from pepperpy_otel.declarative import ObservedPipeline

    class Exporter(SpanExporter):
        def __init__(self) -> None:
            self.answers: list[object] = [
                SpanExportResult.SUCCESS,
                SpanExportResult.FAILURE,
                RuntimeError("broken"),
            ]

        def export(self, spans: object) -> SpanExportResult:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        def shutdown(self) -> None:
            pass

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Exporter()))
    pipeline = ObservedPipeline({"traces": provider})
    for name in ("one", "two", "three"):
        provider.get_tracer("x").start_span(name).end()
    result = pipeline.flush(5)
    assert (result.delivered.traces, result.dropped.traces, result.pending.traces) == (1, 2, 0)
    assert pipeline.flush(5).delivered.traces == 0
    stats = pipeline.stats()
    assert stats.dropped.traces == 2
    assert stats.last_error == "traces: the exporter raised"
    assert pipeline.shutdown(5)


def test_what_is_not_sampled_or_has_no_exporter_is_not_awaited() -> None:
    """Spans that are only recorded, and providers that export nothing, leave nothing pending."""
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

    from pepperpy_otel.declarative import ObservedPipeline

    class RecordOnly(Sampler):
        def should_sample(self, *_: object, **__: object) -> SamplingResult:
            return SamplingResult(Decision.RECORD_ONLY)

        def get_description(self) -> str:
            return "record only"

    provider = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
    provider.add_span_processor(SpanProcessor())
    pipeline = ObservedPipeline({"traces": provider})
    provider.get_tracer("x").start_span("recorded").end()
    assert pipeline.flush(5)
    assert pipeline.stats().pending.traces == 0


def test_a_forked_child_of_a_file_counts_from_zero() -> None:
    """Nothing of the parent's counts is the child's, and its metrics begin anew."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    from pepperpy_otel.declarative import ObservedPipeline

    reader = InMemoryMetricReader()
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    pipeline = ObservedPipeline({"traces": tracer_provider, "metrics": meter_provider})
    pipeline._tallies["traces"].accepted.increment()
    assert pipeline.stats().pending.traces == 1
    pipeline.after_fork()
    assert pipeline.stats().pending.traces == 0
    meter_provider.shutdown()
    tracer_provider.shutdown()


def test_a_forked_child_of_a_file_without_metrics_counts_from_zero() -> None:
    """There is no meter provider to restart then."""
    from opentelemetry.sdk.trace import TracerProvider

    from pepperpy_otel.declarative import ObservedPipeline

    provider = TracerProvider(shutdown_on_exit=False)
    pipeline = ObservedPipeline({"traces": provider})
    provider.get_tracer("x").start_span("ends").end()

    pipeline.after_fork()

    stats = pipeline.stats()
    assert (stats.delivered.total, stats.dropped.total, stats.pending.total) == (0, 0, 0)
    provider.shutdown()
