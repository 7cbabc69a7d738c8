"""A checker whose verdicts are written down by the test: the endpoints only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.status import HealthReason, HealthStatus, HealthVerdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeChecker:
    """As much of ``HealthChecker`` as an endpoint may use."""

    def __init__(self, **statuses: HealthStatus) -> None:
        self.draining = False
        self.token: str | None = None
        self.looks: list[str] = []
        self.watchers: list[Callable[[Any], None]] = []
        self.verdicts = {
            name: HealthVerdict(
                status,
                HealthReason.OK if status is HealthStatus.HEALTHY else HealthReason.FAILED,
                "password=hunter2 refused",
                groups=frozenset({"ready"}),
            )
            for name, status in statuses.items()
        }

    def snapshot(self) -> dict[str, HealthVerdict]:
        return self.verdicts

    def groups(self) -> frozenset[str]:
        return frozenset({"live", *(g for v in self.verdicts.values() for g in v.groups)})

    def group_status(self, group: str) -> HealthStatus:
        members = [v for v in self.verdicts.values() if group in v.groups]
        if group == "live":
            return HealthStatus.HEALTHY
        if group == "ready" and self.draining:
            return HealthStatus.UNHEALTHY
        if not members:
            raise LookupError(f"no check is in the group {group!r}")
        return worst(members)

    def overall_status(self) -> HealthStatus:
        return worst(self.verdicts.values())

    def check_component(self, name: str) -> HealthStatus:
        self.looks.append(name)
        return self.verdicts[name].status

    def get_details(self, name: str) -> dict[str, Any]:
        return {"status": self.verdicts[name].status.value, "reason": "masked"}

    def subscribe(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        self.watchers.append(callback)
        return lambda: self.watchers.remove(callback)
