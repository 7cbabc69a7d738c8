"""The three data sources of ../provisioning/datasources, and a query to each.

The SDK has no type for Jaeger's queries, so ``JaegerSearch`` is one of ours, with the fields that
Grafana's Jaeger plugin reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import loki, prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI = DataSourceRef(type_val="loki", uid="loki")
JAEGER = DataSourceRef(type_val="jaeger", uid="jaeger")

#: How often span_metrics, service_graph and the Collector's own metrics arrive. Applications push
#: once a minute by default, which is the data source's ``timeInterval``.
STACK_INTERVAL = "15s"


@dataclass(slots=True)
class JaegerSearch(Dataquery):
    """A search for traces; the answer is a table whose first column opens the trace.

    Args:
        service: Name, or a variable.
        tags: Jaeger's form: ``error=true``.
        limit: Traces at most.
        ref_id: Assigned by the panel.
        datasource: Jaeger.
    """

    service: str
    tags: str = ""
    limit: int = 20
    ref_id: str = "A"
    datasource: DataSourceRef = JAEGER

    def to_json(self) -> dict[str, object]:
        """As in the dashboard's JSON."""
        return {
            "datasource": self.datasource,
            "limit": self.limit,
            "queryType": "search",
            "refId": self.ref_id,
            "service": self.service,
            "tags": self.tags,
        }


Query: TypeAlias = "prometheus.Dataquery | loki.Dataquery | JaegerSearch"


def prom(
    expr: str, legend: str = "", *, every: str | None = None, exemplars: bool = False
) -> prometheus.Dataquery:
    """PromQL over the dashboard's time range.

    Args:
        expr: The query.
        legend: Name of each series: ``{{service_name}}``.
        every: Smallest step, where it is not the data source's.
        exemplars: Whether to draw exemplars, which lead to their traces.
    """
    return prometheus.Dataquery(
        expr=expr,
        legend_format=legend or "__auto",
        range_val=True,
        instant=False,
        exemplar=exemplars,
        interval=every,
        editor_mode=prometheus.QueryEditorMode("code"),
        datasource=PROMETHEUS,
    )


def now(expr: str, legend: str = "", *, every: str | None = None) -> prometheus.Dataquery:
    """PromQL at the end of the dashboard's time range; arguments: see ``prom``."""
    query = prom(expr, legend, every=every)
    query.instant, query.range_val = True, False
    return query


def rows(expr: str, *, every: str | None = None) -> prometheus.Dataquery:
    """PromQL at the end of the time range, a row for each series; arguments: see ``prom``."""
    query = now(expr, every=every)
    query.format_val = prometheus.PromQueryFormat("table")
    return query


def buckets(expr: str, *, every: str | None = None) -> prometheus.Dataquery:
    """A histogram's buckets by ``le`` for a heat map, with exemplars; arguments: see ``prom``."""
    query = prom(expr, "{{le}}", every=every, exemplars=True)
    query.format_val = prometheus.PromQueryFormat("heatmap")
    return query


def logs(expr: str, *, lines: int = 100) -> loki.Dataquery:
    """LogQL that gives log lines.

    Args:
        expr: The query; each matcher must need something (``.+``, never ``.*``): Loki refuses a
            selector that could match everything.
        lines: How many at most.
    """
    return loki.Dataquery(
        expr=expr,
        query_type="range",
        max_lines=lines,
        editor_mode=loki.QueryEditorMode("code"),
        datasource=LOKI,
    )


def log_counts(expr: str, legend: str) -> loki.Dataquery:
    """LogQL that gives numbers over the time range."""
    query = logs(expr)
    query.max_lines, query.legend_format = None, legend
    return query
