"""The queries of the dashboards: names that exist, nothing that is padded, PromQL that parses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from pepperpy_otel.health import names
from pepperpy_otel.metrics import runtime
from tests.collector_config.grafana import all_panels
from tests.integration.conftest import servers
from tests.integration.locate import CONFIG
from tests.integration.process import run_tool
from tests.integration.stack.queries import dashboard_queries, fill_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.stack.queries import Query

__all__ = ["servers"]  # a fixture

#: What Prometheus makes of a unit at the end of a name.
UNITS = {"s": "_seconds", "By": "_bytes", "1": "_ratio"}
HISTOGRAM = ("_bucket", "_count", "_sum")


def histogram(name: str) -> set[str]:
    """The three names of a classic histogram."""
    return {name + end for end in HISTOGRAM}


#: What the Collector makes of spans and says of itself, what the SDK says of itself, what HTTP
#: instrumentation measures, what Prometheus knows of itself: as they were seen in a running stack.
SEEN = {
    "traces_span_metrics_calls_total",
    *histogram("traces_span_metrics_duration_seconds"),
    *("traces_service_graph_request_total", "traces_service_graph_request_failed_total"),
    *histogram("http_server_request_duration_seconds"),
    *("target_info", "ALERTS", "prometheus_tsdb_head_series"),
    *("otelcol_process_memory_rss_bytes", "otelcol_process_cpu_seconds_total"),
    *(
        f"otelcol_{stem}_{signal}_total"
        for stem in ("receiver_accepted", "exporter_sent")
        for signal in ("spans", "metric_points", "log_records")
    ),
    *("otel_sdk_processor_span_queue_size", "otel_sdk_processor_span_queue_capacity"),
    *("otel_sdk_processor_log_queue_size", "otel_sdk_processor_log_queue_capacity"),
    *(f"otel_sdk_exporter_{word}_exported_total" for word in ("span", "log", "metric_data_point")),
    *("otel_sdk_span_started_total", "otel_sdk_log_created_total"),
    *histogram("otel_sdk_exporter_operation_duration_seconds"),
    *histogram("otel_sdk_metric_reader_collection_duration_seconds"),
}
WORDS = {
    *("sum", "min", "max", "avg", "count", "by", "on", "or", "bool", "rate", "increase"),
    *("histogram_quantile", "label_join", "avg_over_time"),
}
QUERIES = dashboard_queries({"service": "shop"})
PROMQL = [query for query in QUERIES if query.datasource == "prometheus"]


def ours() -> set[str]:
    """Names in Prometheus of the metrics of this package."""
    instruments = {
        f"{each.name}{UNITS.get(each.unit, '')}{'_total' if each.kind == 'counter' else ''}"
        for each in runtime.INSTRUMENTS
    }
    gauges = {names.CHECK_STATUS, names.GROUP_STATUS, f"{names.CHECK_AGE}_seconds"}
    others = {f"{names.CHECK_TRANSITIONS}_total"} | {
        each
        for name in (names.CHECK_DURATION, names.PROCESS_STALL)
        for each in histogram(f"{name}_seconds")
    }
    return {name.replace(".", "_") for name in instruments | gauges | others}


def recorded() -> set[str]:
    """Names that the recording rules make."""
    return {
        rule["record"]
        for path in CONFIG.glob("rules/*.yaml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def metrics(expr: str) -> set[str]:
    """Names of metrics in PromQL."""
    bare = re.sub(r'"[^"]*"', "", expr)  # texts
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)  # matchers and ranges
    bare = re.sub(r"\b(by|on|ignoring|group_left|group_right) \([^)]*\)", "", bare)  # labels
    return set(re.findall(r"(?<![\w:.])[A-Za-z_][\w:]*", bare)) - WORDS


@pytest.mark.parametrize("query", PROMQL, ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_names_exist(query: Query) -> None:
    """Each metric is one of ours, one that was seen in a running stack, or a recording rule's."""
    unknown = metrics(query.expr) - SEEN - ours() - recorded()
    assert unknown == set()


def test_every_panel_is_asked_for() -> None:
    """Whoever asks all of ``dashboard_queries`` has asked what each panel asks."""
    asked = {f"{query.dashboard}: {query.panel}" for query in QUERIES}
    assert set(all_panels()) <= asked
    for wanted in ("variable service", "annotation Health changes", "annotation Alerts"):
        assert f"pepperpy-home: {wanted}" in asked
    assert "jaeger: span: CPU" in asked


def test_variables_are_filled_in() -> None:
    """Given values, Grafana's own, everything for what is not given; an unknown one is an error."""
    given = {"service": "shop", "__range": "2h"}
    text = 'x{s=~"$service", t="${service:pipe}", c=~"$component"}[$__range:$__interval]'
    assert fill_in(text, given) == 'x{s=~"shop", t="shop", c=~".+"}[2h:15s]'
    with pytest.raises(ValueError, match="__nobody"):
        fill_in("rate(x[$__nobody])", given)
    assert not [query for query in QUERIES if "$" in query.expr]


def test_nothing_is_padded() -> None:
    """Where there is nothing, a panel says so: no query makes up a series."""
    for query in QUERIES:
        assert "vector(" not in query.expr, query
        assert "absent(" not in query.expr, query


def test_loki_takes_the_selectors() -> None:
    """Each log query has a matcher that needs something, and asks for no more than it shows."""
    found = [query for query in QUERIES if query.datasource == "loki"]
    assert {query.kind for query in found} == {"logs", "counts"}
    for query in found:
        selector = re.search(r"\{([^}]*)\}", query.expr)
        assert selector is not None, query
        assert re.search(r'=~?"(?!"|\.\*")', selector[1]), query


def test_jaeger_is_asked_as_its_api_wants() -> None:
    """A search for failed traces of the one service."""
    (query,) = [query for query in QUERIES if query.datasource == "jaeger"]
    assert query.expr == "service=shop&tags=%7B%22error%22%3A+%22true%22%7D&limit=20"


@pytest.mark.integration
@pytest.mark.usefixtures("servers")
def test_promql_parses(tmp_path: Path) -> None:
    """Prometheus' own parser takes every query."""
    rules = [
        {"record": f"query:{number}", "expr": query.expr} for number, query in enumerate(PROMQL)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = run_tool("promtool", "check", "rules", "--lint=none", str(file), directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules)} rules found" in done.stdout
