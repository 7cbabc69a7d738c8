"""One component as the checker holds it: what is known of it, and the verdict at a moment.

Reading takes no lock, so that a signal handler, a forked child and a callback of the metrics may
read while a worker writes: every change is the replacement of one attribute.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded
from pepperpy_otel.health.status import HealthReason, HealthStatus, HealthVerdict
from pepperpy_otel.health.verdicts import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.flight import Flight
    from pepperpy_otel.health.outcome import Outcome
    from pepperpy_otel.health.registration import Registration

    #: (status, reason, summary, data) at that moment, monotonic seconds.
    Judged = tuple[HealthStatus, HealthReason, str, dict[str, Any]]
    Judge = Callable[[float], Judged]

#: Seconds that a cancelled coroutine has to end before it counts as still running.
GRACE = 1.0


class Component(ABC):
    """What all components have: a name, a place in the whole, and perhaps somebody's override.

    Args:
        name: Of the component.
        critical: Whether it makes the whole unhealthy.
        groups: Where it counts.
    """

    #: Whether it is there without anybody having registered it.
    builtin = False
    #: Seconds between two looks.
    interval = math.inf

    def __init__(self, name: str, critical: bool, groups: frozenset[str]) -> None:
        self.name = name
        self.critical = critical
        self.groups = groups
        self.override: tuple[HealthVerdict, float] | None = None
        #: The verdict that subscribers know.
        self.told = HealthVerdict(
            HealthStatus.UNKNOWN, HealthReason.PENDING, "pending", critical, groups
        )
        #: The entry of the timetable that counts; older ones are skipped.
        self.ticket = 0

    def at(self, now: float) -> HealthVerdict:
        """The verdict at that moment (monotonic seconds)."""
        override = self.override
        if override is not None and now < override[1]:
            return override[0]
        return self.observed(now)

    def begins_well(self, before: HealthVerdict, after: HealthVerdict) -> bool:
        """Whether there is nothing to tell: what is built in was well before anybody looked."""
        pending = before.reason is HealthReason.PENDING
        return self.builtin and pending and after.status is HealthStatus.HEALTHY

    @abstractmethod
    def observed(self, now: float) -> HealthVerdict:
        """The verdict, whatever anybody says about it."""

    @abstractmethod
    def forget(self) -> None:
        """Know nothing any more, in a forked child."""

    def say(self, status: HealthStatus, reason: str, until: float) -> None:
        """Let this be the verdict until that moment (monotonic seconds)."""
        summary = f"override: {reason}" if reason else "override"
        verdict = HealthVerdict(status, HealthReason.OVERRIDE, summary, self.critical, self.groups)
        self.override = (verdict, until)


class Checked(Component):
    """A component with a check that runs now and then.

    Args:
        entry: Its registration.
    """

    def __init__(self, entry: Registration) -> None:
        super().__init__(entry.name, entry.critical, entry.groups)
        self.entry = entry
        self.interval = entry.interval
        self.machine = Machine(entry)
        self.flight: Flight | None = None
        #: Whether its check has run since it was last closed.
        self.used = False
        #: Whether it has ever been run, in this process.
        self.tried = False
        #: Runs in a row that said nothing about the component.
        self.inconclusive = 0

    def observed(self, now: float) -> HealthVerdict:
        """What the machine says, or that the last run has not ended."""
        flight = self.flight
        if flight is not None and flight.overran_at is not None and flight.begun_at is not None:
            return self._overrun(flight, flight.begun_at, flight.overran_at, now)
        return self.machine.at(now)

    def _overrun(
        self, flight: Flight, begun_at: float, overran_at: float, now: float
    ) -> HealthVerdict:
        verdict = self.machine.verdict  # it does not expire: that it runs is known now
        running = f"still running for {now - begun_at:.1f} s"
        reason, summary = HealthReason.STILL_RUNNING, running
        if flight.asynchronous and not flight.blocks:
            reason, summary = HealthReason.TIMEOUT, f"timed out after {self.entry.timeout:g} s"
            if now - overran_at > GRACE:
                reason, summary = HealthReason.STILL_RUNNING, f"{summary}, {running}"
        elif flight.kill is not None:
            reason, summary = HealthReason.TIMEOUT, f"timed out after {self.entry.timeout:g} s"
        return replace(verdict, reason=reason, summary=summary, running_since=begun_at)

    @property
    def suspect(self) -> bool:
        """Whether it has begun to fail or to recover."""
        return self.machine.verdict.reason is HealthReason.SUSPECT

    def take(self, outcome: Outcome, now: float, duration: float) -> None:
        """Take the outcome of a run."""
        self.inconclusive = 0
        self.machine.take(outcome, now, duration)

    def skip(self, outcome: Outcome, now: float) -> None:
        """Take note of a run that said nothing."""
        self.inconclusive += 1
        self.machine.skip(outcome, now)

    def forget(self) -> None:
        """Know nothing any more, in a forked child: the run in the air stays with the parent."""
        self.machine = Machine(self.entry)
        # A check that forks is not for its child to begin with: that would fork for ever.
        self.tried = self.flight is not None
        self.flight = None
        self.inconclusive = 0


class Derived(Component):
    """A component that is judged when somebody asks: nothing runs, so nothing can hang.

    Args:
        name: Of the component.
        judge: Quick, without input or output; given the time (monotonic seconds).
        critical: Whether it makes the whole unhealthy.
        groups: Where it counts.
        interval: Seconds between two looks for changes.
        builtin: Whether nobody has registered it.
        forget: Called in a forked child.
    """

    def __init__(
        self,
        name: str,
        judge: Judge,
        *,
        critical: bool,
        groups: frozenset[str],
        interval: float,
        builtin: bool,
        forget: Callable[[], object] = bool,
    ) -> None:
        super().__init__(name, critical, groups)
        self.interval = interval
        self.builtin = builtin
        self._judge = judge
        self._forget = forget
        self._last: HealthVerdict | None = None

    def observed(self, now: float) -> HealthVerdict:
        """What the judge says now."""
        status, reason, summary = HealthStatus.UNKNOWN, HealthReason.INCONCLUSIVE, "no judgement"
        data: dict[str, Any] = {}
        with guarded(f"health check {self.name}"):
            status, reason, summary, data = self._judge(now)
        last = self._last
        same = last is not None and last.status is status
        since = last.since if last is not None and same else datetime.now(timezone.utc)
        self._last = verdict = HealthVerdict(
            *(status, reason, summary, self.critical, self.groups, data, None),
            None if reason is HealthReason.PENDING else now,
            since,
        )
        return verdict

    def forget(self) -> None:
        """Know nothing any more, in a forked child."""
        self._last = None
        self._forget()
