"""Hysteresis and expiry, with the time as an argument."""

from __future__ import annotations

import asyncio
import errno

import pytest

from pepperpy_otel.health.outcome import Outcome, again, is_our_fault, overran, raised, returned
from pepperpy_otel.health.registration import Registration
from pepperpy_otel.health.status import HealthReason, HealthResult, HealthStatus
from pepperpy_otel.health.verdicts import Machine

PASS, FAIL, WARN = returned(True), returned(False), returned(HealthStatus.DEGRADED)
BAD, LATE = returned(0), overran(2.0, asynchronous=False)


def _machine(**options: int) -> Machine:
    return Machine(Registration("db", bool, **options))  # type: ignore[arg-type]


def _after(machine: Machine, *outcomes: Outcome) -> tuple[str, str]:
    for second, outcome in enumerate(outcomes):
        machine.take(outcome, float(second), 0.01)
    verdict = machine.at(float(len(outcomes)))
    return verdict.status.value, verdict.reason.value


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([PASS], ("healthy", "ok")),
        ([FAIL], ("unhealthy", "failed")),
        ([WARN], ("degraded", "reported")),
        ([PASS, FAIL], ("degraded", "suspect")),
        ([PASS, FAIL, FAIL, FAIL], ("unhealthy", "failed")),
        ([PASS, FAIL, FAIL, PASS, FAIL, FAIL], ("degraded", "suspect")),
        ([FAIL, PASS], ("degraded", "suspect")),
        ([FAIL, PASS, PASS], ("healthy", "ok")),
        ([FAIL, PASS, FAIL], ("degraded", "suspect")),
        ([FAIL, PASS, FAIL, FAIL, FAIL], ("unhealthy", "failed")),
        ([PASS] + [WARN] * 9, ("degraded", "reported")),
        ([WARN, PASS], ("degraded", "suspect")),
        ([WARN, PASS, PASS], ("healthy", "ok")),
        ([WARN, FAIL], ("degraded", "suspect")),
        ([PASS, BAD], ("unhealthy", "bad return")),
        ([PASS, LATE], ("unhealthy", "timed out")),
        ([PASS, LATE, PASS], ("degraded", "suspect")),
        ([PASS, LATE, PASS, PASS], ("healthy", "ok")),
        ([PASS, returned(HealthStatus.UNKNOWN)], ("unknown", "inconclusive")),
        ([PASS, returned(HealthStatus.UNKNOWN), FAIL], ("unhealthy", "failed")),
    ],
)
def test_the_thresholds_count_in_a_row(outcomes: list[Outcome], expected: tuple[str, str]) -> None:
    """From single outcomes to the verdict, by the defaults of three and two."""
    assert _after(_machine(), *outcomes) == expected


def test_the_thresholds_can_be_chosen() -> None:
    """With one and one every result counts at once."""
    assert _after(_machine(fail_after=1), PASS, FAIL) == ("unhealthy", "failed")
    assert _after(_machine(recover_after=1), FAIL, PASS) == ("healthy", "ok")


def test_a_suspicion_quotes_the_error_and_counts() -> None:
    """The one line says how often it failed, and how."""
    machine = _machine()
    _after(machine, PASS, raised(ConnectionRefusedError("refused")))
    verdict = machine.verdict
    assert verdict.summary == (
        "suspect (1 of 3 failures in a row): ConnectionRefusedError: refused"
    )
    assert verdict.consecutive_failures == 1
    assert "ConnectionRefusedError" in machine.traceback
    machine.take(PASS, 2.0, 0.01)
    assert machine.verdict.summary == "recovering: 1 of 2 successes in a row"


