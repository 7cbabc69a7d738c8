"""The checker's face: what may be registered and returned, and what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import health
from pepperpy_otel.health import (
    HealthChecker,
    HealthReport,
    HealthResult,
    HealthStatus,
    HealthVerdict,
)
from tests.health.helpers import settled, until

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from pepperpy_otel.health import Transition

LONG = 10.0


def test_a_fresh_checker_has_true_built_in_verdicts(checker: HealthChecker) -> None:
    """Without registrations there are the local components, and ``live`` is green."""
    assert checker.check_all() == {
        "health.scheduler": HealthStatus.HEALTHY,
        "health.event_loop": HealthStatus.HEALTHY,
    }
    assert checker.get_details("health.scheduler")["reason"] == "nothing to schedule"
    assert checker.group_status("live") is HealthStatus.HEALTHY
    assert checker.groups() == {"live"}
    assert checker.overall_status() is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    ("returned", "status", "reason"),
    [
        (None, HealthStatus.HEALTHY, "ok"),
        (True, HealthStatus.HEALTHY, "ok"),
        (False, HealthStatus.UNHEALTHY, "failed"),
        (HealthStatus.HEALTHY, HealthStatus.HEALTHY, "ok"),
        (HealthStatus.DEGRADED, HealthStatus.DEGRADED, "reported"),
        (HealthStatus.UNHEALTHY, HealthStatus.UNHEALTHY, "failed"),
        (HealthStatus.UNKNOWN, HealthStatus.UNKNOWN, "inconclusive"),
        (HealthResult(HealthStatus.DEGRADED, "slow", {"ms": 7}), HealthStatus.DEGRADED, "reported"),
        (0, HealthStatus.UNHEALTHY, "bad return"),
        (1, HealthStatus.UNHEALTHY, "bad return"),
        ("", HealthStatus.UNHEALTHY, "bad return"),
        ({}, HealthStatus.UNHEALTHY, "bad return"),
        (HealthResult("healthy"), HealthStatus.UNHEALTHY, "bad return"),  # type: ignore[arg-type]
        (HealthResult(HealthStatus.HEALTHY, "", 7), HealthStatus.UNHEALTHY, "failed"),  # type: ignore[arg-type]
    ],
)
def test_what_a_check_may_return(
    checker: HealthChecker, returned: object, status: HealthStatus, reason: str
) -> None:
    """Only a status, a result, a bool or None are answers; any other type is unhealthy."""
    checker.register("db", lambda: returned)
    verdict = checker.run(LONG).verdicts["db"]
    assert (verdict.status, verdict.reason.value) == (status, reason)
    assert checker.check_component("db") is status


@pytest.mark.parametrize(
    ("returned", "words"),
    [(0, "int"), ({}, "dict"), (HealthResult(3), "a HealthResult whose status is int")],  # type: ignore[arg-type]
)
def test_a_wrong_type_is_named(checker: HealthChecker, returned: object, words: str) -> None:
    """The reason names the type that a check returned by mistake."""
    checker.register("db", lambda: returned)
    checker.run(LONG)
    assert words in checker.get_details("db")["reason"]


def test_a_returned_result_is_shown(checker: HealthChecker) -> None:
    """Reason and data of a result are in the details, beside ages in seconds."""
    checker.register("db", lambda: HealthResult(HealthStatus.DEGRADED, "slow", {"ms": 7}))
    checker.run(LONG)
    details = checker.get_details("db")
    assert details["reason"] == "slow"
    assert details["data"] == {"ms": 7}
    assert 0 <= details["age"] < LONG
    assert details["history"][0]["result"] == "warn"
    assert details["status"] == "degraded"


def test_async_checks_and_plain_functions_that_return_an_awaitable(checker: HealthChecker) -> None:
    """Both kinds of asynchronous checks are awaited, and objects whose call is a coroutine."""

    @checker.check("coroutine")
    async def _check() -> bool:
        return True

    class Probe:
        async def __call__(self) -> bool:
            return True

    class Awaitable:
        def __await__(self) -> Iterator[Any]:
            yield
            return False

    checker.register("lambda", lambda: _check())
    checker.register("object", Probe())
    checker.register("awaitable", Awaitable)
    verdicts = checker.run(LONG).verdicts
    assert {
        name: verdicts[name].status.value for name in checker.check_all() if "." not in name
    } == {
        "coroutine": "healthy",
        "lambda": "healthy",
        "object": "healthy",
        "awaitable": "unhealthy",
    }


def test_what_never_ran_is_pending(checker: HealthChecker) -> None:
    """Before the first run the verdict is UNKNOWN, the details say so, and ready is not green."""
    checker.register("db", lambda: True)
    assert checker.check_component("db") is HealthStatus.UNKNOWN
    assert "pending" in checker.get_details("db")["reason"]
    assert checker.get_details("db")["age"] is None
    assert checker.group_status("ready") is HealthStatus.UNKNOWN


def test_expected_components_without_a_check_are_unknown(checker: HealthChecker) -> None:
    """A declared component that nobody checks is UNKNOWN, not ready, and the report counts it."""
    checker.expect("payments", "db")
    checker.register("db", lambda: True)
    report = checker.run(LONG)
    assert report.verdicts["payments"].status is HealthStatus.UNKNOWN
    assert str(report) == "unknown: covered 1 of 2"
    assert (report.covered, report.expected) == (1, 2)
    assert report.elapsed < LONG
    assert checker.check_component("payments") is HealthStatus.UNKNOWN
    assert "no check" in checker.get_details("payments")["reason"]
    assert checker.get_details("payments")["age"] is None
    assert checker.group_status("ready") is HealthStatus.UNKNOWN
    with pytest.raises(ValueError, match="a/b"):
        checker.expect("a/b")


def test_what_is_not_critical_degrades_only(checker: HealthChecker) -> None:
    """A failing component that is not critical makes the whole degraded, not unhealthy."""
    checker.register("cache", lambda: False, critical=False)
    assert checker.run(LONG).status is HealthStatus.DEGRADED
    assert checker.overall_status() is HealthStatus.DEGRADED
    assert checker.group_status("ready") is HealthStatus.DEGRADED
    assert HealthReport({}, 0, 0, 0.0).status is HealthStatus.HEALTHY


def test_an_unknown_or_empty_group_is_an_error(checker: HealthChecker) -> None:
    """There is no green answer about nothing; while draining, ready is red in any case."""
    with pytest.raises(LookupError, match="'ready' is empty"):
        checker.group_status("ready")
    with pytest.raises(LookupError, match="did you mean 'ready'"):
        checker.group_status("redy")
    checker.drain()
    assert checker.group_status("ready") is HealthStatus.UNHEALTHY


def test_groups_count_their_members_only(checker: HealthChecker) -> None:
    """Each group is judged from its own members; what is unknown does not kill the process."""
    checker.register("db", lambda: False)
    checker.register("migrations", lambda: True, groups={"startup"})
    checker.register("disk", lambda: True, groups=iter(["live", "startup"]), local=True)
    assert checker.group_status("live") is HealthStatus.HEALTHY
    assert checker.group_status("startup") is HealthStatus.UNKNOWN
    checker.run(LONG)
    assert checker.groups() == {"live", "ready", "startup"}
    assert checker.group_status("live") is HealthStatus.HEALTHY
    assert checker.group_status("startup") is HealthStatus.HEALTHY
    assert checker.group_status("ready") is HealthStatus.UNHEALTHY


def test_draining_is_sticky_and_spares_the_components(checker: HealthChecker) -> None:
    """drain(): ready is red, live and the verdicts stay, observers hear of it once."""
    calls: list[str] = []
    checker.observe_drain(lambda: calls.append("drain"))
    checker.register("db", lambda: True)
    checker.run(LONG)
    assert not checker.draining
    checker.drain()
    checker.drain()
    checker.run(LONG)
    assert checker.draining
    assert calls == ["drain"]
    assert checker.check_component("db") is HealthStatus.HEALTHY
    assert checker.group_status("ready") is HealthStatus.UNHEALTHY
    assert checker.group_status("live") is HealthStatus.HEALTHY
    assert checker.overall_status() is HealthStatus.HEALTHY
    checker.start()  # another life of the process' telemetry
    assert not checker.draining


def test_an_unknown_component_is_an_error_that_lists_near_names(checker: HealthChecker) -> None:
    """A typo in a component's name is answered with the name that was meant."""
    checker.register("database", lambda: True)
    with pytest.raises(LookupError, match="did you mean 'database'"):
        checker.check_component("databse")
    with pytest.raises(KeyError, match="no health check 'zzz'"):
        checker.get_details("zzz")
    with pytest.raises(KeyError, match="no health check 'zzz'"):
        checker.override("zzz", HealthStatus.HEALTHY)


