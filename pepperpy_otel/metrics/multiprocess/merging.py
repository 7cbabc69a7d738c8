"""What other processes have counted, as the SDK's metrics.

Counters and histograms of all processes are added up, those that ended included; up-down counters
of those that live. A gauge is no sum: each living process's is shown, told apart by
``process.pid``. Points of one series are added up where the page is made
(``prometheus.Translator``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel.errors import report_internal
from pepperpy_otel.metrics import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.metrics.multiprocess.cells import Entry

_Key = tuple[Any, ...]
PID = "process.pid"
_CUMULATIVE = AggregationTemporality.CUMULATIVE
#: Seconds after which what a process has observed, and not observed again, is no longer shown.
STALE_SECONDS = 60.0


class _Found(NamedTuple):
    """A metric of other processes."""

    scope: InstrumentationScope
    metric: Any  # of one kind of data or another


def with_others(
    data: MetricsData | None,
    ended: Iterable[Entry],
    living: Iterable[tuple[int, Entry]],
    now: int,
) -> MetricsData:
    """The metrics of this process and those of the others.

    Exponential histograms of this one are left out where there are mirrored ones to stand for them:
    those of two processes have no boundaries in common. What names one process is taken from the
    resource. Points of one metric are put into one, since a page gives all of them the same labels.

    Args:
        data: This process's, ``None`` when it has none.
        ended: Series of processes that are gone.
        living: Series of the other living ones, with their pids.
        now: Nanoseconds since the epoch.
    """
    others: dict[_Key, _Found] = {}
    for pid, entry in [*((None, entry) for entry in ended), *living]:
        try:
            _collect(others, entry, pid, now)
        except Exception as error:
            report_internal("a series of another process", error)
    own = [] if data is None else [_own(each, others) for each in data.resource_metrics]
    rest = [
        ScopeMetrics(each.scope, [each.metric], each.scope.schema_url or "")
        for each in others.values()
    ]
    resource = own[0].resource if own else Resource.get_empty()
    return MetricsData([*own, ResourceMetrics(resource, rest, "")] if rest else own)


def _own(found: ResourceMetrics, others: dict[_Key, _Found]) -> ResourceMetrics:
    """What this process has of one resource, with the points of others, which are taken out."""
    scopes = [
        replace(
            scope,
            metrics=[
                _joined(_with_pid(metric), others.pop(_key(scope.scope, metric), None))
                for metric in scope.metrics
                if not (
                    isinstance(metric.data, ExponentialHistogram)
                    and _key(scope.scope, metric, Histogram.__name__) in others
                )
            ],
        )
        for scope in found.scope_metrics
    ]
    return replace(found, resource=_shared_resource(found.resource), scope_metrics=scopes)


def _joined(metric: Metric, other: _Found | None) -> Metric:
    if other is None:
        return metric
    data: Any = metric.data
    points = [*data.data_points, *other.metric.data.data_points]
    return replace(metric, data=replace(data, data_points=points))


def _shared_resource(resource: Resource) -> Resource:
    kept = {
        key: value
        for key, value in resource.attributes.items()
        if key != "service.instance.id" and not key.startswith("process.")
    }
    return Resource(kept, resource.schema_url)


def _with_pid(metric: Metric) -> Metric:
    if not isinstance(metric.data, Gauge):
        return metric
    points = [
        replace(point, attributes={PID: os.getpid(), **(point.attributes or {})})
        for point in metric.data.data_points
    ]
    return replace(metric, data=replace(metric.data, data_points=points))


def _key(scope: InstrumentationScope, metric: Metric, kind: str = "") -> _Key:
    """What two processes' metrics have in common that are one."""
    kind = kind or type(metric.data).__name__ + str(getattr(metric.data, "is_monotonic", ""))
    attributes = names.labels((scope.attributes or {}).items())
    named = (scope.name, scope.version or "", scope.schema_url or "", *sorted(attributes.items()))
    return (*named, metric.name, metric.unit or "", kind)


def _collect(others: dict[_Key, _Found], entry: Entry, pid: int | None, now: int) -> None:
    said = entry.description()
    kind, attributes, numbers = said["k"], said["a"], entry.numbers
    if pid is None and kind not in ("counter", "histogram"):
        return
    if said["o"] and kind != "counter" and now / 1e9 - numbers[1] > STALE_SECONDS:
        return
    if kind == "gauge":
        attributes = {PID: str(pid), **attributes}
    scope = InstrumentationScope(*said["s"])
    metric = Metric(said["n"], said["d"], said["u"], _data(said, attributes, numbers, now))
    key = _key(scope, metric)
    found = others.get(key)
    joined = metric if found is None else _joined(found.metric, _Found(scope, metric))
    others[key] = _Found(scope, joined)


def _data(said: dict[str, Any], attributes: Any, numbers: tuple[float, ...], now: int) -> Any:
    kind = said["k"]
    if kind == "histogram":
        counts = [int(number) for number in numbers[1:]]
        point = HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=0,
            time_unix_nano=now,
            count=sum(counts),
            sum=numbers[0],
            bucket_counts=counts,
            explicit_bounds=tuple(said["b"]),
            min=0,
            max=0,
        )
        return Histogram([point], _CUMULATIVE)
    value: float = numbers[0]
    if value.is_integer():  # as a counter that was only ever given integers shows them
        value = int(value)
    number = NumberDataPoint(
        attributes=attributes, start_time_unix_nano=0, time_unix_nano=now, value=value
    )
    if kind == "gauge":
        return Gauge([number])
    return Sum([number], _CUMULATIVE, is_monotonic=kind == "counter")
