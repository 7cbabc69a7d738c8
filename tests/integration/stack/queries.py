"""Every query that Grafana would send for the committed dashboards, with the variables filled in.

    for query in dashboard_queries({"service": "storefront"}):
        assert ask(query), query

What is listed: the queries of all panels, of the variables at the top, of the annotations, and
those that a span offers (the Jaeger data source). Whoever asks them needs a Prometheus, a Loki and
a Jaeger, and no Grafana.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import yaml

from tests.integration.locate import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GRAFANA = CONFIG / "grafana"
#: What Grafana itself fills in, as it would for the last quarter of an hour.
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__auto": "1m",
    "__range": "15m",
}
#: ``label_values(selector, label)``
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>[A-Za-z_]\w*))")


class Query(NamedTuple):
    """One question to one store.

    Attributes:
        dashboard: Its uid, or the data source whose links it is from.
        panel: Title of the panel, or what else it is from.
        datasource: ``prometheus``, ``loki`` or ``jaeger``.
        expr: PromQL, LogQL, or the query string of Jaeger's ``/api/traces``.
        kind: ``range`` or ``instant`` (Prometheus), ``logs`` (lines from Loki), ``counts`` (numbers
            from Loki), ``traces`` (Jaeger).
    """

    dashboard: str
    panel: str
    datasource: str
    expr: str
    kind: str


def dashboard_queries(variables: Mapping[str, str]) -> list[Query]:
    """All of them.

    Args:
        variables: Values for the dashboards' variables (``service``: one name, which Jaeger needs;
            ``instance``, ``component``, ``slo``) and for Grafana's own, where they are not to be
            ``BUILT_IN``. What is not given is ``.+``, as with All.
    """
    found = [
        query
        for path in sorted(GRAFANA.glob("dashboards/*.json"))
        for query in _of_dashboard(json.loads(path.read_text(encoding="utf-8")), variables)
    ]
    return [*found, *_of_spans(variables)]


def fill_in(text: str, variables: Mapping[str, str]) -> str:
    """A query with its variables replaced.

    Args:
        text: With ``$service`` or ``${service}``.
        variables: See ``dashboard_queries``.
    """
    values = {**BUILT_IN, **variables}

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name.startswith("__") and name not in values:
            raise ValueError(f"Grafana's variable {name} has no value here: {text}")
        return values.get(name, ".+")

    return _VARIABLE.sub(value, text)


def _of_dashboard(dashboard: dict[str, Any], variables: Mapping[str, str]) -> Iterator[Query]:
    uid = dashboard["uid"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            source = target["datasource"]["uid"]
            expr = fill_in(_expression(source, target), variables)
            yield Query(uid, panel["title"], source, expr, _kind(source, target))
    for variable in dashboard["templating"]["list"]:
        parts = _LABEL_VALUES.fullmatch(variable["query"]["query"])
        assert parts is not None, variable
        expr = f"count by ({parts['label']}) ({parts['selector']})"
        source = variable["datasource"]["uid"]
        name = f"variable {variable['name']}"
        yield Query(uid, name, source, fill_in(expr, variables), "instant")
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            source = annotation["datasource"]["uid"]
            expr = fill_in(annotation["expr"], variables)
            kind = "logs" if source == "loki" else "range"
            yield Query(uid, f"annotation {annotation['name']}", source, expr, kind)


def _expression(source: str, target: dict[str, Any]) -> str:
    if source != "jaeger":
        return str(target["expr"])
    tags = dict(tag.split("=", 1) for tag in target["tags"].split())
    wanted = {"service": "SERVICE", "tags": json.dumps(tags), "limit": target["limit"]}
    return urlencode(wanted).replace("SERVICE", target["service"])


def _kind(source: str, target: dict[str, Any]) -> str:
    if source == "jaeger":
        return "traces"
    if source == "loki":
        return "logs" if target["expr"].startswith("{") else "counts"
    return "instant" if target.get("instant") else "range"


def _of_spans(variables: Mapping[str, str]) -> Iterator[Query]:
    text = (GRAFANA / "provisioning/datasources/datasources.yaml").read_text(encoding="utf-8")
    sources = {each["uid"]: each for each in yaml.safe_load(text.replace("$$", "$"))["datasources"]}
    options = sources["jaeger"]["jsonData"]["tracesToMetrics"]
    tags = ", ".join(f'{tag["value"]}=~"$instance"' for tag in options["tags"])
    for each in options["queries"]:
        expr = fill_in(each["query"].replace("$__tags", tags), variables)
        yield Query("jaeger", f"span: {each['name']}", options["datasourceUid"], expr, "instant")
