"""Ask Prometheus, Loki and Jaeger what Grafana would ask them, and what a rule reads."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.integration import readback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack.queries import Query

#: Seconds that a question looks back; a run of the tests is shorter.
BACK = 900


class Asker:
    """Questions to the three stores of one run.

    Args:
        prometheus, loki, jaeger: Where their query APIs are.
    """

    def __init__(self, prometheus: str, loki: str, jaeger: str) -> None:
        self.prometheus = prometheus
        self.loki = loki
        self.jaeger = jaeger

    def ask(self, query: Query) -> list[Any]:
        """What a store has to say: series, streams or traces; nothing when it has none.

        Raises:
            LookupError: It does not understand the question.
        """
        if query.datasource == "jaeger":
            return list(_get(f"{self.jaeger}/api/traces?{query.expr}")["data"] or ())
        if query.datasource == "loki":
            return self.logs(query.expr)
        if query.kind == "range":
            return self.over_time(query.expr)
        return self.now(query.expr)

    def digest(self, query: Query) -> dict[str, Any]:
        """What there is to compare in an answer: the range of each series, or how many lines."""
        said: dict[str, Any] = {}
        for each in self.ask(query):
            if query.datasource == "jaeger":
                said[each["traceID"]] = len(each["spans"])
            elif "stream" in each:
                said[str(each["stream"])] = len(each["values"])
            else:
                points = [each["value"]] if "value" in each else each["values"]
                values = [float(value) for _, value in points if value != "NaN"]
                said[str(each["metric"])] = (min(values), max(values))
        return said

    def now(self, promql: str) -> list[dict[str, Any]]:
        """The samples of an instant query, without NaN, which a panel does not show."""
        found = _get(f"{self.prometheus}/api/v1/query", {"query": promql})
        return [each for each in found["data"]["result"] if each["value"][1] != "NaN"]

    def over_time(self, promql: str) -> list[dict[str, Any]]:
        """The series of a range query, without those that are NaN throughout."""
        end = time.time()
        wanted = {"query": promql, "start": str(end - BACK), "end": str(end), "step": "5"}
        found = _get(f"{self.prometheus}/api/v1/query_range", wanted)
        return [
            each
            for each in found["data"]["result"]
            if any(value != "NaN" for _, value in each["values"])
        ]

    def value(self, promql: str) -> float:
        """The one number of an instant query, 0 when there is none."""
        found = [float(each["value"][1]) for each in self.now(promql)]
        assert len(found) <= 1, f"{promql}: {found}"
        return found[0] if found else 0.0

    def logs(self, logql: str) -> list[dict[str, Any]]:
        """The streams of a query to Loki."""
        now = time.time_ns()
        wanted = {
            "query": logql,
            "start": str(now - BACK * 10**9),
            "end": str(now + 10**9),
            "step": "5",
            "limit": "500",
        }
        return list(_get(f"{self.loki}/loki/api/v1/query_range", wanted)["data"]["result"])

    def selectors(self, promql: str) -> list[str]:
        """The selectors of an expression, without offsets and ranges, as Prometheus parses them."""
        parsed = _get(f"{self.prometheus}/api/v1/parse_query", {"query": promql})["data"]
        return [_selector(node) for node in _nodes(parsed)]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)
    elif isinstance(tree, dict):
        if tree.get("type") in {"vectorSelector", "matrixSelector"}:
            yield tree
            return
        for each in tree.values():
            yield from _nodes(each)


def _selector(node: dict[str, Any]) -> str:
    matchers = [
        f"{each['name']}{each['type']}{json.dumps(each['value'])}"
        for each in node["matchers"]
        if each["name"] != "__name__"
    ]
    return f"{node['name']}{{{', '.join(matchers)}}}" if matchers else str(node["name"])


def _get(url: str, wanted: dict[str, str] | None = None) -> Any:
    status, body = readback.get(url, wanted)
    if status != 200:
        raise LookupError(f"{url} {wanted}: {status} {body[:300]!r}")
    return json.loads(body)