def test_a_check_may_ask_the_checker(checker: HealthChecker) -> None:
    """check_all() and even run() inside a check answer; a check does not wait for itself."""
    seen: list[object] = []

    def check() -> None:
        seen.append(checker.check_all()["inner"])
        seen.append(checker.run(0.2).verdicts["inner"].status)

    checker.register("inner", check, timeout=4)
    report = checker.run(LONG)
    assert seen == [HealthStatus.UNKNOWN, HealthStatus.UNKNOWN]
    assert report.verdicts["inner"].status is HealthStatus.HEALTHY


def test_a_removed_component_is_gone(checker: HealthChecker, release: threading.Event) -> None:
    """unregister() forgets a component, also while its check runs; its name is free again."""
    checker.register("db", lambda: release.wait(60), timeout=4)
    checker.start()
    checker.run(0.05)
    checker.unregister("db")
    checker.unregister("db")
    assert "db" not in checker.check_all()
    checker.register("db", lambda: True)
    settled(checker, "db", "healthy", "ok")


def test_the_module_is_the_face_of_the_current_checker(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """health.register() and its siblings act on the checker that configure() adopts."""
    monkeypatch.setattr(health, "_current", checker)
    health.register("db", lambda: HealthStatus.DEGRADED, critical=False)

    @health.check("cache")
    def _cache() -> None:
        return None

    seen: list[Transition] = []
    health.subscribe(seen.append)
    health.expect("queue")
    beats = health.heartbeat("worker", ttl=LONG)
    beats.beat()
    assert health.run(LONG).expected == 4
    until(lambda: len(seen) == 2)
    assert health.check_component("cache") is HealthStatus.HEALTHY
    assert health.check_all()["db"] is HealthStatus.DEGRADED
    assert health.get_details("db")["critical"] is False
    assert health.current().check_component("queue") is HealthStatus.UNKNOWN
    health.override("db", HealthStatus.HEALTHY)
    health.unregister("cache")
    assert isinstance(health.snapshot()["db"], HealthVerdict)
    health.start()
    assert health.group_status("live") is HealthStatus.HEALTHY
    health.drain()
    assert checker.draining
    health.stop()


def test_probes_need_no_import_of_their_own() -> None:
    """``health.probes`` is there as soon as ``health`` is, and other names are not."""
    from pepperpy_otel.health import probes

    assert health.__getattr__("probes") is probes is health.probes
    with pytest.raises(AttributeError, match="has no attribute 'prober'"):
        _ = health.prober  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["asgi", "wsgi", "grpc_servicer"])
def test_the_endpoints_are_imported_when_they_are_asked_for(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """asgi(), wsgi() and grpc_servicer() hand the checker and the arguments on."""
    from pepperpy_otel.health import checker as module

    class Endpoints:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **options: (name, arguments, options)

    monkeypatch.setattr(module, "_endpoints", Endpoints)
    monkeypatch.setattr(health, "_current", checker)
    assert getattr(health, way)("app", token="t") == (way, (checker, "app"), {"token": "t"})
