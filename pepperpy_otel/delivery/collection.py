"""When metrics are collected, and by whom: once an interval, for all destinations together."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics.export import MetricsData

    from pepperpy_otel.delivery.lane import Lane

    Source = Callable[[float], MetricsData | None]

#: Estimated bytes of a data point with its attributes, and of one bucket of a histogram.
POINT_BYTES = 400
BUCKET_BYTES = 32


class MetricCollection:
    """Asks the metric source for data and hands the same data to each metrics lane.

    Whichever worker is awake when the interval is over collects; a flush collects in a thread of
    its own, so that neither a hung send nor a hung callback is in the other's way.

    Args:
        lanes: The metrics lanes of all destinations.
        interval: Seconds between two collections.
        timeout: Seconds that one may take.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        interval: float,
        timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._lanes = lanes
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._source: Source | None = None
        self._next = math.inf
        self._lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether there is anything to collect, and anybody who wants it."""
        return self._source is not None and bool(self._lanes)

    def set_source(self, source: Source | None) -> None:
        """Say what collects; the first interval starts now."""
        self._source = source
        self._next = self._clock() + self._interval if self.active else math.inf

    def after_fork(self) -> None:
        """In a forked child: a lock that nobody holds, an interval of its own."""
        self._lock = threading.Lock()
        self.set_source(self._source)

    def due_at(self) -> float:
        """When the next interval is over."""
        return self._next

    def collect_if_due(self) -> None:
        """Collect if the interval is over and nobody is at it."""
        lock = self._lock  # another one in a child that is forked meanwhile, by a callback
        if self._clock() < self._next or not lock.acquire(blocking=False):
            return
        try:
            if self._clock() >= self._next:  # else another worker was quicker
                self._next = self._clock() + self._interval
                self._collect(self._timeout)
        finally:
            lock.release()

    def collect(self, timeout: float) -> None:
        """Collect now, waiting for a collection under way, ``timeout`` seconds at most."""
        deadline = self._clock() + timeout
        lock = self._lock
        if not lock.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX)):
            return
        try:
            self._collect(min(self._timeout, max(deadline - self._clock(), 0.001)))
        finally:
            lock.release()

    def _collect(self, timeout: float) -> None:
        source = self._source
        if source is None:
            return
        with errors.guarded("metric collection"):
            data = source(timeout * 1000)
            points, size = measure(data)
            if points:
                for lane in self._lanes:
                    lane.queue.append_many(data, size, points)


def measure(data: Any) -> tuple[int, int]:
    """How many data points there are in ``data``, and their estimated bytes."""
    points = size = 0
    for resource_metrics in data.resource_metrics if data is not None else ():
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                for point in metric.data.data_points:
                    points += 1
                    size += POINT_BYTES + BUCKET_BYTES * len(getattr(point, "bucket_counts", ()))
    return points, size
