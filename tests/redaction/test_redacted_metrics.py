"""Metrics: what was taken out of attributes leaves one stream where there were two."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Buckets,
    ExponentialHistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

from pepperpy_otel.redaction import Redactor, active
from pepperpy_otel.redaction.merging import merge_points


def collected(record: Any, *views: View) -> Any:
    """What a meter's measurements became."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False, views=views)
    record(provider.get_meter("m"))
    return reader.get_metrics_data()


def points(data: Any, name: str = "m") -> list[Any]:
    """The points of one metric."""
    return [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def _recorded(meter: Any) -> None:
    histogram = meter.create_histogram("m", unit="s")
    for value, secret in ((0.5, "a"), (3.0, "b"), (0.25, "b"), (0.0, "a"), (1000.0, "c")):
        histogram.record(value, {"password": secret})
    histogram.record(7.0, {"kept": "x"})


def test_counts_are_added() -> None:
    """Two counters that differ in a secret are one, with the sum of both."""

    def record(meter: Any) -> None:
        counter = meter.create_counter("m", description="about password=hunter2")
        for secret, value in (("a", 1), ("b", 2), ("c", 4)):
            counter.add(value, {"password": secret, "kept": 1})
        counter.add(8, {"kept": 1})

    shown = Redactor().metrics(collected(record))
    assert {p.attributes.get("password"): p.value for p in points(shown)} == {
        "[redacted:key]": 7,
        None: 8,
    }
    metric = shown.resource_metrics[0].scope_metrics[0].metrics[0]
    assert metric.description == "about password=[redacted:assignment]"


def test_of_gauges_the_newest_counts() -> None:
    """Values that cannot be added are not."""

    def record(meter: Any) -> None:
        gauge = meter.create_gauge("m")
        gauge.set(1, {"password": "a"})
        gauge.set(2, {"password": "b"})

    assert [p.value for p in points(Redactor().metrics(collected(record)))] == [2]


@pytest.mark.parametrize("sized", [2, 160], ids=["coarse", "fine"])
def test_exponential_histograms_are_added(sized: int) -> None:
    """Buckets of whatever scale add up; so do sum, count, least and greatest."""
    view = View(
        instrument_name="m", aggregation=ExponentialBucketHistogramAggregation(max_size=sized)
    )
    data = collected(_recorded, view)
    merged = next(p for p in points(Redactor().metrics(data)) if "password" in p.attributes)
    assert (merged.count, merged.sum, merged.min, merged.max) == (5, 1003.75, 0.0, 1000.0)
    assert merged.zero_count == 1
    assert sum(merged.positive.bucket_counts) == 4
    assert merged.scale == min(p.scale for p in points(data) if "password" in p.attributes)
    base = 2 ** (2**-merged.scale)
    lower = base ** (merged.positive.offset + len(merged.positive.bucket_counts) - 1)
    assert lower < 1000.0 <= lower * base * (1 + 1e-9)


def _exponential(scale: int, negative: Buckets, positive: Buckets) -> Any:
    return ExponentialHistogramDataPoint(
        {}, 1, 2, 3, 4.0, scale, 0, positive, negative, 0, -9.0, 9.0
    )


def test_buckets_meet_at_the_coarser_scale() -> None:
    """Four buckets of scale 2 are one of scale 0, below zero as above; none adds nothing."""
    fine = _exponential(2, Buckets(-5, [1, 2, 3]), Buckets(0, [1, 1, 1, 1, 5]))
    coarse = _exponential(0, Buckets(0, [7]), Buckets(0, [0, 0]))
    (merged,) = merge_points([fine, coarse], added=True)
    assert (merged.scale, merged.count) == (0, 6)
    assert merged.negative == Buckets(-2, [1, 5, 7])
    assert merged.positive == Buckets(0, [4, 5])
    (again,) = merge_points([coarse, fine], added=True)
    assert (again.negative, again.positive) == (merged.negative, merged.positive)


def test_an_older_gauge_does_not_come_back() -> None:
    """Whatever the order in which they come."""
    points = [NumberDataPoint({}, 0, time, value) for time, value in ((2, "new"), (1, "old"))]  # type: ignore[arg-type]
    assert [point.value for point in merge_points(points, added=False)] == ["new"]


def test_explicit_histograms_are_added() -> None:
    """Bucket by bucket; where the boundaries differ they stay apart."""
    view = View(
        instrument_name="m", aggregation=ExplicitBucketHistogramAggregation(boundaries=[1.0, 5.0])
    )
    shown = points(Redactor().metrics(collected(_recorded, view)))
    merged = next(p for p in shown if "password" in p.attributes)
    assert list(merged.bucket_counts) == [3, 1, 1]
    other = points(collected(_recorded))[0]
    assert len(merge_points([merged, other], added=True)) == 2


def test_clean_metrics_are_the_same_objects() -> None:
    """Where nothing is found, metrics and points are not copied."""

    def record(meter: Any) -> None:
        meter.create_counter("m", unit="{x}", description="plain").add(1, {"kept": 1})

    data = collected(record)
    assert points(Redactor().metrics(data))[0] is points(data)[0]


def test_a_name_that_is_a_secret_goes() -> None:
    """Instrument names can hold a token, too; what stands for it is a name."""
    token = "ghp_" + "a1B2" * 9

    def record(meter: Any) -> None:
        meter.create_counter(token).add(1)

    assert token not in Redactor().metrics(collected(record)).to_json()
    assert points(Redactor().metrics(collected(record)), "redacted")


def test_what_cannot_be_looked_through_is_withheld() -> None:
    """Data of another making is not sent unseen."""
    redactor = Redactor()
    broken: Any = type("Data", (), {"resource_metrics": [None]})()
    assert redactor.metrics(broken).resource_metrics == []
    assert redactor.counts() == {"error": 1}


def test_nothing_collected_is_nothing() -> None:
    """Without data, and without a redactor, there is nothing to do."""
    assert active.metrics(None) is None
    end = active.activate(Redactor())
    assert active.metrics(None) is None
    end()
