"""The committed Grafana files as the tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAFANA = Path(__file__).parents[2] / "collector-config" / "grafana"
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(GRAFANA.glob("dashboards/*.json"))
}


def provisioned(path: str) -> dict[str, Any]:
    """A provisioning file with environment variables as Grafana would leave them: none set."""
    text = (GRAFANA / "provisioning" / path).read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def datasources() -> dict[str, dict[str, Any]]:
    """The data sources by uid."""
    return {
        each["uid"]: each for each in provisioned("datasources/datasources.yaml")["datasources"]
    }


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard without its headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def all_panels() -> dict[str, dict[str, Any]]:
    """Every panel of every dashboard, by a name that says which it is."""
    return {
        f"{uid}: {panel['title']}": panel
        for uid, dashboard in DASHBOARDS.items()
        for panel in panels(dashboard)
    }


def texts(value: Any) -> Iterator[str]:
    """Every text in some JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def links(value: Any) -> Iterator[dict[str, Any]]:
    """Every link in some JSON: of a dashboard, a panel, a series or a column."""
    if isinstance(value, dict):
        if {"title", "url"} <= set(value):
            yield value
        for each in value.values():
            yield from links(each)
    elif isinstance(value, list):
        for each in value:
            yield from links(each)
