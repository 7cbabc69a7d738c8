"""The health checker, as far as this version goes: verdicts on demand."""

from __future__ import annotations

import threading

import pytest

from pepperpy_otel import health
from pepperpy_otel.health import HealthChecker, HealthReport, HealthResult, HealthStatus


@pytest.fixture
def checker() -> HealthChecker:
    return HealthChecker()


def test_a_fresh_checker_has_a_true_built_in_verdict(checker: HealthChecker) -> None:
    """Without registrations there is one component, and it says that threads run."""
    assert checker.check_all() == {"process": HealthStatus.HEALTHY}
    assert checker.get_details("process")["reason"] == "threads run"


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        (None, HealthStatus.HEALTHY),
        (True, HealthStatus.HEALTHY),
        (False, HealthStatus.UNHEALTHY),
        (HealthStatus.DEGRADED, HealthStatus.DEGRADED),
        (HealthResult(HealthStatus.DEGRADED, "slow", {"ms": 7}), HealthStatus.DEGRADED),
        (0, HealthStatus.UNHEALTHY),
        (1, HealthStatus.UNHEALTHY),
        ("", HealthStatus.UNHEALTHY),
        ({}, HealthStatus.UNHEALTHY),
    ],
)
def test_what_a_check_may_return(
    checker: HealthChecker, returned: object, status: HealthStatus
) -> None:
    """Only a status, a result, a bool or None are answers; any other type is unhealthy."""
    checker.register("db", lambda: returned)
    assert checker.check_component("db") is status


def test_a_wrong_type_is_named(checker: HealthChecker) -> None:
    """The reason names the type that a check returned by mistake."""
    checker.register("db", lambda: 0)
    assert "int" in checker.get_details("db")["reason"]


@pytest.mark.parametrize("error", [RuntimeError("no route"), SystemExit(3), KeyboardInterrupt()])
def test_a_raising_check_is_unhealthy(checker: HealthChecker, error: BaseException) -> None:
    """Whatever a check raises is a failure that names the type, and ends nothing."""

    def fails() -> None:
        raise error

    checker.register("db", fails)
    assert checker.check_component("db") is HealthStatus.UNHEALTHY
    assert type(error).__name__ in checker.get_details("db")["reason"]


def test_async_checks_and_plain_functions_that_return_an_awaitable(checker: HealthChecker) -> None:
    """Both kinds of asynchronous checks are awaited."""

    @checker.check("coroutine")
    async def _check() -> bool:
        return True

    checker.register("awaitable", lambda: _check())
    assert checker.check_component("coroutine") is HealthStatus.HEALTHY
    assert checker.check_component("awaitable") is HealthStatus.HEALTHY


def test_a_check_that_hangs_is_unhealthy_and_holds_up_nobody(checker: HealthChecker) -> None:
    """After its timeout a check counts as still running; a result that comes later is discarded."""
    release = threading.Event()
    checker.register("hung", lambda: release.wait(10), interval=1, timeout=0.05)
    checker.register("well", lambda: None)
    report = checker.run()
    assert report.verdicts["hung"].status is HealthStatus.UNHEALTHY
    assert "still running" in report.verdicts["hung"].reason
    assert report.verdicts["well"].status is HealthStatus.HEALTHY
    assert report.status is HealthStatus.UNHEALTHY
    release.set()
    assert report.verdicts["hung"].status is HealthStatus.UNHEALTHY


def test_a_round_with_a_budget_does_not_judge_what_may_still_answer(
    checker: HealthChecker,
) -> None:
    """A check inside its own timeout when the round ends is unknown, never unhealthy."""
    release = threading.Event()
    checker.register("slow", lambda: release.wait(10), interval=10, timeout=5)
    report = checker.run(timeout=0.02)
    release.set()
    assert report.verdicts["slow"].status is HealthStatus.UNKNOWN


def test_expected_components_without_a_check_are_unknown(checker: HealthChecker) -> None:
    """A declared component that nobody checks is UNKNOWN, and the report counts it."""
    checker.expect("payments")
    report = checker.run()
    assert report.verdicts["payments"].status is HealthStatus.UNKNOWN
    assert str(report) == "unknown: covered 1 of 2"
    assert checker.check_component("payments") is HealthStatus.UNKNOWN
    assert checker.get_details("payments")["age"] is None


def test_what_is_not_critical_degrades_only(checker: HealthChecker) -> None:
    """A failing component that is not critical makes the whole degraded, not unhealthy."""
    checker.register("cache", lambda: False, critical=False)
    assert checker.run().status is HealthStatus.DEGRADED
    assert HealthReport({}, 0, 0, 0.0).status is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a/b"}, "a/b"),
        ({"groups": ()}, "no group"),
        ({"groups": ("redy",)}, "redy"),
        ({"interval": 1.0, "timeout": 1.0}, "not below the interval"),
        ({"timeout": 0}, "not below the interval"),
    ],
)
def test_bad_registrations_are_refused(
    checker: HealthChecker, options: dict[str, object], words: str
) -> None:
    """A registration that cannot work is a ValueError that names what is wrong."""
    arguments = {"name": "db", "check": lambda: None, **options}
    with pytest.raises(ValueError, match=words):
        checker.register(**arguments)  # type: ignore[arg-type]


def test_the_first_registration_of_a_name_stays(checker: HealthChecker) -> None:
    """A duplicate name is refused and changes nothing."""
    checker.register("db", lambda: True)
    with pytest.raises(ValueError, match="'db' is registered already"):
        checker.register("db", lambda: False)
    assert checker.check_component("db") is HealthStatus.HEALTHY


def test_an_unknown_component_is_an_error_that_lists_near_names(checker: HealthChecker) -> None:
    """A typo in a component's name is answered with the name that was meant."""
    checker.register("database", lambda: True)
    with pytest.raises(LookupError, match="did you mean 'database'"):
        checker.check_component("databse")
    with pytest.raises(KeyError, match="no health check 'zzz'"):
        checker.get_details("zzz")


def test_the_module_is_the_face_of_the_current_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """health.register() and its siblings act on the checker that configure() adopts."""
    monkeypatch.setattr(health, "_current", HealthChecker())
    health.register("db", lambda: HealthStatus.DEGRADED, critical=False)

    @health.check("cache")
    def _cache() -> None:
        return None

    health.expect("queue")
    assert health.check_component("cache") is HealthStatus.HEALTHY
    assert health.check_all()["db"] is HealthStatus.DEGRADED
    assert health.get_details("db")["critical"] is False
    assert health.run().expected == 4
    assert health.current().check_component("queue") is HealthStatus.UNKNOWN
