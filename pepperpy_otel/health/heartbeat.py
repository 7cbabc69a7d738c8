"""A component that says itself that it lives: a worker's loop, a consumer, a nightly job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.status import HealthReason, HealthStatus

if TYPE_CHECKING:
    from pepperpy_otel.health.component import Judged


class Heartbeat:
    """Call ``beat()`` at least every ``ttl`` seconds.

    Args:
        ttl: Seconds after which a missing beat makes the component unhealthy.
    """

    __slots__ = ("_beat_at", "ttl")

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self._beat_at: float | None = None

    def beat(self) -> None:
        """I live. Costs a tenth of a microsecond; never raises."""
        self._beat_at = time.monotonic()

    def forget(self) -> None:
        """In a forked child nobody has beaten yet."""
        self._beat_at = None

    def judge(self, now: float) -> Judged:
        """Whether the last beat is young enough at that moment (monotonic seconds)."""
        beat_at = self._beat_at
        if beat_at is None:
            return HealthStatus.UNKNOWN, HealthReason.PENDING, "pending: no beat yet", {}
        silent = max(0.0, now - beat_at)
        data: dict[str, Any] = {"beat_age": silent}
        if silent <= self.ttl:
            return HealthStatus.HEALTHY, HealthReason.OK, "", data
        words = f"no beat for {silent:.1f} s, longer than {self.ttl:g} s"
        return HealthStatus.UNHEALTHY, HealthReason.FAILED, words, data
