"""Variables and links: from any point one click leads to the next signal, which there is."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.collector_config.grafana import (
    DASHBOARDS,
    all_panels,
    datasources,
    links,
    panels,
    texts,
)

#: ``$name``, ``${name}``, ``${name:format}`` and ``${name.path}``.
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|([A-Za-z_]\w*))")
BUILT_IN = re.compile(
    r"__(all|auto|data|field|from|interval|range|rate_interval|to|url_time_range|value)"
)
EVERY_DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
EVERY_PANEL = pytest.mark.parametrize("panel", all_panels().values(), ids=list(all_panels()))


def used(value: Any) -> set[str]:
    """Names of the variables in some JSON, percent-encoded or not."""
    return {
        braced or bare
        for text in texts(value)
        for braced, bare in VARIABLE.findall(text.replace("%24", "$"))
    }


@EVERY_DASHBOARD
def test_variables_are_defined_and_used(dashboard: dict[str, Any]) -> None:
    """No query waits for a variable that nobody set, and none is offered that changes nothing."""
    defined = {each["name"] for each in dashboard["templating"]["list"]}
    wanted = {name for name in used(dashboard) if not BUILT_IN.fullmatch(name)}
    assert wanted == defined
    in_queries = {name for panel in panels(dashboard) for name in used(panel["targets"])}
    assert defined <= in_queries


@EVERY_DASHBOARD
def test_all_means_some(dashboard: dict[str, Any]) -> None:
    """``All`` is ``.+``: Loki refuses a selector of which every matcher can be empty."""
    for variable in dashboard["templating"]["list"]:
        several = variable["multi"]
        assert variable["includeAll"] == several
        assert variable.get("allValue") == (".+" if several else None)


@EVERY_DASHBOARD
def test_the_other_dashboards_are_at_the_top(dashboard: dict[str, Any]) -> None:
    """All five others, with time range and variables kept."""
    assert {link["url"] for link in dashboard["links"]} == {
        f"/d/{uid}" for uid in DASHBOARDS if uid != dashboard["uid"]
    }
    for link in dashboard["links"]:
        assert link["includeVars"]
        assert link["keepTime"]
        assert link["title"]


@EVERY_PANEL
def test_links_lead_somewhere(panel: dict[str, Any]) -> None:
    """Each link is to a dashboard that there is, or a query to a data source that there is."""
    for link in links(panel):
        where = urlsplit(link["url"])
        assert (where.scheme, where.netloc) == ("", ""), "relative: Grafana may be served anywhere"
        if where.path == "/explore":
            check_explore(where.query)
            continue
        root, kind, uid = where.path.split("/")
        assert (root, kind) == ("", "d")
        assert uid in DASHBOARDS
        assert "${__url_time_range}" in where.query
        assert "var-service=" in where.query or "${service:queryparam}" in where.query


def check_explore(query: str) -> None:
    """One pane, which asks a data source in its own language, for the time of the dashboard."""
    parameters = parse_qs(query, strict_parsing=True)
    assert parameters["schemaVersion"] == ["1"]
    (pane,) = json.loads(parameters["panes"][0]).values()
    assert pane["range"] == {"from": "${__from}", "to": "${__to}"}
    (asked,) = pane["queries"]
    source = datasources()[pane["datasource"]]
    assert asked["datasource"] == {"type": source["type"], "uid": source["uid"]}
    assert asked["refId"] == "A"
    if source["type"] == "jaeger":
        assert asked["queryType"] == "search"
        assert asked["service"]
    else:
        assert asked["expr"]


def test_variables_in_links_are_not_encoded() -> None:
    """Grafana fills in ``${service}``, not ``%24%7Bservice%7D``."""
    urls = [link["url"] for panel in all_panels().values() for link in links(panel)]
    assert urls
    assert [url for url in urls if "%24" in url] == []


def test_jaeger_is_asked_for_one_service() -> None:
    """A search in Jaeger is in one service: no variable of which several can be chosen."""
    for uid, dashboard in DASHBOARDS.items():
        several = {each["name"] for each in dashboard["templating"]["list"] if each["multi"]}
        for panel in panels(dashboard):
            for link in links(panel):
                if "%22uid%22%3A%22jaeger%22" in link["url"]:
                    service = re.search(r"%22service%22%3A%22(.*?)%22", link["url"])
                    assert service is not None
                    assert used(service[1]) & several == set(), (uid, panel["title"])
            for target in panel["targets"]:
                if target["datasource"]["uid"] == "jaeger":
                    assert used(target["service"]) & several == set(), (uid, panel["title"])


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_line_leads_on(uid: str) -> None:
    """From each panel of lines or states one click leads to logs, traces or another dashboard."""
    for panel in panels(DASHBOARDS[uid]):
        if panel["type"] in {"timeseries", "state-timeline"}:
            assert panel["fieldConfig"]["defaults"]["links"], panel["title"]


def test_all_signals_are_one_click_away() -> None:
    """Home leads to dashboards, traces and logs; the latencies carry exemplars to their traces."""
    urls = " ".join(link["url"] for link in links(DASHBOARDS["pepperpy-home"]["panels"]))
    for wanted in ("/d/pepperpy-service", "/d/pepperpy-health", "%22jaeger%22", "%22loki%22"):
        assert wanted in urls
    with_exemplars = {
        name
        for name, panel in all_panels().items()
        if any(target.get("exemplar") for target in panel["targets"])
    }
    assert {"pepperpy-service: Latency", "pepperpy-home: 95 % within, by service"} <= with_exemplars


@EVERY_PANEL
def test_links_and_legends_use_labels_that_the_series_have(panel: dict[str, Any]) -> None:
    """``${__field.labels.x}`` and ``{{x}}`` are filled in: each query of the panel keeps x."""
    asked = " ".join(link["url"] for link in links(panel))
    in_links = set(re.findall(r"__field\.labels\.(\w+)", asked))
    for target in panel["targets"]:
        expr = target.get("expr", "")
        kept = {
            label.strip()
            for group in re.findall(r"\bby \(([^)]*)\)", expr)
            for label in group.split(",")
        }
        in_legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        assert in_links | in_legend <= kept, expr


@EVERY_PANEL
def test_links_of_columns_use_columns_that_are_shown(panel: dict[str, Any]) -> None:
    """``${__data.fields.X}`` is a heading of the table."""
    wanted = {
        field
        for link in links(panel)
        for field in re.findall(r"__data\.fields\.(\w+)", link["url"].replace("%24", "$"))
    }
    steps = {step["id"]: step["options"] for step in panel.get("transformations", ())}
    shown = set(steps.get("organize", {}).get("renameByName", {}).values())
    assert wanted <= shown


@EVERY_PANEL
def test_tables_show_what_the_queries_give(panel: dict[str, Any]) -> None:
    """Each column is a label that its query keeps, or the value of one of the queries."""
    steps = {step["id"]: step["options"] for step in panel.get("transformations", ())}
    if not steps:
        return
    several = len(panel["targets"]) > 1
    values = {f"Value #{target['refId']}" for target in panel["targets"]} if several else {"Value"}
    columns = set(steps["filterFieldsByName"]["include"]["names"])
    assert columns == set(steps["organize"]["indexByName"])
    labels = " ".join(target["expr"] for target in panel["targets"])
    for column in columns - values:
        # An alert has the labels of its expression, of which no query says anything.
        assert column in labels or "ALERTS{" in labels, column
    assert values <= columns or "ALERTS{" in labels
    assert ("merge" in steps) == several
    for target in panel["targets"]:
        assert target["format"] == "table"
