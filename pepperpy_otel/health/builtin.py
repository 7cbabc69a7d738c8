"""The components that are always there: this process can judge its checks, and its loop turns.

They depend on nothing outside, so ``live`` has something true to say with nothing registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health import outcome as outcomes
from pepperpy_otel.health.component import Derived
from pepperpy_otel.health.registration import LIVE
from pepperpy_otel.health.scheduler import DEAD
from pepperpy_otel.health.status import HealthReason, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.component import Judge, Judged
    from pepperpy_otel.health.scheduler import Scheduler
    from pepperpy_otel.health.status import HealthResult

#: The scheduler lives, or there is nothing for it to do.
SCHEDULER = "health.scheduler"
#: The event loop that was running at start() turns; UNHEALTHY only after ``DEAD`` seconds.
EVENT_LOOP = "health.event_loop"


def members(scheduler: Callable[[], Scheduler]) -> list[Derived]:
    """The built-in local members of the group ``live``.

    Args:
        scheduler: Gives the checker's.
    """
    return [
        builtin(SCHEDULER, lambda now: _scheduler(scheduler()), critical=True),
        builtin(EVENT_LOOP, lambda now: _event_loop(scheduler()), critical=True),
    ]


def builtin(
    name: str,
    judge: Judge,
    *,
    critical: bool,
    groups: frozenset[str] = frozenset({LIVE}),
    interval: float = float("inf"),
) -> Derived:
    """A component that nobody has registered."""
    return Derived(name, judge, critical=critical, groups=groups, interval=interval, builtin=True)


def from_result(judge: Callable[[], HealthResult]) -> Judge:
    """Take what a function of no arguments returns, as a check would."""

    def judged(now: float) -> Judged:
        value = outcomes.returned(judge())
        return _STATUS[value.result], value.reason, value.summary, dict(value.data)

    return judged


_STATUS = {
    outcomes.PASS: HealthStatus.HEALTHY,
    outcomes.WARN: HealthStatus.DEGRADED,
    outcomes.FAIL: HealthStatus.UNHEALTHY,
    outcomes.INCONCLUSIVE: HealthStatus.UNKNOWN,
}


def _scheduler(scheduler: Scheduler) -> Judged:
    silent = scheduler.silent_for
    if silent > DEAD:
        words = f"the scheduler has not run for {silent:.0f} s"
        return HealthStatus.UNHEALTHY, HealthReason.FAILED, words, {"beat_age": silent}
    words = "the scheduler runs" if scheduler.running else "nothing to schedule"
    return HealthStatus.HEALTHY, HealthReason.OK, words, {}


def _event_loop(scheduler: Scheduler) -> Judged:
    watch = scheduler.runs.loops.captured
    if watch is None or not watch.loop.is_running():
        return HealthStatus.HEALTHY, HealthReason.OK, "no event loop of the application runs", {}
    silent = watch.silent()
    watch.ask()
    if silent > DEAD:
        words = f"the event loop has not turned for {silent:.0f} s"
        return HealthStatus.UNHEALTHY, HealthReason.FAILED, words, {"silent_age": silent}
    return HealthStatus.HEALTHY, HealthReason.OK, "the event loop turns", {}
