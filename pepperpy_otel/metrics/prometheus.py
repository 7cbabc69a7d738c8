"""From the SDK's metrics to Prometheus' families.

Gives what opentelemetry-exporter-prometheus gives, without what is wrong there: the labels of a
series are its own (not another scope's), exponential histograms are shown instead of failing the
scrape, one name has one HELP and one TYPE, attributes that become one label are joined, two
points that become one series are added up, and counters and buckets have exemplars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Sum,
)
from prometheus_client import Metric as Family
from prometheus_client.samples import Exemplar, Sample

from pepperpy_otel.errors import report_internal, warn
from pepperpy_otel.metrics import names
from pepperpy_otel.metrics.buckets import classic_buckets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
    from opentelemetry.sdk.metrics.export import Metric, MetricsData
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

#: https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars: characters of its labels.
MAX_EXEMPLAR_CHARACTERS = 128
#: Attributes of a scope that would take the place of its own labels.
_RESERVED_SCOPE_ATTRIBUTES = {"name", "version", "schema_url"}
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("", "_bucket", "_count", "_sum")}

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """One series of a family: a value, or buckets with their sum."""

    value: float = 0
    time: int = 0
    bounds: Sequence[float] = ()
    counts: Sequence[int] = ()
    exemplars: Sequence[SdkExemplar] = ()


@dataclass(slots=True)
class _Group:
    """All series that share a name and a type."""

    kind: str
    unit: str
    help: str
    summed: bool
    series: dict[Labels, _Series] = field(default_factory=dict)


class Translator:
    """Makes families of metrics; remembers which conflicts it has named."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def families(self, data: MetricsData | None) -> list[Family]:
        """The families of one scrape, ``target_info`` first."""
        if data is None:
            return []
        groups: dict[str, _Group] = {}
        taken = {"target", "target_info"}
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                scope_attributes = list(_scope_attributes(scope.scope))
                for metric in scope.metrics:
                    try:
                        self._add(groups, taken, scope_attributes, metric)
                    except Exception as error:
                        report_internal(f"metric {metric.name} for Prometheus", error)
        target = chain.from_iterable(
            resource.resource.attributes.items() for resource in data.resource_metrics
        )
        return [
            _target_info(target),
            *(_family(name, group, groups) for name, group in groups.items()),
        ]

    def _add(
        self,
        groups: dict[str, _Group],
        taken: set[str],
        scope: list[tuple[str, Any]],
        metric: Metric,
    ) -> None:
        kind, summed = _kind(metric.data)
        name, unit = names.family_name(metric.name, metric.unit or "", counter=kind == "counter")
        exposed = [name + suffix for suffix in _SUFFIXES[kind]]
        group = groups.get(exposed[0])
        if group is None and taken.isdisjoint(exposed):
            group = groups[exposed[0]] = _Group(kind, unit, metric.description or "", summed)
            taken.update(exposed)
        elif group is None or group.kind != kind:
            self._say(f"{metric.name} is left out: {exposed[0]} would be of two types")
            return
        points: Sequence[Any] = metric.data.data_points
        rows = [names.labels(chain(scope, (p.attributes or {}).items())) for p in points]
        keys = sorted(set().union(*rows))
        for point, row in zip(points, rows, strict=True):
            if kind == "histogram" and "le" in row:
                row["exported_le"] = row.pop("le")
                key = tuple(sorted(row.items()))
            else:  # as upstream: what another point of the metric has is empty here
                key = tuple((label, row.get(label, "")) for label in keys)
            self._merge(group, key, _series(point, kind), metric.name)

    def _merge(self, group: _Group, key: Labels, new: _Series, name: str) -> None:
        old = group.series.get(key)
        if old is None:
            group.series[key] = new
        elif not group.summed:
            group.series[key] = max(old, new, key=lambda series: series.time)
        elif old.bounds == new.bounds:
            old.value += new.value
            old.counts = [a + b for a, b in zip(old.counts, new.counts, strict=True)]
            old.exemplars = [*old.exemplars, *new.exemplars]
        else:
            self._say(
                f"a series of {name} is left out: another one has its labels, not its buckets"
            )

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            warn("Prometheus (said once): %s", line)


