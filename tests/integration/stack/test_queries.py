"""Every query of every dashboard and rule has something to say of a run, and of its faults."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.collector_config.rule_files import rules, runbooks
from tests.integration.servers import eventually
from tests.integration.stack.queried import QueriedRun
from tests.integration.stack.queries import Query, dashboard_queries
from tests.integration.stack.symptoms import SYMPTOMS, Symptom

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("all_servers"),
    pytest.mark.timeout(900),  # the first test waits for the whole run
]

#: The one that has faults, and the one that drops.
SERVICES = ("storefront", "inventory")
#: What no fault of the run has to change: how many services, processes and objectives there are,
#: what there is to choose from, and what a process needs whether it is well or not.
STEADY = {
    ("pepperpy-health", "With a verdict"),
    ("pepperpy-health", "variable service"),
    ("pepperpy-home", "Services that report"),
    ("pepperpy-home", "variable service"),
    ("pepperpy-pipeline", "Collectors"),
    ("pepperpy-pipeline", "variable service"),
    ("pepperpy-pipeline", "Export: 95 % within"),
    ("pepperpy-runtime", "Objects that cannot be freed"),
    ("pepperpy-runtime", "Open files"),
    ("pepperpy-runtime", "Open files by instance"),
    ("pepperpy-runtime", "Processes"),
    ("pepperpy-runtime", "Threads"),
    ("pepperpy-runtime", "Threads by instance"),
    ("pepperpy-runtime", "Virtual memory"),
    ("pepperpy-runtime", "variable instance"),
    ("pepperpy-runtime", "variable service"),
    ("pepperpy-service", "Instances"),
    ("pepperpy-service", "variable service"),
    ("pepperpy-slo", "Judged"),
    ("pepperpy-slo", "Objectives"),
    ("pepperpy-slo", "variable service"),
    ("pepperpy-slo", "variable slo"),
}
#: What is a query among the words of a runbook.
QUERY = re.compile(
    r"\{|\w+:\w+:\w+|(sum|max|max_over_time|histogram_quantile)\b|\w+_(count|bytes|seconds)\b"
)
#: Seconds within which a fault has to show.
SHOWN = 120.0

Digests = dict[Query, list[dict[str, Any]]]


def queries() -> list[tuple[Query, ...]]:
    """Every query of every dashboard, as asked for each service."""
    return list(zip(*(dashboard_queries({"service": each}) for each in SERVICES), strict=True))


class Observed:
    """What the run looked like before and after the faults.

    Attributes:
        run: While it still runs.
        before: Each symptom's value in the healthy run.
        after: The same with the faults, once it had changed.
        answers: What every query of the dashboards said in the healthy run.
        outage: What those to Prometheus said while the other backends were away.
    """

    def __init__(self, run: QueriedRun) -> None:
        self.run = run
        self.before = self.values(SYMPTOMS)
        self.answers = self.digests()
        self.after: dict[str, float] = {}
        self.outage: Digests = {}

    def digests(self, *datasources: str) -> Digests:
        """The answers to the dashboards' queries to these stores, or to all, for both services."""
        digest = self.run.asker.digest
        return {
            each[0]: [digest(query) for query in each]
            for each in queries()
            if not datasources or each[0].datasource in datasources
        }

    def values(self, symptoms: list[Symptom]) -> dict[str, float]:
        """What each says now."""
        return {each.fault: self.run.asker.value(each.promql) for each in symptoms}

    def wait_for(self, *stages: str) -> None:
        """Until all symptoms of these stages show, or for as long as they may take."""
        waiting = [each for each in SYMPTOMS if each.stage in stages]

        def shown() -> bool:
            now = self.values(waiting)
            for each in list(waiting):
                if each.changed(self.before[each.fault], now[each.fault]):
                    self.after[each.fault] = now[each.fault]
                    waiting.remove(each)
            return not waiting

        try:
            eventually(shown, timeout=SHOWN, interval=1.0)
        except AssertionError:
            self.after.update(self.values(waiting))


