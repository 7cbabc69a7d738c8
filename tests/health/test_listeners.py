"""Who hears what: changes, runs, stalls; overrides and heartbeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from pepperpy_otel.health import HealthChecker, HealthStatus
from pepperpy_otel.health.notices import Notices
from tests.health.dependency import busy
from tests.health.helpers import Loop, settled, until

if TYPE_CHECKING:
    import threading

    from pepperpy_otel.health import HealthRun, Transition

LONG = 10.0


def test_subscribers_hear_each_change_in_order(checker: HealthChecker) -> None:
    """From pending to the first verdict and on; a run that changes nothing is no news."""
    answers = iter([True, True, False, False, False, True, True])
    seen: list[Transition] = []
    undo = checker.subscribe(seen.append)
    checker.register("db", lambda: next(answers))
    for _ in range(7):
        checker.run(LONG)
    until(lambda: len(seen) == 5)
    assert [(each.before.status.value, each.after.status.value) for each in seen] == [
        ("unknown", "healthy"),
        ("healthy", "degraded"),
        ("degraded", "unhealthy"),
        ("unhealthy", "degraded"),
        ("degraded", "healthy"),
    ]
    assert all(each.run is not None and each.run.name == "db" for each in seen)
    undo()
    undo()
    checker.override("db", HealthStatus.UNHEALTHY)
    assert len(seen) == 5


def test_a_callback_that_raises_or_asks_hurts_nobody(checker: HealthChecker) -> None:
    """The others are called all the same; a callback may ask and even register."""
    seen: list[Any] = []

    def raises(transition: Transition) -> None:
        raise RuntimeError("a subscriber of the application")

    def asks(transition: Transition) -> None:
        seen.append(checker.check_all()[transition.name])
        if transition.name == "db":
            checker.register("more", lambda: True)

    checker.subscribe(raises)
    checker.subscribe(asks)
    checker.register("db", lambda: True)
    checker.run(LONG)
    until(lambda: seen and "more" in checker.snapshot())
    assert checker.run(LONG).verdicts["more"].status.value == "healthy"


def test_a_callback_that_hangs_keeps_no_verdict_back(
    checker: HealthChecker, release: threading.Event
) -> None:
    """The scheduler calls nobody: deadlines are kept while a subscriber hangs."""
    checker.subscribe(lambda transition: release.wait(60))
    checker.register("first", lambda: True, interval=60)
    checker.start()
    settled(checker, "first", "healthy", "ok")
    checker.register("second", lambda: release.wait(60), interval=60, timeout=0.05)
    settled(checker, "second", "unhealthy", "still running")


def test_each_run_is_observed(checker: HealthChecker, release: threading.Event) -> None:
    """Name, seconds, undamped result and type of the error."""
    seen: dict[str, tuple[float, str, str | None]] = {}

    def observe(name: str, seconds: float, result: str, error: str | None) -> None:
        seen[name] = (seconds, result, error)

    def fails() -> None:
        raise ConnectionRefusedError("no")

    checker.observe_runs(observe)
    checker.register("pass", lambda: True)
    checker.register("warn", lambda: HealthStatus.DEGRADED)
    checker.register("fail", fails)
    checker.register("false", lambda: False)
    checker.register("hung", lambda: release.wait(60), timeout=0.05, interval=1)
    checker.register("unsure", lambda: HealthStatus.UNKNOWN)
    checker.run(LONG)
    until(lambda: len(seen) == 6)
    assert {name: each[1:] for name, each in seen.items()} == {
        "pass": ("pass", None),
        "warn": ("warn", None),
        "fail": ("fail", "ConnectionRefusedError"),
        "false": ("fail", "failed"),
        "hung": ("timeout", "timeout"),
        "unsure": ("inconclusive", None),
    }
    assert 0.04 < seen["hung"][0] < 5


def test_a_tracer_gives_the_subscribers_their_span(checker: HealthChecker) -> None:
    """It is asked for runs that failed or changed a status, and for no others."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    traced: list[tuple[HealthRun, bool]] = []
    seen: list[Transition] = []

    def trace(run: HealthRun, changed: bool) -> SpanContext:
        traced.append((run, changed))
        return context

    def fails() -> None:
        raise ConnectionRefusedError("no")

    checker.trace_runs(trace)
    undo = checker.trace_runs(lambda run, changed: None)
    checker.subscribe(seen.append)
    checker.register("pass", lambda: True)
    checker.register("fail", fails)
    checker.run(LONG)
    checker.run(LONG)
    until(lambda: len(traced) == 3)
    undo()
    assert sorted((run.name, changed) for run, changed in traced) == [
        ("fail", False),
        ("fail", True),
        ("pass", True),
    ]
    assert all(each.span_context is context for each in seen)
    failed = next(run for run, changed in traced if run.name == "fail")
    assert isinstance(failed.error, ConnectionRefusedError)
    assert failed.ended_at == pytest.approx(failed.started_at + failed.duration)


