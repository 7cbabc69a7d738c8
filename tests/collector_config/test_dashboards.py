"""The committed dashboards: their form, and that no panel leaves its reader alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jsonschema
import pytest

from tests.collector_config.grafana import DASHBOARDS, all_panels, datasources, panels, texts

EXPECTED = {"home", "service", "health", "runtime", "pipeline", "slo"}
#: What was taken out of Grafana with Angular, or replaced.
GONE = {"graph", "table-old", "singlestat", "grafana-worldmap-panel", "grafana-piechart-panel"}
REFERENCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"type": "string"}, "uid": {"type": "string"}},
    "additionalProperties": False,
}
#: The dashboard model as Grafana documents it, as far as these dashboards use it.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [
        *("uid", "title", "description", "tags", "timezone", "editable", "graphTooltip", "time"),
        *("refresh", "schemaVersion", "panels", "templating", "annotations", "links"),
    ],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-z-]{8,40}$"},
        "title": {"type": "string", "minLength": 1},
        "timezone": {"const": "browser"},
        "graphTooltip": {"const": 1},
        "refresh": {"const": "30s"},
        "schemaVersion": {"const": 42},
        "time": {
            "type": "object",
            "required": ["from", "to"],
            "properties": {"from": {"pattern": "^now-[0-9]+[mhd]$"}, "to": {"const": "now"}},
        },
        "panels": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "required": ["id", "type", "title", "gridPos"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "gridPos": {
                        "type": "object",
                        "required": ["h", "w", "x", "y"],
                        "properties": {
                            "h": {"type": "integer", "minimum": 1},
                            "w": {"type": "integer", "minimum": 1, "maximum": 24},
                            "x": {"type": "integer", "minimum": 0, "maximum": 23},
                            "y": {"type": "integer", "minimum": 0},
                        },
                        "additionalProperties": False,
                    },
                    "datasource": REFERENCE,
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["refId", "datasource"],
                            "properties": {
                                "refId": {"pattern": "^[A-Z]$"},
                                "datasource": REFERENCE,
                            },
                        },
                    },
                    "fieldConfig": {
                        "type": "object",
                        "required": ["defaults", "overrides"],
                        "properties": {
                            "overrides": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["matcher", "properties"],
                                    "properties": {
                                        "matcher": {
                                            "properties": {"id": {"enum": ["byName", "byRegexp"]}}
                                        },
                                        "properties": {
                                            "type": "array",
                                            "items": {"required": ["id", "value"]},
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
            },
        },
        "templating": {
            "type": "object",
            "required": ["list"],
            "properties": {
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "type", "query", "datasource", "refresh"],
                        "properties": {
                            "type": {"const": "query"},
                            "datasource": REFERENCE,
                            "refresh": {"enum": [0, 1, 2]},
                        },
                    },
                }
            },
        },
        "annotations": {
            "type": "object",
            "required": ["list"],
            "properties": {
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "datasource", "enable", "iconColor"],
                        "properties": {"datasource": REFERENCE},
                    },
                }
            },
        },
    },
}
EVERY_DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def test_there_are_six_dashboards() -> None:
    """Each question has its dashboard, under the uid that links use."""
    assert set(DASHBOARDS) == {f"pepperpy-{name}" for name in EXPECTED}
    assert {uid: each["uid"] for uid, each in DASHBOARDS.items()} == {
        uid: uid for uid in DASHBOARDS
    }


@EVERY_DASHBOARD
def test_it_has_the_form_that_grafana_documents(dashboard: dict[str, Any]) -> None:
    """Fields, their types, and the settings that all dashboards share."""
    jsonschema.Draft202012Validator(SCHEMA).validate(dashboard)


@EVERY_DASHBOARD
def test_panels_have_ids_of_their_own(dashboard: dict[str, Any]) -> None:
    """An id that two panels share would make one of them unreachable."""
    ids = Counter(panel["id"] for panel in dashboard["panels"])
    assert [number for number, times in ids.items() if times > 1] == []


@EVERY_DASHBOARD
def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    """No two panels share a cell of the grid, and none sticks out of it."""
    taken: Counter[tuple[int, int]] = Counter()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken.update(
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        )
    assert [cell for cell, times in taken.items() if times > 1] == []


@EVERY_DASHBOARD
def test_titles_are_different(dashboard: dict[str, Any]) -> None:
    """Whoever is told of a panel by its title finds one."""
    titles = Counter(panel["title"] for panel in panels(dashboard))
    assert [title for title, times in titles.items() if times > 1] == []


@pytest.mark.parametrize("panel", all_panels().values(), ids=list(all_panels()))
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    """A title, a description, a unit, and what an empty panel means."""
    defaults = panel["fieldConfig"]["defaults"]
    for text in (panel["title"], panel["description"], defaults["unit"], defaults["noValue"]):
        assert text.strip() == text != ""
    assert panel["description"].endswith(".")
    assert panel["type"] not in GONE


def test_data_sources_are_provisioned() -> None:
    """Each reference to a data source has the uid and the type of one that there is."""
    known = {uid: source["type"] for uid, source in datasources().items()}
    known["-- Grafana --"] = "grafana"
    used = {
        (reference["uid"], reference["type"])
        for dashboard in DASHBOARDS.values()
        for reference in references(dashboard)
    }
    assert used == {(uid, known.get(uid)) for uid, _ in used}
    assert {uid for uid, _ in used} == set(known)


def references(value: Any) -> list[dict[str, Any]]:
    """Every reference to a data source in some JSON."""
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if not isinstance(value, dict):
        return []
    here = [value["datasource"]] if isinstance(value.get("datasource"), dict) else []
    return here + [found for each in value.values() for found in references(each)]


def test_nothing_of_angular_or_of_old_schemas_is_left() -> None:
    """What Grafana would have to migrate: fields of old panels, and what schema 42 changed."""
    for name, panel in all_panels().items():
        old = {"yaxes", "xaxis", "seriesOverrides", "nullPointMode", "aliasColors", "valueName"}
        assert old & set(panel) == set(), name
        hidden = panel["fieldConfig"]["defaults"].get("custom", {}).get("hideFrom", {})
        assert hidden.get("viz", False) == hidden.get("tooltip", False), name
    for uid, dashboard in DASHBOARDS.items():
        assert {"rows", "style", "sharedCrosshair"} & set(dashboard) == set(), uid
        assert "time_options" not in dashboard.get("timepicker", {}), uid
        assert [text for text in texts(dashboard) if text.startswith("[[")] == [], uid
