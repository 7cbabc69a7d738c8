"""alertmanager.yaml: routes and inhibitions fit the alerts, and nothing is sent unasked."""

import re
from typing import Any

from tests.collector_config.rule_files import alerts, load
from tests.integration.locate import CONFIG

CONFIGURATION = load(CONFIG / "alertmanager.yaml")
MATCHER = re.compile(r'^(\w+)(=~|!~|!=|=)"([^"]*)"$')


def matches(matchers: list[str], labels: dict[str, str]) -> bool:
    """Whether Alertmanager's matchers all take these labels."""
    for text in matchers:
        found = MATCHER.match(text)
        assert found is not None, text
        name, operator, value = found.groups()
        actual = labels.get(name, "")
        equal = re.fullmatch(value, actual) is not None if "~" in operator else actual == value
        if equal == operator.startswith("!"):
            return False
    return True


def labels_of(name: str, **more: str) -> dict[str, str]:
    """What an alert carries."""
    return {"alertname": name, **alerts()[name]["labels"], **more}


def inhibited(target: dict[str, str], source: dict[str, str]) -> bool:
    """Whether ``source`` keeps ``target`` quiet."""
    rules: list[dict[str, Any]] = CONFIGURATION["inhibit_rules"]
    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and all(source.get(name, "") == target.get(name, "") for name in rule.get("equal", []))
        for rule in rules
    )


def test_nothing_is_sent_until_somebody_fills_a_receiver_in() -> None:
    """The receivers are names, and the examples take their secrets from files."""
    assert [set(each) for each in CONFIGURATION["receivers"]] == [{"name"}] * 3
    examples = (CONFIG / "alertmanager.yaml").read_text()
    assert "url_file:" in examples
    assert "auth_password_file:" in examples
    assert not re.search(r"(password|token|url): \S", examples)


def test_every_alert_goes_to_the_receiver_of_its_severity() -> None:
    """Pages and tickets each have a route to a receiver that there is."""
    route = CONFIGURATION["route"]
    names = {each["name"] for each in CONFIGURATION["receivers"]}
    assert {route["receiver"], *(each["receiver"] for each in route["routes"])} == names
    for name in alerts():
        labels = labels_of(name)
        taken = [each["receiver"] for each in route["routes"] if matches(each["matchers"], labels)]
        assert taken == [labels["severity"]]


def test_a_page_keeps_the_ticket_of_the_same_budget_quiet() -> None:
    """For the same service and objective only."""
    page = labels_of("SloBudgetGoneIn2Days", service_name="shop", slo="latency")
    same = {"service_name": "shop", "slo": "latency"}

    for name in ("SloBudgetGoneIn5Days", "SloBudgetGoneIn10Days", "SloBudgetGoneIn30Days"):
        assert inhibited(labels_of(name, **same), page)
        assert not inhibited(labels_of(name, **{**same, "slo": "availability"}), page)
        assert not inhibited(labels_of(name, **{**same, "service_name": "other"}), page)
    assert not inhibited(page, page)


def test_a_service_that_is_gone_is_one_alert() -> None:
    """Its other alerts are quiet, those of other services are not."""
    gone = labels_of("ServiceGone", service_name="shop")
    for name in ("HealthCriticalUnhealthy", "AppQueueNearFull", "SloBudgetGoneIn2Days"):
        assert inhibited(labels_of(name, service_name="shop"), gone)
        assert not inhibited(labels_of(name, service_name="other"), gone)
    assert not inhibited(gone, gone)
    assert not inhibited(labels_of("CollectorQueueNearFull"), gone)


def test_without_a_collector_only_what_does_not_pass_through_it_is_told() -> None:
    """Everything else would be guesses about the past."""
    gone = labels_of("CollectorGone")
    heard = {name for name in alerts() if not inhibited(labels_of(name, service_name="x"), gone)}
    assert heard == {
        "CollectorGone",
        "StackServerDown",
        "PrometheusRejectsSamples",
        "PrometheusRuleFailures",
    }


def test_a_component_that_paged_opens_no_ticket() -> None:
    """Unhealthy and flapping, unknown and stale are one story each."""
    for page, ticket in (
        ("HealthCriticalUnhealthy", "HealthFlapping"),
        ("HealthBlind", "HealthStale"),
    ):
        source = labels_of(page, service_name="shop", health_check_name="db")
        assert inhibited(labels_of(ticket, service_name="shop", health_check_name="db"), source)
        assert not inhibited(labels_of(ticket, service_name="shop", health_check_name="x"), source)
