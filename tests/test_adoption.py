"""Providers that somebody else has set are joined, left again, and never fought.

OpenTelemetry's globals can be set once in a process, so each of these runs in one of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver

    Run = Callable[..., subprocess.CompletedProcess[str]]

SDK = """
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
tracer_provider = TracerProvider()
meter_provider = MeterProvider()
logger_provider = LoggerProvider()
trace.set_tracer_provider(tracer_provider)
metrics.set_meter_provider(meter_provider)
_logs.set_logger_provider(logger_provider)
import pepperpy_otel
"""
USE = """
trace.get_tracer("x").start_span("joined").end()
metrics.get_meter("x").create_counter("joined.counter").add(4)
_logs.get_logger("x").emit(body="joined")
"""


def test_the_sdks_providers_are_joined(receiver: Receiver, run_python: Run) -> None:
    """What is recorded through the app's own SDK providers reaches our exporters, counted."""
    done = run_python(
        SDK
        + "telemetry = pepperpy_otel.configure(instrument=False)\n"
        + USE
        + """
assert telemetry.tracer_provider is tracer_provider
assert telemetry.meter_provider is meter_provider
assert telemetry.logger_provider is logger_provider
result = telemetry.force_flush()
assert result and result.delivered.traces == result.delivered.logs == 1, result
""",
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [span.name for span in receiver.store.spans] == ["joined"]
    assert [record.body for record in receiver.store.logs] == ["joined"]
    assert 4 in [point.value for point in receiver.store.points if point.name == "joined.counter"]


def test_rollback_leaves_the_apps_providers_as_they_were(
    receiver: Receiver, run_python: Run
) -> None:
    """Our processors and readers are out of them again; a later configure() joins anew."""
    done = run_python(
        SDK
        + """
before = (
    tracer_provider._active_span_processor._span_processors,
    logger_provider._multi_log_record_processor._log_record_processors,
    dict(meter_provider._measurement_consumer._reader_storages),
)
for _ in range(2):
    telemetry = pepperpy_otel.configure(instrument=False)
"""
        + "    "
        + USE.strip().replace("\n", "\n    ")
        + """
    report = telemetry.rollback()
    assert report and report.flush.delivered.traces == 1, report
    assert before == (
        tracer_provider._active_span_processor._span_processors,
        logger_provider._multi_log_record_processor._log_record_processors,
        dict(meter_provider._measurement_consumer._reader_storages),
    )
"""
        + USE,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
    )
    assert done.returncode == 0, done.stderr
    assert len(receiver.store.spans) == 2


def test_a_fork_of_an_adopted_process_delivers_too(receiver: Receiver, run_python: Run) -> None:
    """Our readers in the app's MeterProvider work in a forked child."""
    done = run_python(
        SDK
        + """
import os, warnings
warnings.simplefilter("ignore")
telemetry = pepperpy_otel.configure(instrument=False)
child = os.fork()
if child == 0:
    metrics.get_meter("x").create_counter("forked").add(2)
    os._exit(0 if telemetry.force_flush(10_000) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
    )
    assert done.returncode == 0, done.stderr
    assert 2 in [point.value for point in receiver.store.points if point.name == "forked"]


def test_a_processor_that_cannot_be_taken_out_is_named(run_python: Run) -> None:
    """Where the app replaced what we joined, ours stays inert and the report says so."""
    done = run_python(
        SDK
        + """
telemetry = pepperpy_otel.configure(traces="none", metrics="none", logs="none", instrument=False)
tracer_provider._active_span_processor._span_processors = ()
report = telemetry.rollback()
print(report.failed)
"""
    )
    assert "span processor in the app's TracerProvider: RuntimeError" in done.stdout, done.stderr


def test_a_provider_that_is_not_the_sdks_keeps_the_global(
    receiver: Receiver, run_python: Run
) -> None:
    """One line names it; our own API and the other signals work."""
    done = run_python(
        """
        from opentelemetry import trace
        class Vendor(trace.NoOpTracerProvider):
            pass
        vendor = Vendor()
        trace.set_tracer_provider(vendor)
        import pepperpy_otel
        telemetry = pepperpy_otel.configure(instrument=False)
        assert trace.get_tracer_provider() is vendor
        pepperpy_otel.get_tracer("x").start_span("ours").end()
        assert telemetry.force_flush().delivered.traces == 1
        """,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
    )
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert "__main__.Vendor" in line
    assert [span.name for span in receiver.store.spans] == ["ours"]
