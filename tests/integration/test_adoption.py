"""What others have set up, a declarative file or providers of the app, and what we add to it."""

from pathlib import Path

import pytest

from tests.integration import launch
from tests.integration.sink import Sink
from tests.integration.ways import names, run, said

pytestmark = pytest.mark.integration

DECLARATIVE = """
file_format: "1.0"
resource:
  attributes: [{name: service.name, value: from-the-file}]
tracer_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "%(http)s/v1/traces"}}}}]
meter_provider:
  readers:
    - periodic: {interval: 60000, exporter: {otlp_http: {endpoint: "%(http)s/v1/metrics"}}}
logger_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "%(http)s/v1/logs"}}}}]
"""
FLUSHED = """
import pepperpy_otel
telemetry = pepperpy_otel.get_telemetry()
result = telemetry.force_flush(5000)
print(bool(result), result.delivered.traces, result.delivered.logs, result.dropped.traces)
"""
THREE = """
import logging
from opentelemetry import metrics, trace
metrics.get_meter("app").create_counter("app.things").add(3)
with trace.get_tracer("app").start_as_current_span("work"):
    logging.getLogger("app").error("worked")
"""


@pytest.mark.parametrize("way", ["configure", "instrument"])
def test_the_declarative_file_builds_and_our_parts_join(way: str, tmp_path: Path) -> None:
    """Its exporters get spans, metrics and, by our handler, logs; the flush result says so."""
    with Sink() as sink:
        (tmp_path / "otel.yaml").write_text(DECLARATIVE % {"http": sink.http})
        ended = run(way, THREE + FLUSHED, tmp_path, OTEL_CONFIG_FILE="otel.yaml")

    assert (ended.status, said(ended)) == (0, [])
    assert ended.stdout.split() == ["True", "1", "1", "0"]
    spans, bodies, metrics = names(sink)
    assert (spans, bodies) == (["work"], ["worked"])
    assert metrics["app.things"].sum.data_points[0].as_int == 3
    (record,) = sink.items("logs")
    (span,) = sink.items("traces")
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    resource = sink.taken("traces")[0].resource_spans[0].resource
    found = {each.key: each.value.string_value for each in resource.attributes}
    assert found["service.name"] == "from-the-file"


def test_the_flush_of_a_declarative_set_up_is_honest(tmp_path: Path) -> None:
    """What its exporter lost is not called delivered."""
    with Sink([400] * 20) as sink:
        (tmp_path / "otel.yaml").write_text(DECLARATIVE % {"http": sink.http})
        ended = run("configure", THREE + FLUSHED, tmp_path, OTEL_CONFIG_FILE="otel.yaml")

    assert ended.status == 0
    assert "Traceback" not in ended.stderr
    assert ended.stdout.split() == ["False", "0", "0", "1"]
    assert names(sink)[0] == []


def test_a_declarative_console_exporter(tmp_path: Path) -> None:
    """The console exporter of the file prints, and its spans count as delivered."""
    (tmp_path / "otel.yaml").write_text(
        'file_format: "1.0"\ntracer_provider: {processors: [{simple: {exporter: {console: {}}}}]}\n'
    )
    script = """
from opentelemetry import trace
trace.get_tracer("app").start_span("printed").end()
"""
    ended = run("configure", script + FLUSHED, tmp_path, OTEL_CONFIG_FILE="otel.yaml")

    assert (ended.status, said(ended)) == (0, [])
    assert '"name": "printed"' in ended.stdout
    assert ended.stdout.splitlines()[-1].split() == ["True", "1", "0", "0"]


FOREIGN = """
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

resource = Resource({"service.name": "foreign"})
tracer_provider, span_exporter = TracerProvider(resource=resource), InMemorySpanExporter()
tracer_provider.add_span_processor(SimpleSpanProcessor(span_exporter))
reader = InMemoryMetricReader()
meter_provider = MeterProvider([reader], resource=resource)
logger_provider, log_exporter = LoggerProvider(resource=resource), InMemoryLogRecordExporter()
logger_provider.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
trace.set_tracer_provider(tracer_provider)
metrics.set_meter_provider(meter_provider)
_logs.set_logger_provider(logger_provider)

import pepperpy_otel
telemetry = pepperpy_otel.configure()
assert trace.get_tracer_provider() is telemetry.tracer_provider is tracer_provider
assert metrics.get_meter_provider() is telemetry.meter_provider is meter_provider
assert _logs.get_logger_provider() is telemetry.logger_provider is logger_provider
"""
FOREIGN_END = """
assert [span.name for span in span_exporter.get_finished_spans()] == ["work"]
assert [each.log_record.body for each in log_exporter.get_finished_logs()] == ["worked"]
names = [
    metric.name
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
]
assert "app.things" in names, names
"""


def test_foreign_providers_are_adopted(tmp_path: Path) -> None:
    """Providers of the SDK that the app has set stay and work on, and ours gets it all as well."""
    with Sink() as sink:
        ended = launch.run_script(
            FOREIGN + THREE + FLUSHED + FOREIGN_END,
            directory=tmp_path,
            settings={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.http},
        )

    assert ended.status == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout.split() == ["True", "1", "1", "0"]
    spans, bodies, metrics = names(sink)
    assert (spans, bodies) == (["work"], ["worked"])
    assert metrics["app.things"].sum.data_points[0].as_int == 3
    resource = sink.taken("traces")[0].resource_spans[0].resource
    assert resource.attributes[0].value.string_value == "foreign"
