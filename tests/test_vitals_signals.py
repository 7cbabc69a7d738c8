"""Health as telemetry: gauges, events, spans, through the providers of configure()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import health
from tests.health.telemetry import (
    STATES,
    Records,
    Spans,
    db,
    kind_of,
    points,
    states,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health import HealthStatus
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


__all__ = ["db"]  # the fixture of the tests below


def test_gauges_are_one_hot(configure: Configure, db: list[Any]) -> None:
    """Every state of every check is there, 1 for the one that it is in, as a gauge."""
    telemetry = configure()
    telemetry.health.run(5.0)
    assert states(telemetry, "db") == {**dict.fromkeys(STATES, 0), "healthy": 1}
    assert kind_of(telemetry, "health.check.status") == ("Gauge", "{check}")
    db.append(False)
    telemetry.health.run(5.0)
    assert states(telemetry, "db") == {**dict.fromkeys(STATES, 0), "degraded": 1}
    criticals = {
        attributes["health.check.name"]: attributes["health.check.critical"]
        for attributes, _ in points(telemetry, "health.check.status")
    }
    assert criticals["db"] is True
    assert criticals["telemetry.pipeline"] is False


def test_an_up_down_counter_when_asked(
    configure: Configure, db: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the semantic convention's instrument, a View that drops the name adds checks up."""
    monkeypatch.setenv("PEPPERPY_OTEL_HEALTH_STATUS_INSTRUMENT", "updowncounter")
    view = View(instrument_name="health.check.status", attribute_keys={"health.check.state"})
    telemetry = configure(views=[view])
    telemetry.health.run(5.0)
    assert kind_of(telemetry, "health.check.status")[0] == "Sum"
    counted = {
        attributes["health.check.state"]: point.value
        for attributes, point in points(telemetry, "health.check.status")
    }
    assert counted["healthy"] == len(telemetry.health.snapshot())


def test_groups_age_and_durations(configure: Configure, db: list[Any]) -> None:
    """What an endpoint of a group answers, how old verdicts are, how long runs took."""
    telemetry = configure()
    telemetry.health.run(5.0)
    groups = {
        attributes["health.group.name"]: attributes["health.check.state"]
        for attributes, point in points(telemetry, "health.group.status")
        if point.value
    }
    assert groups == {"live": "healthy", "ready": "healthy"}
    ages = {a["health.check.name"]: p.value for a, p in points(telemetry, "health.check.age")}
    assert 0 <= ages["db"] < 5
    (runs,) = wait_for(lambda: points(telemetry, "health.check.duration"))
    assert runs[0] == {"health.check.name": "db", "health.check.result": "pass"}
    assert runs[1].count == 1


def test_a_change_is_an_event_in_the_trace_of_its_run(configure: Configure, db: list[Any]) -> None:
    """The log event names both states, and its trace is that of the run's span."""
    records, spans = Records(), Spans()
    telemetry = configure(log_record_processors=[records], span_processors=[spans])
    telemetry.health.run(5.0)
    wait_for(lambda: len(records.records) == 1)
    db.append(ConnectionError("postgres://shop:hunter2@db refused"))
    telemetry.health.run(5.0)
    first, second = wait_for(lambda: len(records.records) == 2 and records.records)
    assert first.event_name == second.event_name == "health.check.transition"
    assert first.attributes["health.check.state.from"] == "unknown"
    assert dict(second.attributes) == {
        "health.check.name": "db",
        "health.check.state.from": "healthy",
        "health.check.state.to": "degraded",
        "health.check.reason": "SUSPECT",
        "health.check.critical": True,
    }
    assert (first.severity_text, second.severity_text) == ("INFO", "WARN")
    assert "hunter2" not in second.body
    span = spans.spans[-1]
    assert span.name == "health.check.run db"
    assert span.attributes["error.type"] == "ConnectionError"
    assert "hunter2" not in span.status.description
    assert (second.trace_id, second.span_id) == (span.context.trace_id, span.context.span_id)
    counted = [a for a, _ in points(telemetry, "health.check.transitions")]
    assert {"health.check.name": "db", "health.check.state": "degraded"} in counted


