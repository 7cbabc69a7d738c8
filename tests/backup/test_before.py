"""What was there before telemetry is in the backup, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary

from pepperpy_otel.backup import Legacy, backup, before, oldlogs
from pepperpy_otel.backup.records import records_in
from pepperpy_otel.delivery.files.replay import replay
from tests.backup.make import bodies_in, names_in, spans_line

if TYPE_CHECKING:
    from pathlib import Path


def metrics_in(path: Path) -> dict[str, Any]:
    return {
        metric.name: metric
        for request in replay(path)
        for resource in MetricsData.FromString(request.body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def attributes_of(thing: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in thing.attributes}


def test_samples_of_a_registry(tmp_path: Path) -> None:
    """Counter, gauge, histogram, summary and info, as what they are."""
    registry = CollectorRegistry()
    requests = Counter("requests", "All.", ["path"], registry=registry)
    requests.labels("/a").inc(3)
    requests.labels("/b").inc()
    Gauge("load", "Now.", registry=registry, unit="ratio").set(0.5)
    took = Histogram("took", "s", ["path"], buckets=(0.1, 1.0), registry=registry)
    for value in (0.05, 0.5, 0.6, 5.0):
        took.labels("/a").observe(value)
    Summary("size", "B", registry=registry).observe(7)
    Info("build", "What.", registry=registry).info({"version": "1"})
    report = backup(tmp_path, legacy=Legacy(registry=registry))
    assert report
    found = metrics_in(tmp_path / "before-metrics.jsonl")
    points = {attributes_of(p)["path"]: p.as_double for p in found["requests"].sum.data_points}
    assert points == {"/a": 3.0, "/b": 1.0}
    assert found["requests"].sum.is_monotonic
    assert all(point.start_time_unix_nano for point in found["requests"].sum.data_points)
    assert found["load_ratio"].gauge.data_points[0].as_double == 0.5
    (histogram,) = found["took"].histogram.data_points
    assert list(histogram.bucket_counts) == [1, 2, 1]
    assert list(histogram.explicit_bounds) == [0.1, 1.0]
    assert (histogram.count, round(histogram.sum, 6)) == (4, 6.15)
    assert attributes_of(histogram) == {"path": "/a"}
    (summary,) = found["size"].summary.data_points
    assert (summary.count, summary.sum) == (1, 7.0)
    assert attributes_of(found["build"].gauge.data_points[0]) == {"version": "1"}


def test_quantiles_of_a_summary(tmp_path: Path) -> None:
    """A collector of others may have them."""
    from prometheus_client.core import SummaryMetricFamily

    class Collector:
        def collect(self) -> Any:
            family = SummaryMetricFamily("rpc", "s", count_value=2, sum_value=3.0)
            family.add_sample("rpc", {"quantile": "0.5"}, 1.5)
            yield family

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    assert backup(tmp_path, legacy=Legacy(registry=registry))
    (point,) = metrics_in(tmp_path / "before-metrics.jsonl")["rpc"].summary.data_points
    assert [(each.quantile, each.value) for each in point.quantile_values] == [(0.5, 1.5)]


def test_a_collector_of_others_costs_itself_only(tmp_path: Path) -> None:
    """Buckets that go down are no histogram."""
    from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

    class Collector:
        def collect(self) -> Any:
            yield HistogramMetricFamily("odd", "s", buckets=[("1", 5.0), ("+Inf", 2.0)])
            yield HistogramMetricFamily(
                "bad", "s", buckets=[("1", 5.0), ("+Inf", 2.0)], sum_value=1
            )
            yield GaugeMetricFamily("good", "s", value=1)

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    report = backup(tmp_path, legacy=Legacy(registry=registry))
    assert [line.partition(" could")[0] for line in report.complaints] == [
        "metric 'odd'",
        "metric 'bad'",
    ]
    assert list(metrics_in(tmp_path / "before-metrics.jsonl")) == ["good"]


def test_an_answer_that_cannot_be_kept_costs_itself_only(tmp_path: Path) -> None:
    """What an old function gives may raise when it is looked at."""

    class Angry:
        def __str__(self) -> str:
            raise RuntimeError("no")

    health = {"bad": Angry, "good": lambda: True}
    report = backup(tmp_path, legacy=Legacy(health=health))
    assert report.complaints == ("bad could not be kept (RuntimeError: no)",)
    assert '"good"' in (tmp_path / "health.jsonl").read_text()


def test_a_line_that_nests_deeply_stays_text(tmp_path: Path) -> None:
    """And those that go with it are kept as what they are."""
    log = tmp_path / "app.log"
    deep = '{"x": ' * 200 + "1" + "}" * 200
    log.write_text(f'{{"message": "a"}}\n{deep}\n{{"message": "b", "x": [{{"y": 1}}]}}\n')
    report = backup(tmp_path / "b", legacy=Legacy(log_files=[log]))
    assert report.manifest is not None
    assert not report.manifest.lost
    assert bodies_in(tmp_path / "b" / "before-logs.jsonl") == ["a", deep, "b"]


def test_lines_of_log_files(tmp_path: Path) -> None:
    """Plain ones as they are, JSON lines with time, level and trace; any bytes; any number."""
    path = tmp_path / "app.log"
    line = {
        "timestamp": "2026-11-22T22:00:00,5Z",
        "levelname": "warning",
        "msg": "low",
        "trace_id": "ab" * 16,
        "user": 7,
    }
    path.write_bytes(
        b"2026 plain\r\n\n" + json.dumps(line).encode() + b"\n{broken\n[1]\n\xff\xfe\n{}\n"
        b'{"message": "own", "level": "notice", "ts": 1790000000123}\n'
    )
    many = tmp_path / "many.log"
    many.write_text("line\n" * 1030)
    assert backup(tmp_path / "backup", legacy=Legacy(log_files=[path, str(many)]))
    requests = list(replay(tmp_path / "backup" / "before-logs.jsonl"))
    records = [record for request in requests for record in records_in(request.body)]
    assert len(records) == 7 + 1030
    assert len(requests) == 1 + 3
    assert [record.body for record in records[:7]] == [
        *("2026 plain", "low", "{broken", "[1]", "��", "", "own")
    ]
    structured = records[1]
    assert (structured.level, structured.severity) == ("WARN", 13)
    assert structured.trace_id == "ab" * 16
    assert structured.attributes == {"trace_id": "ab" * 16, "user": 7}
    assert structured.time == oldlogs.seconds("2026-11-22T22:00:00.500+00:00")
    assert (records[6].level, records[6].severity) == ("NOTICE", 0)
    assert records[6].time == 1790000000.123


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (1790000000, 1790000000.0),
        (1790000000_000_000_000, 1790000000.0),
        (-5, 0.0),
        (True, 0.0),
        ("2026-09-21T13:33:20", 1789997600.0),
        ("2026-09-21T13:33:20.123456789Z", 1789997600.123456),
        ("2026-09-21 13:33:20,5", 1789997600.5),
        ("yesterday", 0.0),
        (float("inf"), 0.0),
        (float("nan"), 0.0),
        (10**400, 0.0),
        (-1, 0.0),
        (None, 0.0),
    ],
)
def test_times_are_understood_in_any_unit(given: Any, seconds: float) -> None:
    """Seconds to nanoseconds, ISO 8601; what is none is no time."""
    assert oldlogs.seconds(given) == seconds


def made_span() -> Any:
    """A span with everything, as the SDK's own ``to_json()`` sees it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("old")
    with tracer.start_as_current_span("outer") as outer:
        links = [Link(outer.get_span_context(), {"why": "x"})]
        with tracer.start_as_current_span("inner", kind=SpanKind.CLIENT, links=links) as inner:
            inner.set_attribute("n", 1)
            inner.add_event("happened", {"k": "v"})
            inner.set_status(StatusCode.ERROR, "broken")
    return exporter.get_finished_spans()[0]