def test_stalls_of_the_process_and_of_the_loop_are_told(
    checker: HealthChecker, app_loop: Loop
) -> None:
    """With their kind and length in seconds."""
    seen: list[tuple[str, float]] = []
    undo = checker.observe_stalls(lambda kind, seconds: seen.append((kind, seconds)))

    async def check() -> None:
        """Nothing."""

    checker.register("db", check, interval=0.1, timeout=0.05)
    app_loop.start(checker)
    settled(checker, "db", "healthy", "ok")
    app_loop.block(0.6)
    until(lambda: any(kind == "event_loop" and seconds > 0.2 for kind, seconds in seen))
    busy(0.4)
    until(lambda: any(kind == "process" and seconds > 0.2 for kind, seconds in seen))
    undo()


def test_an_override_holds_until_it_ends(checker: HealthChecker) -> None:
    """Its verdict is what counts, the check's is in the details, and it ends by itself."""
    seen: list[Transition] = []
    checker.subscribe(seen.append)
    checker.register("db", lambda: True, interval=60)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    checker.override("db", HealthStatus.UNHEALTHY, "migration", ttl=0.3)
    verdict = checker.snapshot()["db"]
    assert (verdict.reason.value, verdict.summary) == ("override", "override: migration")
    assert checker.group_status("ready") is HealthStatus.UNHEALTHY
    assert checker.get_details("db")["observed"] == {"status": "healthy", "reason": ""}
    until(lambda: len(seen) == 3)
    assert [each.after.status.value for each in seen] == ["healthy", "unhealthy", "healthy"]
    checker.override("db", HealthStatus.DEGRADED)
    assert checker.check_component("db") is HealthStatus.DEGRADED
    checker.override("db", None)
    assert checker.check_component("db") is HealthStatus.HEALTHY
    until(lambda: len(seen) == 5)


def test_an_override_needs_no_start(checker: HealthChecker) -> None:
    """It counts at once, and ends in time, where nothing runs in the background."""
    checker.register("db", lambda: True)
    checker.override("db", HealthStatus.HEALTHY, ttl=0.1)
    assert checker.check_component("db") is HealthStatus.HEALTHY
    settled(checker, "db", "unknown", "pending")


def test_a_heartbeat_that_stops_is_unhealthy(checker: HealthChecker) -> None:
    """Pending before the first beat, healthy while it beats, unhealthy soon after the last one."""
    seen: list[Transition] = []
    checker.subscribe(seen.append)
    beats = checker.heartbeat("worker", ttl=0.2, groups=("ready", "live"))
    checker.start()
    assert checker.snapshot()["worker"].reason.value == "pending"
    assert checker.get_details("worker")["age"] is None
    beats.beat()
    assert checker.check_component("worker") is HealthStatus.HEALTHY
    assert checker.get_details("worker")["data"]["beat_age"] < 0.2
    until(lambda: [each.after.status.value for each in seen] == ["healthy", "unhealthy"])
    assert "no beat for 0." in checker.get_details("worker")["reason"]
    assert checker.group_status("live") is HealthStatus.UNHEALTHY
    beats.beat()
    assert checker.check_component("worker") is HealthStatus.HEALTHY


def test_what_nobody_listens_to_is_not_kept() -> None:
    """Without listeners there is nothing to tell; what waits is bounded and told in order."""
    notices = Notices()
    notices.stalled("process", 1.0)
    notices.changed([])
    assert not notices.waiting
    seen: list[Any] = []
    notices.stalls.add(lambda kind, seconds: seen.append(seconds))
    for number in range(3):
        notices.stalled("process", number)
    assert notices.waiting
    notices.deliver()
    assert seen == [0, 1, 2]
    notices.stalled("process", 7)
    notices.forget()
    assert not notices.waiting
