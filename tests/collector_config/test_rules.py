"""What can be said of the rules without promtool: names, labels, runbooks, cases."""

import re
from typing import Any

import pytest

from pepperpy_otel.health import names
from tests.collector_config.rule_files import (
    BY_USERS,
    RECORDED,
    RULES,
    alerts,
    case_files,
    cases,
    groups,
    load,
    recorded,
    rule_files,
    rules,
    runbooks,
)

DASHBOARDS = {f"pepperpy-{name}" for name in ("home", "service", "health", "pipeline", "slo")}
PARTS = ("Means", "Impact", "Look at", "Likely causes", "Fix", "Silence")
#: Alerts whose value says nothing: that something is absent.
WITHOUT_VALUE = {"CollectorGone", "StackServerDown"}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def expected_alerts(name: str) -> list[list[dict[str, Any]]]:
    """For each case of an alert what it expects."""
    return [
        check.get("exp_alerts") or []
        for case in cases()
        for check in case.get("alert_rule_test", [])
        if check["alertname"] == name
    ]


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    """Severity, area, summary, description with its value, runbook and dashboard."""
    alert = alerts()[name]
    said = alert["annotations"]

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["labels"]["area"] in {"slo", "health", "pipeline"}
    assert set(said) == {"summary", "description", "runbook_url", "dashboard"}
    assert "$value" in said["description"] or name in WITHOUT_VALUE
    assert said["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    assert said["dashboard"].removeprefix("/d/").partition("?")[0] in DASHBOARDS


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    """The sections of docs/runbooks.md are the alerts, in the order of the rule files."""
    in_order = [
        rule["alert"]
        for stem in ("alerts-slo", "alerts-health", "alerts-pipeline")
        for group in load(RULES / f"{stem}.yaml")["groups"]
        for rule in group["rules"]
    ]
    assert list(runbooks()) == in_order
    assert set(in_order) == set(alerts())


@pytest.mark.parametrize("name", sorted(runbooks()))
def test_a_runbook_answers_the_same_six_questions(name: str) -> None:
    """What it means, what it does, where to look, why, what to do, how to silence it."""
    found = re.findall(r"^- \*\*([\w ]+):\*\* \S", runbooks()[name], flags=re.MULTILINE)
    assert tuple(found) == PARTS


def test_links_within_the_runbooks_lead_somewhere() -> None:
    """Each anchor is a section."""
    anchors = {name.lower() for name in runbooks()}
    linked = {to for text in runbooks().values() for to in re.findall(r"\]\(#([\w-]+)\)", text)}
    assert linked
    assert linked <= anchors


@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_alert_has_a_case_that_fires_and_a_near_miss(name: str) -> None:
    """And the two are groups of their own, named after it."""
    named = [case for case in cases() if case["name"].startswith(f"{name} ")]
    kinds = {case["name"].removeprefix(name).partition(":")[0].strip() for case in named}
    assert kinds == {"fires", "is silent"}
    for case in named:
        expected = [
            check.get("exp_alerts") or []
            for check in case["alert_rule_test"]
            if check["alertname"] == name
        ]
        assert expected, case["name"]
        if case["name"].startswith(f"{name} fires"):
            assert any(expected), case["name"]
        else:
            assert expected[-1] == [], case["name"]
            assert case["input_series"], case["name"]
    assert any(expected_alerts(name))


def test_what_a_case_expects_is_complete() -> None:
    """An alert that is expected to fire is expected with all labels and annotations."""
    for name, alert in alerts().items():
        for expected in (each for found in expected_alerts(name) for each in found):
            assert expected["exp_labels"].items() >= alert["labels"].items()
            assert set(expected["exp_annotations"]) == set(alert["annotations"])


def test_every_rule_file_is_under_test() -> None:
    """Some case file loads it."""
    loaded = {
        (path.parent / each).resolve() for path in case_files() for each in load(path)["rule_files"]
    }
    assert loaded == {path.resolve() for path in rule_files()}


def test_a_recorded_series_that_is_used_is_recorded() -> None:
    """A typing error in the name of a recorded series would be silence."""
    used = {name for rule in rules() for name in RECORDED.findall(rule["expr"])}
    assert used - recorded() == BY_USERS
    assert set(RECORDED.findall("\n".join(runbooks().values()))) <= recorded()


def test_metrics_and_attributes_of_health_are_called_as_the_package_calls_them() -> None:
    """As Prometheus spells them; who renames one has to come here."""
    metrics = {
        names.CHECK_STATUS: "",
        names.CHECK_AGE: "_seconds",
        names.CHECK_TRANSITIONS: "_total",
    }
    labels = (names.CHECK_NAME, names.CHECK_STATE, names.CHECK_CRITICAL)
    known = {name.replace(".", "_") + unit for name, unit in metrics.items()}
    known |= {name.replace(".", "_") for name in labels}
    used = {name for rule in rules() for name in re.findall(r"\bhealth_\w+", rule["expr"])}
    assert used == known


@pytest.mark.parametrize(
    ("name", "burn", "long", "short", "severity"),
    [
        ("SloBudgetGoneIn2Days", "14.4", "1h", "5m", "page"),
        ("SloBudgetGoneIn5Days", "6", "6h", "30m", "page"),
        ("SloBudgetGoneIn10Days", "3", "1d", "2h", "ticket"),
        ("SloBudgetGoneIn30Days", "1", "3d", "6h", "ticket"),
    ],
)
def test_burn_rates_and_their_windows(
    name: str, burn: str, long: str, short: str, severity: str
) -> None:
    """Two windows for each burn rate, and a guard against too little traffic in the long one."""
    alert = alerts()[name]
    budget = "/ on (slo, service_name) slo:error_budget:ratio"
    for window in (long, short):
        assert f"slo:sli_error:ratio_rate{window} {budget} > {burn})" in alert["expr"]
    assert f"slo:requests:count{long} >= on () group_left () slo:minimum_requests" in alert["expr"]
    assert alert["labels"]["severity"] == severity
    days = int(re.findall(r"\d+", name)[0])
    assert 30 / float(burn) == pytest.approx(days, rel=0.05)


def test_requests_are_counted_with_the_interval_of_their_samples() -> None:
    """slo:requests:count* multiply sums of rates by the seconds between two samples."""
    interval = groups()["slo-events"]["interval"]
    seconds = int(interval[:-1]) * SECONDS[interval[-1]]
    counts = [
        rule["expr"] for rule in rules() if rule.get("record", "").startswith("slo:requests:c")
    ]
    assert len(counts) == 4
    assert all(expr.endswith(f"]) * {seconds}") for expr in counts)


def test_long_windows_never_read_raw_series() -> None:
    """Beyond 15 minutes only recorded series are asked for: days of raw ones would be dear."""
    for rule in rules():
        for series, window in re.findall(r"([\w:]+)(?:\{[^}]*\})?\[(\w+)\]", rule["expr"]):
            if int(window[:-1]) * SECONDS[window[-1]] > 900 and "1h] offset 5m" not in rule["expr"]:
                assert ":" in series, rule["expr"]


def test_no_interval_is_as_long_as_an_instant_query_looks_back() -> None:
    """But for samples that only sums over time read: others would be gone after five minutes."""
    slow = {name for name, group in groups().items() if group["interval"] == "5m"}
    assert slow == {"slo-period"}
    period = {rule["record"] for rule in groups()["slo-period"]["rules"]}
    for rule in rules():
        for name in period & set(RECORDED.findall(rule["expr"])):
            assert f"sum_over_time({name}[30d])" in rule["expr"]
