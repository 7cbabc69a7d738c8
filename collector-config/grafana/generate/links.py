"""Links from one place to the next: dashboards, traces in Jaeger, logs in Loki.

Every address is relative, so that it works wherever Grafana is served. In an Explore address the
query is JSON in percent-encoding, with Grafana's variables left readable: Grafana fills them in,
encoded, when somebody clicks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from grafana_foundation_sdk.models.dashboard import DashboardLink, DashboardLinkType

from .sources import JAEGER, LOKI, PROMETHEUS

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

#: uid and title of every dashboard, in the order of the links.
DASHBOARDS = {
    "pepperpy-home": "Home",
    "pepperpy-service": "Service",
    "pepperpy-health": "Health",
    "pepperpy-runtime": "Runtime",
    "pepperpy-pipeline": "Telemetry pipeline",
    "pepperpy-slo": "SLO",
}
#: The service that was clicked on, where the series has the label; else what is selected above.
CLICKED = "${__field.labels.service_name}"
SELECTED = "${service}"
#: Several selected ones in a matcher. Not the default format, whose backslashes JSON refuses.
_ANY_SELECTED = "${service:pipe}"
_VARIABLE = re.compile(r"(\$\{[^}]+\})")


def to_dashboard(uid: str, service: str = CLICKED) -> DashboardLink:
    """A link to another dashboard, for the same time and for the service that was clicked on."""
    chosen = "${service:queryparam}" if service == SELECTED else f"var-service={service}"
    url = f"/d/{uid}?${{__url_time_range}}&{chosen}"
    return _link(f"Open {DASHBOARDS[uid]}", url)


def to_logs(
    service: str = CLICKED, filters: str = "", title: str = "Logs of this"
) -> DashboardLink:
    """A link to log lines in Explore.

    Args:
        service: A name, or a variable.
        filters: LogQL after the selector.
        title: What it says.
    """
    matcher = f'=~"{_ANY_SELECTED}"' if service == SELECTED else f'="{service}"'
    expr = f"{{service_name{matcher}}}{filters}"
    return _link(title, explore(LOKI, {"expr": expr, "queryType": "range"}))


def to_traces(
    service: str = CLICKED,
    *,
    operation: str = "",
    tags: str = "",
    title: str = "Traces of this",
) -> DashboardLink:
    """A link to a search for traces in Explore.

    Args:
        service: A name, or a variable with one, since Jaeger searches in one service.
        operation: Name of the span, or all.
        tags: ``error=true``, and the like.
        title: What it says.
    """
    query = {"queryType": "search", "service": service, "limit": 20}
    if operation:
        query["operation"] = operation
    if tags:
        query["tags"] = tags
    return _link(title, explore(JAEGER, query))


def to_metrics(expr: str, title: str) -> DashboardLink:
    """A link to a PromQL query in Explore."""
    return _link(title, explore(PROMETHEUS, {"expr": expr, "range": True, "instant": False}))


def explore(source: DataSourceRef, query: dict[str, Any]) -> str:
    """The address of a query in Explore, for the dashboard's time range."""
    of = {"type": source.type_val, "uid": source.uid}
    pane = {
        "datasource": source.uid,
        "queries": [{"refId": "A", "datasource": of, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    text = json.dumps({"a": pane}, separators=(",", ":"))
    parts = (
        part if _VARIABLE.fullmatch(part) else quote(part, safe="")
        for part in _VARIABLE.split(text)
    )
    return f"/explore?schemaVersion=1&panes={''.join(parts)}"


def between_dashboards(uid: str) -> list[DashboardLink]:
    """What stands at the top of a dashboard: the five others, with time and variables kept."""
    return [
        DashboardLink(
            title=title,
            type_val=DashboardLinkType("link"),
            icon="dashboard",
            tooltip=f"{title}: same time range, same service",
            url=f"/d/{other}",
            include_vars=True,
            keep_time=True,
        )
        for other, title in DASHBOARDS.items()
        if other != uid
    ]


class DataLink(DashboardLink):
    """A link of a panel or a series; Grafana stores less of it than of a dashboard's link."""

    def to_json(self) -> dict[str, object]:
        """As in the dashboard's JSON."""
        return {"title": self.title, "url": self.url, "targetBlank": self.target_blank}


def _link(title: str, url: str) -> DashboardLink:
    return DataLink(title=title, url=url)
