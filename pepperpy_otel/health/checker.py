"""``HealthChecker``: components, their checks, and the verdicts on them.

Here each round runs on demand, every check in a daemon thread of its own with its timeout. The
background scheduler with expiry and hysteresis, the gauges and the endpoints are the health
issue's; the names and types here are already those of the public contract.
"""

from __future__ import annotations

import inspect
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.status import (
    HealthReport,
    HealthResult,
    HealthStatus,
    HealthVerdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[], Any]

#: The built-in component: this process still starts and runs threads. It never depends on
#: anything outside, so that a checker without registrations has something true to say.
PROCESS = "process"
#: Seconds within which a new thread has to run before the process counts as stalled.
STALL = 1.0
GROUPS = frozenset({"live", "ready", "startup"})
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class _Registration:
    check: Check
    critical: bool
    groups: tuple[str, ...]
    timeout: float


class HealthChecker:
    """An independent set of components and checks; needs no ``configure()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, _Registration] = {
            PROCESS: _Registration(_threads_run, critical=True, groups=("live",), timeout=STALL)
        }
        self._expected: dict[str, None] = {}
        self._verdicts: dict[str, HealthVerdict] = {}

    def register(
        self,
        name: str,
        check: Check,
        *,
        critical: bool = True,
        groups: Iterable[str] = ("ready",),
        interval: float = 10.0,
        timeout: float | None = None,
    ) -> None:
        """Add a component.

        Args:
            name: Letters, digits, ``-``, ``_`` and ``.``.
            check: Called without arguments, sync or async; see ``HealthResult`` for what it may
                return. Raising means unhealthy.
            critical: Whether its failure makes the whole unhealthy.
            groups: Any of ``live``, ``ready``, ``startup``.
            interval: Seconds between two background runs.
            timeout: Seconds that a run may take; by default the smaller of 2 and half the interval.

        Raises:
            ValueError: For a bad or known name, an unknown or empty group, a timeout that is not
                below the interval. The first registration stays.
        """
        named = tuple(groups)
        limit = min(2.0, interval / 2) if timeout is None else timeout
        _validate(name, named, interval, limit)
        with self._lock:
            if name in self._checks:
                raise ValueError(f"health check {name!r} is registered already")
            self._checks[name] = _Registration(check, critical, named, limit)

    def check(self, name: str, **options: Any) -> Callable[[Check], Check]:
        """Decorate a function that is to be registered as the check ``name``."""

        def decorate(function: Check) -> Check:
            self.register(name, function, **options)
            return function

        return decorate

    def expect(self, *names: str) -> None:
        """Declare components that must be covered: one without a check is UNKNOWN."""
        with self._lock:
            self._expected.update(dict.fromkeys(names))

    def run(self, timeout: float | None = None) -> HealthReport:
        """Run every check now, side by side.

        Args:
            timeout: Seconds for the whole round; ``None`` waits for each check's own timeout.
        """
        started = time.monotonic()
        with self._lock:
            checks = dict(self._checks)
            expected = dict.fromkeys([*self._expected, *checks])
        runs = {name: _Run(name, entry) for name, entry in checks.items()}
        for run in runs.values():
            run.finish(None if timeout is None else started + timeout)
        verdicts = {
            name: runs[name].verdict
            if name in runs
            else HealthVerdict(HealthStatus.UNKNOWN, "no check")
            for name in expected
        }
        with self._lock:
            self._verdicts.update(verdicts)
        return HealthReport(verdicts, len(checks), len(expected), time.monotonic() - started)

    def check_all(self) -> dict[str, HealthStatus]:
        """The status of every component, by name."""
        return {name: verdict.status for name, verdict in self.run().verdicts.items()}

    def check_component(self, name: str) -> HealthStatus:
        """The status of one component.

        Raises:
            KeyError: For an unknown name, with the near ones.
        """
        return self._verdict(name).status

    def get_details(self, name: str) -> dict[str, Any]:
        """Status, reason, data and age in seconds of one component.

        Raises:
            KeyError: For an unknown name, with the near ones.
        """
        verdict = self._verdict(name)
        age = None if verdict.checked_at is None else time.monotonic() - verdict.checked_at
        return {
            "status": verdict.status.value,
            "reason": verdict.reason,
            "critical": verdict.critical,
            "data": dict(verdict.data),
            "duration": verdict.duration,
            "age": age,
        }

    def _verdict(self, name: str) -> HealthVerdict:
        with self._lock:
            entry = self._checks.get(name)
            known = [*self._expected, *self._checks]
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known)
            hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
            raise KeyError(f"no health check {name!r}{hint}")
        if entry is None:
            return HealthVerdict(HealthStatus.UNKNOWN, "no check")
        run = _Run(name, entry)
        run.finish(None)
        with self._lock:
            self._verdicts[name] = run.verdict
        return run.verdict


def _validate(name: str, groups: tuple[str, ...], interval: float, timeout: float) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"health check name {name!r} may hold letters, digits, '-', '_' and '.'")
    if not groups:
        raise ValueError(f"health check {name!r} is in no group; use {sorted(GROUPS)}")
    for group in groups:
        if group not in GROUPS:
            raise ValueError(
                f"health check {name!r}: unknown group {group!r}; use {sorted(GROUPS)}"
            )
    if not 0 < timeout < interval:
        raise ValueError(
            f"health check {name!r}: timeout {timeout:g} s is not below the interval {interval:g} s"
        )


def _threads_run() -> HealthResult:
    return HealthResult(HealthStatus.HEALTHY, "threads run")


class _Run:
    """One run of one check in a daemon thread; what comes after the timeout is not waited for."""

    def __init__(self, name: str, entry: _Registration) -> None:
        self._entry = entry
        self._started = time.monotonic()
        self._ended = self._started
        self._done = threading.Event()
        self._outcome = HealthResult(HealthStatus.UNKNOWN)
        self._result = self._outcome
        threading.Thread(target=self._run, name=f"pepperpy-otel-check-{name}", daemon=True).start()

    def _run(self) -> None:
        try:
            returned = self._entry.check()
            if inspect.isawaitable(returned):
                import asyncio  # 14 ms at start-up that an app without async checks need not pay

                returned = asyncio.run(_await(returned))
            self._outcome = _result(returned)
        except BaseException as error:  # SystemExit in a check must not end anything either
            self._outcome = HealthResult(HealthStatus.UNHEALTHY, f"{type(error).__name__}: {error}")
        finally:
            self._ended = time.monotonic()
            self._done.set()

    def finish(self, deadline: float | None) -> None:
        """Wait for the end, the check's own timeout or ``deadline`` (monotonic seconds)."""
        limit = self._started + self._entry.timeout
        if deadline is not None:
            limit = min(limit, deadline)
        if self._done.wait(max(0.0, limit - time.monotonic())):
            self._result = self._outcome
        else:  # a result that comes later is discarded
            self._result = self._overrun()
            self._ended = time.monotonic()

    def _overrun(self) -> HealthResult:
        running = time.monotonic() - self._started
        if running < self._entry.timeout:
            return HealthResult(HealthStatus.UNKNOWN, "pending")
        return HealthResult(HealthStatus.UNHEALTHY, f"still running for {running:.1f} s")

    @property
    def verdict(self) -> HealthVerdict:
        result = self._result
        return HealthVerdict(
            result.status,
            result.reason,
            self._entry.critical,
            result.data,
            self._ended - self._started,
            self._ended,
        )


async def _await(awaitable: Any) -> Any:
    return await awaitable


def _result(returned: Any) -> HealthResult:
    if isinstance(returned, HealthResult):
        return returned
    if isinstance(returned, HealthStatus):
        return HealthResult(returned)
    if returned is None or returned is True:
        return HealthResult(HealthStatus.HEALTHY)
    if returned is False:
        return HealthResult(HealthStatus.UNHEALTHY, "the check returned False")
    return HealthResult(
        HealthStatus.UNHEALTHY,
        f"a check may not return {type(returned).__name__}; use a HealthStatus, a bool or None",
    )