def test_a_verdict_expires() -> None:
    """Three intervals and a timeout after the last run nothing is known, and that is said."""
    machine = _machine()
    machine.take(PASS, 100.0, 0.01)
    assert machine.expires_at == 100 + 3 * 10 + 2
    assert machine.at(131.9).status is HealthStatus.HEALTHY
    machine.skip(again("this process stood still for 3 s meanwhile"), 110.0)
    stale = machine.at(132.0)
    assert (stale.status, stale.reason) == (HealthStatus.UNKNOWN, HealthReason.STALE)
    assert stale.summary == (
        "stale: no run has ended for 32 s (this process stood still for 3 s meanwhile); "
        "it was healthy then"
    )
    assert machine.at(133.0) is stale
    machine.take(FAIL, 140.0, 0.01)
    assert machine.at(140.0).status is HealthStatus.UNHEALTHY
    assert machine.at(172.0).summary == "stale: no run has ended for 32 s; it was unhealthy then"
    assert [result for _, result, _ in machine.history] == ["pass", "inconclusive", "fail"]


def test_a_reason_is_a_word() -> None:
    """It prints and compares as what it says."""
    assert str(HealthReason.STILL_RUNNING) == "still running" == HealthReason.STILL_RUNNING


def test_since_tells_when_the_status_began() -> None:
    """It stays while the status stays, whatever the reason becomes."""
    machine = _machine()
    machine.take(FAIL, 1.0, 0.01)
    first = machine.verdict.since
    machine.take(BAD, 2.0, 0.01)
    assert machine.verdict.since == first
    machine.take(PASS, 3.0, 0.01)
    assert machine.verdict.since >= first


class _Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_what_is_raised_becomes_one_line() -> None:
    """Type and text, or what there is of them; the text and the traceback are bounded."""
    assert raised(RuntimeError()).summary == "RuntimeError"
    assert raised(_Wordless()).summary == "_Wordless: <no text>"
    long = raised(RuntimeError("x" * 10_000))
    assert len(long.summary) == 300
    assert len(long.traceback) <= 4000
    assert long.error_type == "RuntimeError"
    assert BAD.error_type == "bad_return"
    assert LATE.error_type == "timeout"
    assert PASS.error_type is None


def _caused(cause: BaseException) -> Exception:
    error = RuntimeError("could not connect")
    error.__cause__ = cause
    return error


class _ReadTimeout(Exception):
    """As httpx and others have their own."""


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        asyncio.TimeoutError(),
        OSError(errno.EAGAIN, "try again"),
        _ReadTimeout(),
        _caused(TimeoutError()),
        _caused(_caused(OSError(errno.ETIMEDOUT, "timed out"))),
    ],
)
def test_limits_of_drivers_are_known(error: BaseException) -> None:
    """A driver's own timeout that strikes while we stand still is our fault."""
    assert is_our_fault(raised(error), 0.03, 0.08)
    assert not is_our_fault(raised(error), 0.01, 0.01)
    assert not is_our_fault(raised(error), 0.03, 0.2)  # it had time enough


def test_probes_say_in_their_data_what_they_do_not_raise() -> None:
    """``timed_out`` and ``error_type`` of a result count like those of an error."""
    data = {"timed_out": True, "error_type": "ReadTimeout"}
    said = returned(HealthResult(HealthStatus.UNHEALTHY, "no answer", data))
    assert said.error_type == "ReadTimeout"
    assert is_our_fault(said, 0.03, 0.05)
    refused = returned(HealthResult(HealthStatus.UNHEALTHY, "refused", {"timed_out": False}))
    assert not is_our_fault(refused, 0.03, 0.03)
    assert refused.error_type == "failed"


def test_other_failures_need_a_longer_stall() -> None:
    """A refused connection is believed, unless the process stood still for long."""
    refused = raised(ConnectionRefusedError("refused"))
    assert not is_our_fault(refused, 0.05, 0.05)
    assert is_our_fault(refused, 0.2, 0.2)
    assert not is_our_fault(PASS, 3.0, 3.0)
    circle = RuntimeError("a")
    circle.__cause__ = circle
    assert not is_our_fault(raised(circle), 0.05, 0.05)
