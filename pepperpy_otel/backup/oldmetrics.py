"""Samples of a ``prometheus_client`` registry as OTLP metrics."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.records import nanos, put_attributes
from pepperpy_otel.delivery.files.fields import message_class
from pepperpy_otel.delivery.outcome import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.backup.writing import Writer

NAME = "before-metrics"
SCOPE = "prometheus_client"
_CUMULATIVE = 2  # AGGREGATION_TEMPORALITY_CUMULATIVE


def add(writer: Writer, registry: Any) -> None:
    """Add what a registry has now, a line for each family.

    Raises:
        OSError: The backup cannot be written.
    """
    now = nanos(time.time())
    for family in registry.collect():
        try:
            body = _request(family, now)
        except Exception as error:  # what a collector of the application's own gives
            writer.complaints.append(
                one_line(f"metric {family.name!r} could not be kept ({error})")
            )
        else:
            writer.add("metrics", body, name=NAME)


def _request(family: Any, now: int) -> bytes:
    message = message_class("metrics")()
    scope = message.resource_metrics.add().scope_metrics.add()
    scope.scope.name = SCOPE
    _fill(scope.metrics.add(), family, now)
    body: bytes = message.SerializeToString()
    return body


def _fill(metric: Any, family: Any, now: int) -> None:
    metric.name, metric.description = family.name, family.documentation
    metric.unit = family.unit or ""
    if family.type == "counter":
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = _CUMULATIVE
        samples = [each for each in family.samples if each.name.endswith("_total")]
        _fill_numbers(metric.sum, samples, now, _created(family))
    elif family.type in ("histogram", "gaugehistogram"):
        metric.histogram.aggregation_temporality = _CUMULATIVE
        _fill_histograms(metric.histogram, family, now)
    elif family.type == "summary":
        _fill_summaries(metric.summary, family, now)
    else:
        _fill_numbers(metric.gauge, family.samples, now, {})


def _fill_numbers(target: Any, samples: Iterable[Any], now: int, created: dict[Any, float]) -> None:
    target.SetInParent()
    for sample in samples:
        point = target.data_points.add()
        point.as_double = sample.value
        point.time_unix_nano = now
        point.start_time_unix_nano = nanos(created.get(_key(sample.labels), 0.0))
        put_attributes(point.attributes, sample.labels)


def _fill_histograms(target: Any, family: Any, now: int) -> None:
    created = _created(family)
    for key, parts in _by_labels(family, "le").items():
        point = target.data_points.add()
        point.time_unix_nano = now
        point.start_time_unix_nano = nanos(created.get(key, 0.0))
        put_attributes(point.attributes, dict(key))
        buckets = sorted((float(s.labels["le"]), s.value) for s in parts if "le" in s.labels)
        below = 0.0
        for bound, value in buckets:
            point.bucket_counts.append(int(value - below))
            below = value
            if math.isfinite(bound):
                point.explicit_bounds.append(bound)
        point.count = int(below)
        for sample in parts:
            if sample.name.endswith("sum"):
                point.sum = sample.value


def _fill_summaries(target: Any, family: Any, now: int) -> None:
    created = _created(family)
    for key, parts in _by_labels(family, "quantile").items():
        point = target.data_points.add()
        point.time_unix_nano = now
        point.start_time_unix_nano = nanos(created.get(key, 0.0))
        put_attributes(point.attributes, dict(key))
        for sample in parts:
            if "quantile" in sample.labels:
                quantile = point.quantile_values.add()
                quantile.quantile, quantile.value = float(sample.labels["quantile"]), sample.value
            elif sample.name.endswith("_count"):
                point.count = int(sample.value)
            else:
                point.sum = sample.value


def _by_labels(family: Any, special: str) -> dict[Any, list[Any]]:
    """The samples of each series, the label of its parts left out."""
    found: dict[Any, list[Any]] = {}
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            labels = {name: value for name, value in sample.labels.items() if name != special}
            found.setdefault(_key(labels), []).append(sample)
    return found


def _created(family: Any) -> dict[Any, float]:
    samples = [each for each in family.samples if each.name.endswith("_created")]
    return {_key(each.labels): each.value for each in samples}


def _key(labels: dict[str, str]) -> Any:
    return tuple(sorted(labels.items()))
