"""What one run came to, before any damping: from what the check returned or raised."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.stalls import NOISE, REPORTED
from pepperpy_otel.health.status import HealthReason, HealthResult, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

PASS, WARN, FAIL, TIMEOUT, INCONCLUSIVE = "pass", "warn", "fail", "timeout", "inconclusive"
#: Part of a run that we must have stood still for, so that a limit of its own is excused: on a
#: machine that is always busy a dependency that is gone must still be found out.
SHARE = 1 / 3
#: Characters of an error's text and of its traceback that are kept.
LONGEST_TEXT = 300
LONGEST_TRACEBACK = 4000
_TIMEOUT_ERRNOS = frozenset({errno.ETIMEDOUT, errno.EAGAIN, errno.EWOULDBLOCK})
_RESULTS = {
    HealthStatus.HEALTHY: (PASS, HealthReason.OK),
    HealthStatus.DEGRADED: (WARN, HealthReason.REPORTED),
    HealthStatus.UNHEALTHY: (FAIL, HealthReason.FAILED),
    HealthStatus.UNKNOWN: (INCONCLUSIVE, HealthReason.INCONCLUSIVE),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The undamped result of one run.

    Attributes:
        result: ``pass``, ``warn``, ``fail``, ``timeout`` or ``inconclusive``.
        reason: Why, should it become the verdict.
        summary: One line for a person.
        data: What the check returned beside its status.
        error: What it raised.
        traceback: Of the error, as text.
        again: Nothing was learnt about the component: run the check again, change no verdict.
    """

    result: str
    reason: HealthReason
    summary: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    traceback: str = ""
    again: bool = False

    @property
    def error_type(self) -> str | None:
        """What went wrong, in one word; ``None`` where nothing did."""
        if self.error is not None:
            return type(self.error).__qualname__
        if isinstance(said := self.data.get("error_type"), str):  # a probe, which never raises
            return said
        return self.reason.name.lower() if self.result in (FAIL, TIMEOUT) else None

    @property
    def looks_like_timeout(self) -> bool:
        """Whether a limit of the check's own, a driver's for example, has struck."""
        return self.result == FAIL and (
            self.data.get("timed_out") is True or _is_timeout(self.error)
        )


def returned(value: Any) -> Outcome:
    """Of a check that returned: only a status, a result, a bool and ``None`` are answers."""
    if value is None or value is True:
        return Outcome(PASS, HealthReason.OK)
    if value is False:
        return Outcome(FAIL, HealthReason.FAILED, "the check returned False")
    if isinstance(value, HealthStatus):
        value = HealthResult(value)
    if not (isinstance(value, HealthResult) and isinstance(value.status, HealthStatus)):
        return Outcome(
            FAIL,
            HealthReason.BAD_RETURN,
            f"bad return: a check may not return {_type_of(value)}; "
            "use a HealthStatus, a HealthResult, a bool or None",
        )
    result, reason = _RESULTS[value.status]
    try:
        return Outcome(result, reason, str(value.reason)[:LONGEST_TEXT], dict(value.data))
    except Exception as error:  # a reason or data of the wrong kind
        return raised(error)


def _type_of(value: Any) -> str:
    if isinstance(value, HealthResult):
        return f"a HealthResult whose status is {type(value.status).__name__}"
    return type(value).__name__


def raised(error: BaseException) -> Outcome:
    """Of a check that raised, ``SystemExit`` and ``CancelledError`` included."""
    try:
        text = str(error)
    except Exception:
        text = "<no text>"
    # The last lines name the place; a RecursionError has thousands of them.
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-8))
    summary = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Outcome(
        FAIL,
        HealthReason.FAILED,
        summary[:LONGEST_TEXT],
        error=error,
        traceback=lines[-LONGEST_TRACEBACK:],
    )


def overran(timeout: float, *, asynchronous: bool) -> Outcome:
    """Of a run that did not end within its timeout (seconds)."""
    if asynchronous:
        return Outcome(TIMEOUT, HealthReason.TIMEOUT, f"timed out after {timeout:g} s")
    return Outcome(TIMEOUT, HealthReason.TIMEOUT, f"took longer than its timeout of {timeout:g} s")


def again(why: str) -> Outcome:
    """Of a run that says nothing about the component."""
    return Outcome(INCONCLUSIVE, HealthReason.INCONCLUSIVE, why, again=True)


def is_our_fault(outcome: Outcome, stalled: float, elapsed: float) -> bool:
    """A limit of the check's own may have struck because we stood still, and not the dependency.

    A driver says so by its error; where a check says no more than that it failed, a longer stall is
    enough to ask again.
    """
    if outcome.result != FAIL or stalled < SHARE * elapsed:
        return False
    return stalled >= (NOISE if outcome.looks_like_timeout else REPORTED)


def _is_timeout(error: BaseException | None) -> bool:
    """Drivers wrap the timeout of their socket, so the causes count as well."""
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, TimeoutError) or getattr(error, "errno", None) in _TIMEOUT_ERRNOS:
            return True
        # concurrent.futures' and asyncio's are other classes before 3.11; psycopg, redis, httpx
        # and others have their own.
        names = [each.__name__.lower() for each in type(error).__mro__]
        if any("timeout" in name or "timedout" in name for name in names):
            return True
        error = error.__cause__ or error.__context__
    return False