def test_spans_in_json_lines(tmp_path: Path) -> None:
    """Those of the SDK's console exporter, OTLP, and simple ones; what is no span is said."""
    span = made_span()
    simple = {
        "trace_id": 5,
        "span_id": "0x7",
        "name": "simple",
        "start": 1.5,
        "end": 2,
        "status": "OK",
    }
    path = tmp_path / "spans.jsonl"
    path.write_bytes(
        span.to_json(indent=None).encode()
        + b"\n\n"
        + spans_line("otlp")
        + b"nonsense\n"
        + json.dumps(simple).encode()
        + b'\n{"name": "no ids"}\n{"trace_id": "'
        + b"a" * 40
        + b'", "span_id": "1", "name": "x"}\n{"trace_id": -1, "span_id": 1, "name": "x"}\n'
        + json.dumps({**simple, "start": 10**30}).encode()
    )
    report = backup(tmp_path / "backup", legacy=Legacy(span_files=[path]))
    assert report.complaints == (f"{path}: 5 lines are no spans",)
    assert names_in(tmp_path / "backup" / "before-traces.jsonl") == ["inner", "otlp", "simple"]
    first, _, last = (
        TracesData.FromString(request.body).resource_spans[0]
        for request in replay(tmp_path / "backup" / "before-traces.jsonl")
    )
    inner = first.scope_spans[0].spans[0]
    assert attributes_of(first.resource)["telemetry.sdk.language"] == "python"
    assert inner.trace_id.hex() == f"{span.context.trace_id:032x}"
    assert inner.parent_span_id.hex() == f"{span.parent.span_id:016x}"
    assert (inner.kind, inner.status.code, inner.status.message) == (3, 2, "broken")
    assert abs(inner.start_time_unix_nano - span.start_time) < 2_000
    assert [event.name for event in inner.events] == ["happened"]
    assert inner.links[0].span_id == inner.parent_span_id
    simple_span = last.scope_spans[0].spans[0]
    assert simple_span.trace_id == (5).to_bytes(16, "big")
    assert (simple_span.start_time_unix_nano, simple_span.status.code) == (1_500_000_000, 1)
    assert before.SOURCE


def test_old_logs_may_be_otlp_lines(tmp_path: Path) -> None:
    """A file with several signals keeps them apart."""
    from pepperpy_otel.delivery.files.lines import line_of
    from tests.backup.make import logs_body

    (tmp_path / "all.json").write_bytes(line_of("logs", logs_body("old")))
    assert backup(tmp_path / "backup", legacy=Legacy(span_files=[tmp_path / "all.json"]))
    assert bodies_in(tmp_path / "backup" / "before-logs.jsonl") == ["old"]


@pytest.mark.parametrize("lines", [0, 512])
def test_a_file_that_fills_its_batches_has_no_empty_one(tmp_path: Path, lines: int) -> None:
    """Nor has an empty file."""
    (tmp_path / "app.log").write_text("line\n" * lines)
    report = backup(tmp_path / "backup", legacy=Legacy(log_files=[tmp_path / "app.log"]))
    assert report.log_records == lines
    path = tmp_path / "backup" / "before-logs.jsonl"
    assert path.exists() is bool(lines)
