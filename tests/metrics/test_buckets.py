from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import (
    Buckets,
    ExponentialHistogramDataPoint,
    InMemoryMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from pepperpy_otel.metrics.buckets import classic_buckets
from pepperpy_otel.metrics.provider import MeterProvider
from tests.metrics.conftest import RESOURCE, points


def _point(values: list[float], **aggregation: Any) -> Any:
    """The exponential histogram that the SDK makes of the values, negative ones too."""
    view = View(
        instrument_name="h", aggregation=ExponentialBucketHistogramAggregation(**aggregation)
    )
    provider, reader = MeterProvider(), InMemoryMetricReader()
    provider.arm(resource=RESOURCE, views=[view], readers=[reader])
    instrument = provider.get_meter("m").create_up_down_counter("h")
    for value in values:
        instrument.add(value)
    (point,) = points(reader.get_metrics_data(), "h")
    provider.disarm()
    return point


def _check(values: list[float], point: Any) -> list[float]:
    """Every count must be that of the values at or below its boundary."""
    bounds, counts = classic_buckets(point)
    assert len(counts) == len(bounds) + 1
    assert sum(counts) == len(values)
    assert list(bounds) == sorted(set(bounds))
    for bound, count in zip(bounds, accumulate(counts), strict=False):
        # A negative value just on a boundary is in the SDK's bucket below it.
        within = sum((value <= bound and value != bound) or value == bound >= 0 for value in values)
        assert within <= count <= sum(value <= bound for value in values)
    return list(bounds)


VALUES = st.lists(
    # The SDK counts subnormal floats as the smallest normal one.
    st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False)
    | st.floats(min_value=1e-9, max_value=1e-3)
    | st.integers(-1000, 1000),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(values=VALUES, max_size=st.sampled_from([2, 20, 160]))
@example(values=[1e-300, 1e300], max_size=2)
@example(values=[0.0], max_size=160)
def test_the_classic_buckets_count_the_same_values(values: list[float], max_size: int) -> None:
    """At every scale, for values of every size and sign."""
    _check(values, _point(values, max_size=max_size))


def test_boundaries_are_powers_of_two() -> None:
    """They are the same ones however fine the SDK's own buckets are."""
    values = [0.3, 0.7, 3.0, 5.0]
    for max_size in (20, 160):
        assert _check(values, _point(values, max_size=max_size)) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]


def test_zero_has_a_bucket_of_its_own() -> None:
    """Zeros, and what is below, are told from the rest."""
    assert _check([0.0, 3.0], _point([0.0, 3.0])) == [0.0, 2.0, 4.0]
    assert _check([-3.0, 3.0], _point([-3.0, 3.0])) == [-2.0, 0.0, 2.0, 4.0]


def test_the_largest_floats_are_in_the_last_bucket() -> None:
    """A boundary beyond the floats is +Inf, which every histogram has."""
    values = [1.5e308, 1.0]
    bounds = _check(values, _point(values, max_size=2))
    assert math.inf not in bounds


def test_an_explicit_histogram_is_as_it_is() -> None:
    """Nothing is to be done for the usual kind."""
    provider, reader = MeterProvider(), InMemoryMetricReader()
    provider.arm(resource=RESOURCE, readers=[reader])
    histogram = provider.get_meter("m").create_histogram(
        "h", explicit_bucket_boundaries_advisory=[1, 2]
    )
    histogram.record(1.5)
    (point,) = points(reader.get_metrics_data(), "h")
    provider.disarm()
    assert tuple(map(tuple, classic_buckets(point))) == ((1, 2), (0, 1, 0))


def test_an_empty_histogram_has_one_empty_bucket() -> None:
    """A point of a cumulative histogram without values is not left out."""
    empty = Buckets(0, [])
    point = ExponentialHistogramDataPoint({}, 0, 0, 0, 0, 20, 0, empty, empty, 0, 0, 0)
    assert classic_buckets(point) == ([], [0])


@pytest.mark.parametrize("scale", [-1, -4])
def test_wide_buckets_stay_as_wide_as_they_are(scale: int) -> None:
    """Below scale 0 the SDK knows no finer boundaries."""
    positive, empty = Buckets(0, [2]), Buckets(0, [])
    point = ExponentialHistogramDataPoint({}, 0, 0, 2, 4, scale, 0, positive, empty, 0, 2, 2)
    assert classic_buckets(point) == ([1.0, 2.0 ** (2**-scale)], [0, 2, 0])
