"""What all dashboards have in common: variables, annotations, links, and where panels stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, GridPos, RowPanel

from . import links
from .promql import FIRING
from .sources import LOKI, PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import (
        AnnotationQuery,
        Dashboard,
        DataSourceRef,
        Panel,
        VariableModel,
    )

#: What Grafana 13.2 writes. The SDK's newest schema says 41; what 42 changed (a series hidden from
#: a panel is hidden from its tooltip too) concerns nothing here: there is nothing to migrate.
SCHEMA_VERSION = 42
WIDTH = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A panel and its size.

    Args:
        panel: Which.
        width: Of 24.
        height: In units of 30 pixels.
    """

    panel: Panel
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and the panels below it from left to right, line by line."""

    title: str
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One dashboard.

    Args:
        uid: One of ``links.DASHBOARDS``.
        description: What it answers.
        variables: To choose from, at the top.
        rows: From top to bottom.
        since: The time range that it opens with.
    """

    uid: str
    description: str
    variables: Sequence[VariableModel]
    rows: Sequence[Row]
    since: str = "now-1h"


def dashboard_of(sheet: Sheet) -> Dashboard:
    """The dashboard of a sheet."""
    return dashboard.Dashboard(
        uid=sheet.uid,
        title=links.DASHBOARDS[sheet.uid],
        description=sheet.description,
        tags=["pepperpy-otel"],
        timezone="browser",
        editable=True,
        graph_tooltip=DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val=sheet.since, to="now"),
        refresh="30s",
        schema_version=SCHEMA_VERSION,
        version=1,
        templating=dashboard.DashboardDashboardTemplating(list_val=list(sheet.variables)),
        annotations=dashboard.AnnotationContainer(
            list_val=[_built_in(), _health_changes(), _alerts()]
        ),
        links=links.between_dashboards(sheet.uid),
        panels=_placed(sheet.rows),
    )


#: Every service that serves requests or reports its health. (``target_info`` does not have the
#: label: Prometheus puts promoted attributes on the metrics, not there.)
ANY_SERVICE = '{__name__=~"traces_span_metrics_calls_total|health_check_status"}'


def services(*, of: str = ANY_SERVICE, one: bool = False) -> VariableModel:
    """The variable ``service``.

    Args:
        of: The metric whose services there are to choose from.
        one: Whether one is chosen at a time; else several or all.
    """
    return _labels("service", "Service", "service_name", of, several=not one)


def choice(name: str, label: str, of: str, metric: str) -> VariableModel:
    """A variable over the values of a label, all of them at first.

    Args:
        name: Of the variable.
        label: What it is called at the top.
        of: The label.
        metric: Selector of the series that have it.
    """
    return _labels(name, label, of, metric, several=True)


def _labels(name: str, title: str, of: str, metric: str, *, several: bool) -> VariableModel:
    query: dict[str, object] = {
        "qryType": 1,
        "query": f"label_values({metric}, {of})",
        "refId": "PrometheusVariableQueryEditor-VariableQuery",
    }
    everything = dashboard.VariableOption(text=["All"], value=["$__all"], selected=True)
    return _Choice(
        type_val=dashboard.VariableType("query"),
        name=name,
        label=title,
        query=query,
        datasource=PROMETHEUS,
        multi=several,
        include_all=several,
        # Not ".*": Loki refuses a selector of which every matcher can be empty.
        all_value=".+" if several else None,
        current=everything if several else None,
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=dashboard.VariableSort.ALPHABETICAL_ASC,
    )


class _Choice(dashboard.VariableModel):
    """A variable over values; the SDK also writes what only intervals have."""

    def to_json(self) -> dict[str, object]:
        written = super().to_json()
        return {key: value for key, value in written.items() if not key.startswith("auto")}


def _built_in() -> AnnotationQuery:
    return dashboard.AnnotationQuery(
        name="Annotations & Alerts",
        datasource=dashboard.DataSourceRef(type_val="grafana", uid="-- Grafana --"),
        enable=True,
        hide=True,
        icon_color="rgba(0, 211, 255, 1)",
        built_in=1,
        type_val="dashboard",
    )


class _Events(dashboard.AnnotationQuery):
    """A query whose rows are annotations; the SDK does not know all that the plugins read of one.

    Args:
        name: What the switch at the top is called.
        source: Loki or Prometheus.
        color: Of the marks.
        expr: The query.
        title: With labels as ``{{label}}``.
        text: Likewise.
        tags: Names of labels.
    """

    def __init__(
        self,
        name: str,
        source: DataSourceRef,
        color: str,
        expr: str,
        *,
        title: str,
        text: str,
        tags: Sequence[str],
    ) -> None:
        super().__init__(name, source, enable=True, hide=False, icon_color=color, expr=expr)
        # The query stands in two places: plugins read one or the other, by their release.
        self._more = {
            "target": {"refId": "Anno", "expr": expr},
            "titleFormat": title,
            "textFormat": text,
            "tagKeys": ",".join(tags),
        }

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self._more}


def _health_changes() -> AnnotationQuery:
    # The event ``health.check.transition``, recognized by its attributes: Loki 3.7 does not keep
    # the name of an event.
    return _Events(
        "Health changes",
        LOKI,
        "orange",
        '{service_name=~"$service"} | health_check_state_to != ""',
        title="{{service_name}}",
        text="{{health_check_name}}: {{health_check_state_from}} → {{health_check_state_to}} "
        "({{health_check_reason}})",
        tags=("service_name", "health_check_name"),
    )


def _alerts() -> AnnotationQuery:
    return _Events(
        "Alerts",
        PROMETHEUS,
        "red",
        FIRING,
        title="{{alertname}}",
        text="{{service_name}} {{severity}}",
        tags=("service_name", "severity"),
    )


def _placed(rows: Sequence[Row]) -> list[Panel | RowPanel]:
    placed: list[Panel | RowPanel] = []
    top = 0
    for row in rows:
        at = GridPos(h=1, w=WIDTH, x=0, y=top)
        placed.append(RowPanel(title=row.title, grid_pos=at, id_val=len(placed) + 1, panels=[]))
        left, top, bottom = 0, top + 1, top + 1
        for place in row.places:
            if left + place.width > WIDTH:
                left, top = 0, bottom
            place.panel.grid_pos = GridPos(h=place.height, w=place.width, x=left, y=top)
            place.panel.id_val = len(placed) + 1
            placed.append(place.panel)
            left += place.width
            bottom = max(bottom, top + place.height)
        top = bottom
    return placed
