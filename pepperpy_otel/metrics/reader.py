"""One aggregation for everybody who reads: the push worker, Prometheus, ``collect()``.

Every further reader makes each measurement dearer, by a whole aggregation. So one cumulative
reader serves all, in turns. Only where the push wants deltas there are two.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.sdk.metrics import Counter, Histogram, MetricsTimeoutError, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

from pepperpy_otel import _compat
from pepperpy_otel.metrics.exemplars import ExemplarMemory
from pepperpy_otel.metrics.views import DEFAULT_CARDINALITY_LIMIT, reader_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.metrics.view import Aggregation

    from pepperpy_otel.metrics.multiprocess import Mirror

Temporality = Literal["cumulative", "delta", "lowmemory"]
HistogramAggregation = Literal["explicit_bucket_histogram", "base2_exponential_bucket_histogram"]

#: Names of the consumers that want exemplars.
PUSH = "push"
PROMETHEUS = "prometheus"
#: Collects only so that observable instruments are observed.
MIRROR = "mirror"

#: https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/#additional-environment-variable-configuration
_TEMPORALITIES: Mapping[str, Mapping[type, AggregationTemporality]] = {
    "cumulative": {},
    "delta": dict.fromkeys((Counter, ObservableCounter, Histogram), AggregationTemporality.DELTA),
    "lowmemory": dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA),
}


class SharedReader(MetricReader):
    """A reader that several consumers collect from, one at a time.

    Works with our MeterProvider, and with one of the SDK's that was adopted.

    Args:
        temporality: As in ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE``.
        histogram_aggregation: As in
            ``OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION``.
        cardinality_limit: Attribute sets that one metric may have.
        mirror: Where values are written for other processes; only of a cumulative reader.
    """

    def __init__(
        self,
        temporality: Temporality = "cumulative",
        histogram_aggregation: HistogramAggregation = "explicit_bucket_histogram",
        cardinality_limit: int = DEFAULT_CARDINALITY_LIMIT,
        mirror: Mirror | None = None,
    ) -> None:
        aggregation: dict[type, Aggregation] = {}
        if histogram_aggregation == "base2_exponential_bucket_histogram":
            aggregation[Histogram] = ExponentialBucketHistogramAggregation()
        super().__init__(
            dict(_TEMPORALITIES[temporality]),
            aggregation,
            otel_component_type=_compat.periodic_reader_type(),
            **reader_limits(cardinality_limit),
        )
        self.cardinality_limit = cardinality_limit
        self.mirror = mirror
        if mirror is not None:
            mirror.refresh_with(lambda millis: self.collect_for(MIRROR, millis))
        self._closed = False
        self._received: MetricsData | None = None
        self._turn = threading.Lock()
        self._memory = ExemplarMemory(drained=[PUSH], kept=[PROMETHEUS])

    def collect_for(self, consumer: str, timeout_millis: float = 10_000) -> MetricsData | None:
        """Collect what has been measured so far.

        Args:
            consumer: Who asks: ``"push"``, ``"prometheus"``, or anything else for somebody who
                needs no exemplars.
            timeout_millis: Milliseconds, waiting for other consumers included. Observable
                instruments whose callbacks are late are left out.

        Returns:
            ``None`` if nothing was ever measured, or after ``shutdown()``.

        Raises:
            MetricsTimeoutError: The other consumers took all of the time.
        """
        limit = min(max(timeout_millis / 1000, 0.0), threading.TIMEOUT_MAX)
        deadline = time.monotonic() + limit
        turn = self._turn
        if not turn.acquire(timeout=limit):
            raise MetricsTimeoutError(f"another collection took {timeout_millis:g} ms")
        try:
            if self._closed:
                return None
            self._received = None
            self.collect(timeout_millis=max(0.0, deadline - time.monotonic()) * 1000)
            data, self._received = self._received, None
            return None if data is None else self._memory.share(consumer, data)
        finally:
            turn.release()

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        self._received = metrics_data

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing to do: whoever sends what is read here flushes itself."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Answer ``None`` from now on."""
        self._closed = True
        if self.mirror is not None:
            self.mirror.close()

    def restart_in_child(self) -> None:
        """After a fork: a lock that nobody holds, and none of the parent's exemplars."""
        self._turn = threading.Lock()
        self._received = None
        self._memory.forget()
        if self.mirror is not None:
            self.mirror.restart_in_child()


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads where.

    Attributes:
        push: For the push worker: the temporality and the histograms that were asked for.
        snapshot: Cumulative, for Prometheus and ``collect()``; the same one where that agrees.
    """

    push: SharedReader
    snapshot: SharedReader

    @property
    def all(self) -> tuple[SharedReader, ...]:
        """Each reader once, to be added to the provider."""
        return (self.push,) if self.push is self.snapshot else (self.push, self.snapshot)


def build_readers(
    temporality: Temporality = "cumulative",
    histogram_aggregation: HistogramAggregation = "explicit_bucket_histogram",
    cumulative_needed: bool = True,
    cardinality_limit: int = DEFAULT_CARDINALITY_LIMIT,
    mirror: Mirror | None = None,
) -> Readers:
    """The fewest readers that serve everybody.

    Args:
        temporality: That of the push.
        histogram_aggregation: That of the push; Prometheus shows either.
        cumulative_needed: Whether anybody reads besides the push: Prometheus, ``collect()``.
            If not, and the push is not cumulative, ``snapshot`` gives deltas too.
        cardinality_limit: Attribute sets that one metric may have.
        mirror: Where the cumulative values are written for other processes.
    """
    if temporality == "cumulative":
        both = SharedReader(temporality, histogram_aggregation, cardinality_limit, mirror)
        return Readers(both, both)
    push = SharedReader(temporality, histogram_aggregation, cardinality_limit)
    if not cumulative_needed:
        return Readers(push, push)
    return Readers(push, SharedReader(cardinality_limit=cardinality_limit, mirror=mirror))
