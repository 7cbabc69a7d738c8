"""The telemetry pipeline: whether what we record arrives.

Judged from what became of real telemetry, never by a request of its own, and never worse than
DEGRADED: the app serves its users without it. Register it with ``critical=False``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.local import Local, checked_seconds, checked_share
from pepperpy_otel.health.probes.wording import degraded, healthy, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.status import HealthResult

#: Failures in a row, and intervals without a success, that are too many.
TOO_MANY = 3


def telemetry_pipeline(
    stats: Callable[[], Any],
    *,
    interval: float = 10.0,
    queue_limit_bytes: int | None = None,
    degraded_queue_share: float = 0.9,
    clock: Callable[[], float] = time.monotonic,
) -> Local:
    """A local probe: telemetry is delivered, and the queue has room.

    DEGRADED when three deliveries in a row failed, when there was no success for three intervals
    although data is waiting, when the queue is nearly full, or when items were dropped within the
    last three intervals.

    Args:
        stats: Gives an object with ``delivered``, ``dropped`` and ``pending`` (numbers, or objects
            with a ``total``), ``queue_bytes``, ``last_error`` and ``last_success`` (UNIX seconds),
            such as ``telemetry.stats``; with ``failures_in_a_row`` too, that number is used instead
            of counting new errors, and intervals with an error, without a delivery. ``None``: there
            is no pipeline.
        interval: Seconds between two deliveries of the pipeline.
        queue_limit_bytes: What the queue may hold; without it, its fill is not judged.
        degraded_queue_share: A queue filled to this share or more is DEGRADED.
        clock: Monotonic seconds.

    Raises:
        ValueError: A number cannot be used.
    """
    checked_seconds("interval", interval)
    checked_share("degraded_queue_share", degraded_queue_share)
    if queue_limit_bytes is not None and not queue_limit_bytes > 0:
        raise ValueError(f"queue_limit_bytes={queue_limit_bytes!r} is not a positive number")
    return Local(
        "telemetry pipeline",
        _Pipeline(stats, interval, queue_limit_bytes, degraded_queue_share, clock),
    )


@dataclass
class _Look:
    """What one run of the probe sees of the pipeline."""

    delivered: int
    dropped: int
    pending: int
    queue_bytes: int
    last_error: str
    last_success: float | None
    failures: int | None
    queue_share: float | None

    @classmethod
    def of(cls, stats: Any) -> _Look:
        return cls(
            delivered=_total(stats.delivered),
            dropped=_total(stats.dropped),
            pending=_total(stats.pending),
            queue_bytes=int(stats.queue_bytes),
            last_error=one_line(str(stats.last_error)) if stats.last_error else "",
            last_success=stats.last_success,
            failures=getattr(stats, "failures_in_a_row", None),
            queue_share=getattr(stats, "queue_share", None),
        )


class _Pipeline:
    def __init__(
        self,
        stats: Callable[[], Any],
        interval: float,
        limit_bytes: int | None,
        most: float,
        clock: Callable[[], float],
    ) -> None:
        self._stats = stats
        self._interval = interval
        self._patience = TOO_MANY * interval
        self._limit_bytes = limit_bytes
        self._most = most
        self._clock = clock
        self._before: _Look | None = None
        self._moved_at = clock()
        self._dropped_at: float | None = None
        self._failing_runs = 0
        self._failed_at = clock()

    def __call__(self) -> HealthResult:
        found = self._stats()
        if found is None:
            return healthy("there is no pipeline")
        now, look = self._clock(), _Look.of(found)
        self._compare(now, look)
        self._before = look
        problems = [problem for problem in self._problems(now, look) if problem]
        data = {
            "delivered": look.delivered,
            "dropped": look.dropped,
            "pending": look.pending,
            "queue_bytes": look.queue_bytes,
            "last_error": look.last_error,
        }
        if problems:
            return degraded(one_line("; ".join(problems)), **data)
        return healthy(f"{look.delivered} items delivered", **data)

    def _compare(self, now: float, look: _Look) -> None:
        """What has changed since the run before; by numbers, so that no clock can mislead."""
        before = self._before
        if before is None:
            return
        moved = look.delivered > before.delivered or look.last_success != before.last_success
        if moved or not look.pending:
            self._moved_at = now
        if moved or not look.last_error:
            self._failing_runs = 0
        elif look.last_error != before.last_error or (
            # The same error while data waits: once an interval, however often somebody looks.
            look.pending and now - self._failed_at >= self._interval
        ):
            self._failing_runs += 1
            self._failed_at = now
        if look.dropped > before.dropped:
            self._dropped_at = now

    def _problems(self, now: float, look: _Look) -> list[str]:
        failures = self._failing_runs if look.failures is None else look.failures
        silent = now - self._moved_at
        why = f" ({look.last_error})" if look.last_error else ""
        share = self._share(look)
        dropping = self._dropped_at is not None and now - self._dropped_at < self._patience
        return [
            f"{failures} deliveries in a row failed{why}" if failures >= TOO_MANY else "",
            f"nothing delivered for {silent:.0f} s, {look.pending} items waiting"
            if look.pending and silent >= self._patience
            else "",
            f"the queue is nearly full: {share:.0%}" if share >= self._most else "",
            f"items are dropped: {look.dropped} so far" if dropping else "",
        ]

    def _share(self, look: _Look) -> float:
        if look.queue_share is not None:
            return look.queue_share
        return look.queue_bytes / self._limit_bytes if self._limit_bytes else 0.0


def _total(count: Any) -> int:
    return int(getattr(count, "total", count))