def _kind(data: Any) -> tuple[str, bool]:
    """The type for Prometheus, and whether points that become one series are added up."""
    if isinstance(data, (Histogram, ExponentialHistogram)):
        return "histogram", True
    if isinstance(data, Gauge):
        return "gauge", False
    if isinstance(data, Sum):
        cumulative = data.aggregation_temporality is AggregationTemporality.CUMULATIVE
        return ("gauge" if cumulative and not data.is_monotonic else "counter"), True
    raise TypeError(f"{type(data).__name__} is no metric that Prometheus knows")


def _scope_attributes(scope: InstrumentationScope) -> Iterable[tuple[str, Any]]:
    for key, value in (scope.attributes or {}).items():
        if key not in _RESERVED_SCOPE_ATTRIBUTES:
            yield f"otel_scope_{key}", value
    yield "otel_scope_name", scope.name or ""
    yield "otel_scope_version", scope.version or ""
    yield "otel_scope_schema_url", scope.schema_url or ""


def _series(point: Any, kind: str) -> _Series:
    time = point.time_unix_nano
    if kind != "histogram":
        exemplars = point.exemplars if kind == "counter" else ()
        return _Series(point.value, time, exemplars=exemplars)
    bounds, counts = classic_buckets(point)
    return _Series(point.sum, time, bounds, counts, point.exemplars)


def _target_info(attributes: Iterable[tuple[str, Any]]) -> Family:
    family = Family("target", "Target metadata", "info")
    family.samples.append(Sample("target_info", names.labels(attributes), 1))
    return family


def _family(exposed: str, group: _Group, groups: Mapping[str, _Group]) -> Family:
    kind, name = group.kind, exposed
    if kind == "counter":
        name = exposed.removesuffix("_total")
        if name in groups:  # OpenMetrics names the family without _total: one name, two types
            kind, name = "unknown", exposed
    family = Family(
        name, names.encodable(group.help), kind, group.unit if kind != "unknown" else ""
    )
    for key, series in group.series.items():
        labels = dict(key)
        if kind == "histogram":
            family.samples += _histogram_samples(name, labels, series)
        else:
            latest = max(series.exemplars, key=_time, default=None) if kind == "counter" else None
            family.samples.append(Sample(exposed, labels, series.value, None, _exemplar(latest)))
    return family


def _histogram_samples(name: str, labels: dict[str, str], series: _Series) -> Iterable[Sample]:
    uppers = [*series.bounds, float("inf")]
    cumulated = list(accumulate(series.counts))
    lower = float("-inf")
    for upper, count in zip(uppers, cumulated, strict=True):
        within = [e for e in series.exemplars if lower < e.value <= upper]
        exemplar = _exemplar(max(within, key=_time, default=None))
        bound = "+Inf" if upper == float("inf") else str(upper)
        yield Sample(f"{name}_bucket", {**labels, "le": bound}, count, None, exemplar)
        lower = upper
    if uppers[0] >= 0:  # OpenMetrics: no sum, and so no count, where negative values may be
        yield Sample(f"{name}_count", labels, cumulated[-1])
        yield Sample(f"{name}_sum", labels, series.value)


def _exemplar(exemplar: SdkExemplar | None) -> Exemplar | None:
    """Trace and span ids, and of the filtered attributes what there is room for."""
    if exemplar is None:
        return None
    labels: dict[str, str] = {}
    if exemplar.trace_id and exemplar.span_id:
        labels = {"trace_id": f"{exemplar.trace_id:032x}", "span_id": f"{exemplar.span_id:016x}"}
    room = MAX_EXEMPLAR_CHARACTERS - sum(len(k) + len(v) for k, v in labels.items())
    for key, value in names.labels((exemplar.filtered_attributes or {}).items()).items():
        if key not in labels and len(key) + len(value) <= room:
            labels[key] = value
            room -= len(key) + len(value)
    return Exemplar(labels, exemplar.value, exemplar.time_unix_nano / 1e9)


def _time(exemplar: SdkExemplar) -> int:
    return exemplar.time_unix_nano
