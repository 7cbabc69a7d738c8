"""Exemplars that survive a shared reader.

The SDK empties its reservoirs at every collection, so of two consumers of one reader the second
finds none. Here what one consumer's collection took is kept, in bounds, for the others.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    ExemplarFilter,
    TraceBasedExemplarFilter,
)

from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics import Exemplar
    from opentelemetry.sdk.metrics.export import Metric, MetricsData
    from opentelemetry.util.types import Attributes

    Key = tuple[Any, ...]

#: Points for which exemplars are kept, for each consumer; the oldest ones go first.
MAX_POINTS = 1000

_FILTERS: Mapping[str, type[ExemplarFilter]] = {
    "trace_based": TraceBasedExemplarFilter,
    "always_on": AlwaysOnExemplarFilter,
    "always_off": AlwaysOffExemplarFilter,
}


class _SafeFilter(ExemplarFilter):
    """A filter of the user's, whose failure costs the exemplar and not the measurement."""

    def __init__(self, inner: ExemplarFilter) -> None:
        self._inner = inner

    def should_sample(
        self, value: float, time_unix_nano: int, attributes: Attributes, context: Context
    ) -> bool:
        try:
            return self._inner.should_sample(value, time_unix_nano, attributes, context)
        except Exception as error:
            report_internal("the exemplar filter", error)
            return False


def exemplar_filter_named(choice: ExemplarFilter | str | None) -> ExemplarFilter:
    """The filter for a name of ``OTEL_METRICS_EXEMPLAR_FILTER``, or the given one, kept safe."""
    if choice is None or isinstance(choice, str):
        return _FILTERS.get(choice or "", TraceBasedExemplarFilter)()
    return choice if type(choice) in _FILTERS.values() else _SafeFilter(choice)


class ExemplarMemory:
    """Gives each consumer the exemplars that it has not seen.

    Args:
        drained: Consumers that get each exemplar once; for these it is remembered from the start.
        kept: Consumers that are shown the newest ones again and again, from their first
            collection on: a scrape shows the state.
    """

    def __init__(self, *, drained: Iterable[str], kept: Iterable[str]) -> None:
        self._kept = frozenset(kept)
        self._owed: dict[str, dict[Key, tuple[Exemplar, ...]]] = {name: {} for name in drained}

    def share(self, consumer: str, data: MetricsData) -> MetricsData:
        """Complete the exemplars of what ``consumer`` has collected; remember them for the others.

        Args:
            consumer: Who collected.
            data: What it got; returned as it is when there is nothing to add.
        """
        if consumer in self._kept:
            self._owed.setdefault(consumer, {})
        mine = self._owed.get(consumer)
        shared = data
        if mine or _any_exemplar(data):
            shared = self._walk(consumer, data)
        if mine and consumer not in self._kept:
            mine.clear()
        return shared

    def forget(self) -> None:
        """Keep nothing: in a forked child they are the parent's."""
        for owed in self._owed.values():
            owed.clear()

    def _walk(self, consumer: str, data: MetricsData) -> MetricsData:
        return replace(
            data,
            resource_metrics=[
                replace(
                    resource,
                    scope_metrics=[
                        replace(
                            scope,
                            metrics=[
                                self._metric(consumer, (scope.scope, metric.name), metric)
                                for metric in scope.metrics
                            ],
                        )
                        for scope in resource.scope_metrics
                    ],
                )
                for resource in data.resource_metrics
            ],
        )

    def _metric(self, consumer: str, prefix: Key, metric: Metric) -> Metric:
        points = [
            self._point(consumer, (*prefix, metric.unit, _attributes_key(point.attributes)), point)
            for point in metric.data.data_points
        ]
        data: Any = metric.data  # each kind of data has its own kind of points
        return replace(metric, data=replace(data, data_points=points))

    def _point(self, consumer: str, key: Key, point: Any) -> Any:
        if point.exemplars:
            for name, owed in self._owed.items():
                if name != consumer or name in self._kept:
                    _remember(owed, key, _newest(point, owed.get(key, ()), point.exemplars))
        mine = self._owed.get(consumer, {}).get(key)
        if not mine:
            return point
        if consumer in self._kept:  # its own have just been added to them
            return replace(point, exemplars=list(mine))
        return replace(point, exemplars=list(_newest(point, mine, point.exemplars)))


def _any_exemplar(data: MetricsData) -> bool:
    return any(
        point.exemplars
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    )


def _attributes_key(attributes: Attributes) -> Key:
    return tuple(sorted((key, repr(value)) for key, value in (attributes or {}).items()))


def _remember(
    owed: dict[Key, tuple[Exemplar, ...]], key: Key, exemplars: tuple[Exemplar, ...]
) -> None:
    owed.pop(key, None)  # to the end of the line
    owed[key] = exemplars
    if len(owed) > MAX_POINTS:
        del owed[next(iter(owed))]


def _newest(
    point: Any, older: Sequence[Exemplar], newer: Sequence[Exemplar]
) -> tuple[Exemplar, ...]:
    """As many as the SDK's own reservoirs hold: one for each bucket, else the newest ones."""
    bounds = getattr(point, "explicit_bounds", None)
    if bounds is None:
        room = max(len(older), len(newer))
        return tuple(sorted((*older, *newer), key=_time)[-room:])
    by_bucket = {bisect_left(bounds, exemplar.value): exemplar for exemplar in (*older, *newer)}
    return tuple(by_bucket[bucket] for bucket in sorted(by_bucket))


def _time(exemplar: Exemplar) -> int:
    return exemplar.time_unix_nano
