"""The vocabulary of health: what a check may say and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """What the checker holds of one component after its last run.

    Attributes:
        status: How the component is.
        reason: One line for a person.
        critical: Whether it makes the whole unhealthy; one that is not counts as degraded.
        data: What the check returned beside its status.
        duration: Seconds that the run took.
        checked_at: Monotonic seconds of the run, ``None`` when it never ran.
    """

    status: HealthStatus
    reason: str = ""
    critical: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)
    duration: float = 0.0
    checked_at: float | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One round over all components.

    Attributes:
        verdicts: Name → verdict.
        covered: How many of the expected components have a check.
        expected: How many are declared or registered.
        elapsed: Seconds that the round took.
    """

    verdicts: Mapping[str, HealthVerdict]
    covered: int
    expected: int
    elapsed: float

    @property
    def status(self) -> HealthStatus:
        """The worst status; a component that is not critical makes the whole degraded at most."""
        worst = HealthStatus.HEALTHY
        for verdict in self.verdicts.values():
            status = verdict.status
            if not verdict.critical and status is not HealthStatus.HEALTHY:
                status = HealthStatus.DEGRADED
            worst = max(worst, status, key=SEVERITY.index)
        return worst

    def __str__(self) -> str:
        return f"{self.status.value}: covered {self.covered} of {self.expected}"
