"""Exponential histograms as the classic buckets that every Prometheus understands.

At scale ``s`` the SDK's bucket ``i`` holds the values in ``(2**(i/2**s), 2**((i+1)/2**s)]``, and
the scale falls as the range grows. Powers of two are boundaries at every scale from 0 up, so
buckets merged between them are exact, and their ``le`` stays the same from scrape to scrape;
below scale 0 the SDK's own, wider ones are taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def classic_buckets(point: Any) -> tuple[Sequence[float], Sequence[int]]:
    """Boundaries and counts of a histogram's point, explicit or exponential.

    Returns:
        Rising boundaries, and for each bucket between them its own count; one more than
        boundaries.
    """
    if hasattr(point, "explicit_bounds"):
        return point.explicit_bounds, point.bucket_counts
    step = min(point.scale, 0)
    shift = point.scale - step
    negative = _merged(point.negative, shift)
    positive = _merged(point.positive, shift)
    bounds: list[float] = []
    counts: list[int] = []
    for index in sorted(negative, reverse=True):  # values in [-upper, -lower)
        bounds.append(-_power(index, step))
        counts.append(negative[index])
    if point.zero_count or negative:
        bounds.append(0.0)
        counts.append(point.zero_count)
    if positive:
        first, last = min(positive), max(positive)
        bounds.append(_power(first, step))
        counts.append(0)
        for index in range(first, last + 1):
            bounds.append(_power(index + 1, step))
            counts.append(positive.get(index, 0))
    return _finite(bounds, [*counts, 0])


def _merged(buckets: Any, shift: int) -> dict[int, int]:
    """Counts by index at the lower scale; only buckets that hold something."""
    merged: dict[int, int] = {}
    for position, count in enumerate(buckets.bucket_counts):
        if count:
            index = (buckets.offset + position) >> shift
            merged[index] = merged.get(index, 0) + count
    return merged


def _power(index: int, scale: int) -> float:
    """The boundary below bucket ``index`` at a scale of 0 or less."""
    try:
        return math.ldexp(1.0, index << -scale)
    except OverflowError:
        return float("inf")


def _finite(bounds: list[float], counts: list[int]) -> tuple[list[float], list[int]]:
    """Fold a boundary beyond the largest float into the last bucket."""
    while bounds and bounds[-1] == float("inf"):
        bounds.pop()
        counts[-2:] = [counts[-2] + counts[-1]]
    return bounds, counts
