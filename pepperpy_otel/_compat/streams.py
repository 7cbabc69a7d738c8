"""Private names that following, and bounding, the SDK's aggregations needs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Follow = Callable[["Stream", Any], None]

#: https://opentelemetry.io/docs/specs/otel/metrics/sdk/#explicit-bucket-histogram-aggregation
_DEFAULT_BOUNDS = tuple(
    map(float, (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000))
)


class Stream(NamedTuple):
    """What one series of a metric is.

    Attributes:
        scope: Name, version, schema URL and attributes.
        name: The metric's, as its view has it.
        unit: The instrument's.
        description: The metric's.
        kind: ``counter``, ``updown``, ``gauge`` or ``histogram``.
        observed: Whether a callback gives its value.
        bounds: Of a histogram's buckets.
        exponential: Whether the SDK aggregates it into exponential buckets.
        attributes: The series'.
    """

    scope: tuple[str, str | None, str | None, dict[str, Any]]
    name: str
    unit: str
    description: str
    kind: str
    observed: bool
    bounds: tuple[float, ...]
    exponential: bool
    attributes: Mapping[str, Any]


def new_metric_storage(
    configuration: Any, reader: Any, cardinality_limit: int, follow: Follow | None = None
) -> Any:
    """The SDK's aggregations for one reader (``MetricReaderStorage``), bounded on every version.

    Private: the reader's ``_instrument_class_*`` mappings. SDK 1.45.1 has no cardinality limit;
    there ``_attributes_aggregation`` of every stream is replaced by a bounded mapping, and where
    somebody follows, by one that tells of each new aggregation. The locks of both and of exemplar
    reservoirs (``_lock``) become re-entrant: a signal handler that measures in the middle of a
    measurement would wait for its own thread for ever.
    """
    from opentelemetry.sdk.metrics._internal import metric_reader_storage

    make: Any = metric_reader_storage.MetricReaderStorage
    temporality = reader._instrument_class_temporality
    aggregation = reader._instrument_class_aggregation
    limits = getattr(reader, "_instrument_class_cardinality_limit", None)
    if limits is not None:
        storage = make(configuration, temporality, aggregation, limits)
        limit = None
    else:
        storage = make(configuration, temporality, aggregation)
        limit = cardinality_limit
    if limit is not None or follow is not None:
        _replace_streams(storage, lambda stream: _Series(stream, limit, follow))
    return storage


def _replace_streams(storage: Any, mapping: Callable[[Any], Any]) -> None:
    find = storage._get_or_init_view_instrument_match
    ready: dict[Any, Any] = {}

    def find_replaced(instrument: Any) -> Any:
        try:
            return ready[instrument]
        except KeyError:
            pass
        with storage._lock:
            if instrument not in ready:
                streams = find(instrument)
                for stream in streams:
                    stream._lock = threading.RLock()
                    stream._attributes_aggregation = mapping(stream)
                ready[instrument] = streams
            return ready[instrument]

    storage._get_or_init_view_instrument_match = find_replaced


class _Series(dict[Any, Any]):
    """Aggregations by attribute set; what comes after the limit shares one more of them.

    The SDK stores a new aggregation and then looks it up by the same key, in a second step.
    """

    def __init__(self, stream: Any, limit: int | None, follow: Follow | None) -> None:
        self._stream = stream
        self._limit = limit
        self._follow = follow
        self._overflow: Any = None

    def __setitem__(self, key: Any, aggregation: Any) -> None:
        if key in self:  # a signal handler has come in between: its measurement is in that one
            return
        reservoir: Any = getattr(aggregation, "_reservoir", None)
        for part in (aggregation, reservoir):
            if hasattr(part, "_lock"):
                part._lock = threading.RLock()
        if self._limit is None or len(self) < self._limit:
            self._tell(aggregation)
            super().__setitem__(key, aggregation)
        elif self._overflow is None:
            aggregation._attributes = {"otel.metric.overflow": True}
            self._tell(aggregation)
            self._overflow = aggregation

    def __missing__(self, key: Any) -> Any:
        return self._overflow

    def values(self) -> Any:
        """All aggregations, the shared one last: this is what is collected."""
        if self._overflow is None:
            return super().values()
        return [*super().values(), self._overflow]

    def _tell(self, aggregation: Any) -> None:
        if self._follow is not None:
            described = _describe(self._stream, aggregation)
            if described is not None:
                self._follow(described, aggregation)


def _describe(stream: Any, aggregation: Any) -> Stream | None:
    """What a series is (``_name``, ``_description``, ``_instrument``, ``_attributes``)."""
    from opentelemetry.sdk.metrics._internal import aggregation as kinds

    instrument = stream._instrument
    bounds: tuple[float, ...] = ()
    exponential = False
    if isinstance(aggregation, kinds._SumAggregation):
        kind = "counter" if aggregation._instrument_is_monotonic else "updown"
    elif isinstance(aggregation, kinds._LastValueAggregation):
        kind = "gauge"
    elif isinstance(aggregation, kinds._ExplicitBucketHistogramAggregation):
        kind, bounds = "histogram", tuple(aggregation._boundaries)
    elif isinstance(aggregation, kinds._ExponentialBucketHistogramAggregation):
        advised = getattr(instrument, "_advisory", None)
        advised = getattr(advised, "explicit_bucket_boundaries", None)
        kind, bounds = "histogram", tuple(_DEFAULT_BOUNDS if advised is None else advised)
        exponential = True
    else:
        return None
    scope = instrument.instrumentation_scope
    return Stream(
        (scope.name, scope.version, scope.schema_url, dict(scope.attributes or {})),
        stream._name,
        instrument.unit or "",
        stream._description or "",
        kind,
        hasattr(instrument, "callback"),
        bounds,
        exponential,
        aggregation._attributes or {},
    )