@pytest.fixture(scope="module")
def observed(all_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A run in which everything went well and then everything went wrong."""
    with QueriedRun(tmp_path_factory.mktemp("queried")) as run:
        left = 'slo:period_error_budget_remaining:ratio{service_name="storefront"}'
        eventually(lambda: len(run.asker.now(left)) == 2, timeout=90, interval=1.0)
        eventually(lambda: run.asker.now("traces_service_graph_request_total"), timeout=60)
        seen = Observed(run)
        run.hurt_the_service()
        run.send_what_nobody_takes()
        seen.wait_for("service", "refused")
        run.stop_backends()
        seen.wait_for("backends")
        seen.outage = seen.digests("prometheus")
        run.start_backends()
        eventually(lambda: run.asker.logs('{service_name="storefront"}'), timeout=60, interval=1.0)
        yield seen


def test_every_query_of_every_dashboard_returns_data(observed: Observed) -> None:
    """The list of those that return nothing, for neither service of the shop, is empty."""
    every = queries()
    assert len(every) > 100

    def silent(asked: list[tuple[Query, ...]]) -> list[tuple[Query, ...]]:
        ask = observed.run.asker.ask
        return [each for each in asked if not any(ask(query) for query in each)]

    nothing = silent(every)
    with contextlib.suppress(AssertionError):  # what waited for a store is on its way
        eventually(lambda: not silent(nothing), timeout=20, interval=2.0)
    assert [each[0] for each in silent(nothing)] == []


def test_every_query_of_every_dashboard_sees_the_faults(observed: Observed) -> None:
    """But for what does not depend on them, each one has another answer than before."""
    now = observed.digests()
    unchanged = {
        (query.dashboard, query.panel)
        for query, before in observed.answers.items()
        if now[query] == before and observed.outage.get(query, before) == before
    }
    assert sorted(unchanged - STEADY) == []


def test_every_recording_rule_has_recorded(observed: Observed) -> None:
    """Each with the labels that it adds."""
    recorded = [rule for rule in rules() if "record" in rule]
    assert len(recorded) > 50
    nothing = [
        rule["record"]
        for rule in recorded
        if not observed.run.asker.now(f"last_over_time({labelled(rule)}[15m])")
    ]
    assert nothing == []


def labelled(rule: dict[str, Any]) -> str:
    """The selector of what a rule records."""
    labels = ", ".join(f'{key}="{value}"' for key, value in rule.get("labels", {}).items())
    return f"{rule['record']}{{{labels}}}"


def test_everything_that_a_rule_reads_is_there(observed: Observed) -> None:
    """Each selector in each expression, recording rules and alerts alike, finds series."""
    asker = observed.run.asker
    read = {
        selector: rule.get("record") or rule["alert"]
        for rule in rules()
        for selector in asker.selectors(rule["expr"])
    }
    assert len(read) > 60
    nothing = {
        selector: name
        for selector, name in read.items()
        if not asker.now(f"last_over_time({selector}[15m])")
    }
    assert nothing == {}


def test_the_queries_of_the_runbooks_return_data(observed: Observed) -> None:
    """Who is woken up and looks where the runbook says finds something there."""
    asked = runbook_queries("storefront")
    assert len(asked) > 20
    assert [query for query in asked if not observed.run.asker.ask(query)] == []


def runbook_queries(service: str) -> list[Query]:
    """The queries below "Look at"."""
    found = []
    for name, text in runbooks().items():
        look_at = text.partition("**Look at:**")[2].partition("\n- **")[0]
        for code in re.findall(r"`([^`]+)`", look_at):
            expr = " ".join(code.split()).replace("$service", service)
            if QUERY.match(expr):
                kind, source = ("logs", "loki") if expr[0] == "{" else ("range", "prometheus")
                found.append(Query("runbooks", name, source, expr, kind))
    return found


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda each: each.fault)
def test_a_fault_shows(observed: Observed, symptom: Symptom) -> None:
    """What is asked for it says something else than in the healthy run."""
    before, after = observed.before[symptom.fault], observed.after[symptom.fault]
    assert symptom.changed(before, after), f"{symptom.promql}: {before} before, {after} after"


def test_alerts_fire_for_what_was_done(observed: Observed) -> None:
    """Those that need no days have fired in the run."""
    found = observed.run.asker.now('last_over_time(ALERTS{alertstate="firing"}[15m])')
    assert {each["metric"]["alertname"] for each in found} >= {
        "AppQueueNearFull",
        "AppSpoolGrowing",
        "AppTelemetryDropped",
        "CollectorLosing",
        "CollectorMetricPointsLost",
        "CollectorQueueNearFull",
        "CollectorRefusing",
        "HealthBlind",
        "HealthCheckGone",
        "HealthCoverageLow",
        "HealthCriticalUnhealthy",
        "HealthFlapping",
        "LokiRejects",
        "PrometheusRejectsSamples",
        "SloBudgetGoneIn2Days",
        "StackServerDown",
    }


def test_the_rules_evaluate_without_failures(observed: Observed) -> None:
    """No group has failed to evaluate in the whole run."""
    found = observed.run.asker.now("prometheus_rule_evaluation_failures_total > 0")
    assert found == []