@pytest.mark.parametrize(("setting", "made"), [("off", 0), ("change", 2), ("failure", 3)])
def test_which_runs_get_a_span(
    configure: Configure,
    db: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    made: int,
) -> None:
    """None, those that changed a status, or those that failed too."""
    monkeypatch.setenv("PEPPERPY_OTEL_HEALTH_SPANS", setting)
    spans, records = Spans(), Records()
    telemetry = configure(span_processors=[spans], log_record_processors=[records])
    telemetry.health.run(5.0)  # unknown to healthy
    telemetry.health.run(5.0)  # healthy still: never a span
    db.append(False)
    telemetry.health.run(5.0)  # to degraded
    telemetry.health.run(5.0)  # a failure that changes nothing
    wait_for(lambda: len(records.records) == 2)
    runs = wait_for(
        lambda: sum(p.count for _, p in points(telemetry, "health.check.duration")) == 4
    )
    assert runs
    assert len(spans.spans) == made


def test_more_checks_than_the_metrics_hold(
    configure: Configure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the cap checks are checked and not in the metrics, and one line says so."""
    monkeypatch.setattr("pepperpy_otel.health.gauges.MAX_CHECKS", 3)
    telemetry = configure()
    names = [f"check-{number}" for number in range(5)]
    for name in names:
        telemetry.health.register(name, lambda: True, interval=60.0)
    try:
        for _ in range(2):
            assert len(points(telemetry, "health.check.status")) == 3 * 4
        assert capsys.readouterr().err.count("of which the first 3 are in the metrics") == 1
    finally:
        for name in names:
            telemetry.health.unregister(name)


def test_an_empty_group_is_unknown_in_the_metrics(configure: Configure) -> None:
    """A group that only has members while nobody looks is unknown, never green."""
    telemetry = configure()

    def no_members(group: str) -> HealthStatus:
        raise KeyError(group)

    telemetry.health.group_status = no_members  # type: ignore[method-assign]
    try:
        shown = [a for a, p in points(telemetry, "health.group.status") if p.value]
    finally:
        del telemetry.health.group_status  # type: ignore[method-assign]
    assert {each["health.check.state"] for each in shown} == {"unknown"}


def test_stalls_are_counted(configure: Configure) -> None:
    """Times for which the process stood still are a histogram by kind."""
    telemetry = configure()
    telemetry.health._notices.stalls.call("process", 1.5)
    ((attributes, point),) = points(telemetry, "health.process.stall")
    assert (attributes, point.sum) == ({"health.stall.kind": "process"}, 1.5)


def test_a_check_that_never_ran_has_no_age(configure: Configure) -> None:
    """What is only declared is unknown in the metrics, and nothing is said of its age."""
    telemetry = configure()
    telemetry.health.register("late", lambda: True, interval=60.0)
    try:
        telemetry.health.stop()
        telemetry.health.become_child()  # pending again
        ages = {a["health.check.name"] for a, _ in points(telemetry, "health.check.age")}
        assert "late" not in ages
        assert states(telemetry, "late")["unknown"] == 1
    finally:
        telemetry.health.unregister("late")


def test_a_tracer_that_fails_costs_the_span_only(
    configure: Configure, db: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The event comes without a trace; the verdict stands."""

    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            span.get_span_context = None

    records = Records()
    telemetry = configure(log_record_processors=[records], span_processors=[Broken()])
    telemetry.health.run(5.0)
    (record,) = wait_for(lambda: records.records)
    assert record.trace_id in {0, None}
    assert telemetry.health.check_component("db") is health.HealthStatus.HEALTHY


def test_an_old_handle_hides_only_its_own(configure: Configure) -> None:
    """Stopping a reporter that was replaced does not silence the one of now."""
    from pepperpy_otel.health.reporter import report

    telemetry = configure()
    providers = {
        "meter_provider": telemetry.meter_provider,
        "logger_provider": telemetry.logger_provider,
        "tracer_provider": telemetry.tracer_provider,
    }
    stop = report(health.HealthChecker(), **providers)
    again = report(telemetry.health, **providers)
    stop()
    assert points(telemetry, "health.check.status")
    again()
    assert points(telemetry, "health.check.status") == []
