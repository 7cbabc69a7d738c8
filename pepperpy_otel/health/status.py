"""The vocabulary of health: what a check may say and what is made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.trace import SpanContext


class HealthStatus(Enum):
    """How a component is.

    ``UNKNOWN`` means that the check never ran or that its last verdict expired; it counts as
    unhealthy for readiness.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


#: From best to worst: the overall status is the worst one.
SEVERITY = (
    HealthStatus.HEALTHY,
    HealthStatus.DEGRADED,
    HealthStatus.UNKNOWN,
    HealthStatus.UNHEALTHY,
)


class HealthReason(str, Enum):
    """Why a verdict is what it is, in one word for a program; the summary is for a person."""

    #: The last runs passed.
    OK = "ok"
    #: The check itself says that the component is degraded.
    REPORTED = "reported"
    #: The runs fail.
    FAILED = "failed"
    #: In the band of the hysteresis: it has begun to fail, or to recover.
    SUSPECT = "suspect"
    #: A run took longer than its timeout and has ended since.
    TIMEOUT = "timed out"
    #: A run takes longer than its timeout and cannot be ended; it is not started again.
    STILL_RUNNING = "still running"
    #: The last verdict is too old to mean anything.
    STALE = "stale"
    #: No run has ended yet.
    PENDING = "pending"
    #: Declared by ``expect()``, but nobody checks it.
    NO_CHECK = "no check"
    #: The check returned something that is no answer.
    BAD_RETURN = "bad return"
    #: The check itself says that it does not know.
    INCONCLUSIVE = "inconclusive"
    #: A person has said so with ``override()``.
    OVERRIDE = "override"
    #: The process is about to end.
    DRAINING = "draining"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class HealthResult:
    """What a check may return. It may also return a ``HealthStatus``, a bool or ``None`` (healthy).

    Attributes:
        status: How the component is.
        reason: One line for a person.
        data: Further facts, shown by ``get_details()`` only.
    """

    status: HealthStatus
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """What the checker holds of one component.

    Attributes:
        status: How the component is.
        reason: Why, in one word.
        summary: One line for a person. It may quote an error: not for a public page.
        critical: Whether it makes the whole unhealthy; one that is not counts as degraded.
        groups: ``live``, ``ready``, ``startup``.
        data: What the check returned beside its status.
        duration: Seconds that the last run took, ``None`` before the first one.
        checked_at: Monotonic seconds of the end of the last run, ``None`` before the first one.
        since: Wall clock (UTC) of the moment when the status became what it is.
        consecutive_failures: Runs that failed in a row.
        running_since: Monotonic seconds of the start of a run that overran and has not ended.
    """

    status: HealthStatus
    reason: HealthReason = HealthReason.OK
    summary: str = ""
    critical: bool = True
    groups: frozenset[str] = frozenset()
    data: Mapping[str, Any] = field(default_factory=dict)
    duration: float | None = None
    checked_at: float | None = None
    since: datetime = field(default_factory=_utc_now)
    consecutive_failures: int = 0
    running_since: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last run ended; ``None`` when none has."""
        return None if self.checked_at is None else time.monotonic() - self.checked_at

    @property
    def running_for(self) -> float | None:
        """Seconds that an overrun check has been running; ``None`` when it is not."""
        return None if self.running_since is None else time.monotonic() - self.running_since

    @property
    def weight(self) -> HealthStatus:
        """The status as it counts in the whole: what is not critical degrades it at most."""
        if not self.critical and self.status is not HealthStatus.HEALTHY:
            return HealthStatus.DEGRADED
        return self.status


def worst(verdicts: Iterable[HealthVerdict]) -> HealthStatus:
    """The worst status that counts; HEALTHY when there is none."""
    weights = [verdict.weight for verdict in verdicts]
    return max(weights, key=SEVERITY.index, default=HealthStatus.HEALTHY)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One round over all components.

    Attributes:
        verdicts: Name → verdict, the built-in components included.
        covered: How many of the expected components have a check.
        expected: How many are declared or registered; what is built in does not count.
        elapsed: Seconds that the round took.
    """

    verdicts: Mapping[str, HealthVerdict]
    covered: int
    expected: int
    elapsed: float

    @property
    def status(self) -> HealthStatus:
        """The worst status; a component that is not critical makes the whole degraded at most."""
        return worst(self.verdicts.values())

    def __str__(self) -> str:
        return f"{self.status.value}: covered {self.covered} of {self.expected}"


class HealthRun(NamedTuple):
    """One run of one check, for metrics and spans.

    Attributes:
        name: The component.
        started_at: UNIX seconds.
        ended_at: UNIX seconds; of a run that overran, the moment when that was found.
        result: ``pass``, ``warn``, ``fail``, ``timeout`` or ``inconclusive``, undamped.
        summary: One line for a person.
        error: What the check raised. Do not keep it: its traceback holds the check's frames.
    """

    name: str
    started_at: float
    ended_at: float
    result: str
    summary: str
    error: BaseException | None = None

    @property
    def duration(self) -> float:
        """Seconds."""
        return max(0.0, self.ended_at - self.started_at)


class Transition(NamedTuple):
    """A component's status has become another one.

    Attributes:
        name: The component.
        before: The verdict until now.
        after: The verdict from now on.
        span_context: Of the span of the run that made the difference, where there is one.
        run: That run; ``None`` for an expiry, an override or a missing heartbeat.
    """

    name: str
    before: HealthVerdict
    after: HealthVerdict
    span_context: SpanContext | None = None
    run: HealthRun | None = None
