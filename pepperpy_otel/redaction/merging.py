"""Data points that have become one stream: sums and histograms are added, of gauges the last stays.

The SDK aggregated them apart, since their attributes differed in what was then taken out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import Buckets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def merge_points(points: Sequence[Any], *, added: bool) -> list[Any]:
    """One point for each set of attributes, in the order in which each came first.

    Args:
        points: Of one metric, all of one kind.
        added: Whether values add up; else the newest counts.
    """
    merged: dict[Any, Any] = {}
    for point in points:
        # Histograms with other boundaries cannot be added: these stay apart.
        key = (_key(point.attributes), tuple(getattr(point, "explicit_bounds", ())))
        before = merged.get(key)
        if before is None:
            merged[key] = point
        elif added:
            merged[key] = _sum(before, point)
        elif _time(point) >= _time(before):
            merged[key] = point
    return list(merged.values())


def _key(attributes: Mapping[str, Any] | None) -> Any:
    return tuple(sorted((key, repr(value)) for key, value in (attributes or {}).items()))


def _time(point: Any) -> int:
    time: int = point.time_unix_nano
    return time


def _sum(one: Any, other: Any) -> Any:
    exemplars = sorted((*(one.exemplars or ()), *(other.exemplars or ())), key=_time)
    room = max(len(one.exemplars or ()), len(other.exemplars or ()))
    changes: dict[str, Any] = {
        "start_time_unix_nano": min(one.start_time_unix_nano, other.start_time_unix_nano),
        "time_unix_nano": max(_time(one), _time(other)),
        "exemplars": exemplars[len(exemplars) - room :],
    }
    if hasattr(one, "value"):
        return replace(one, **changes, value=one.value + other.value)
    changes.update(
        count=one.count + other.count,
        sum=one.sum + other.sum,
        min=min(one.min, other.min),
        max=max(one.max, other.max),
    )
    if hasattr(one, "bucket_counts"):
        counts = [a + b for a, b in zip(one.bucket_counts, other.bucket_counts, strict=True)]
        return replace(one, **changes, bucket_counts=counts)
    scale = min(one.scale, other.scale)
    return replace(
        one,
        **changes,
        scale=scale,
        zero_count=one.zero_count + other.zero_count,
        positive=_buckets(one, other, "positive", scale),
        negative=_buckets(one, other, "negative", scale),
    )


def _buckets(one: Any, other: Any, side: str, scale: int) -> Buckets:
    """Both points' buckets of one side at the coarser of their scales."""
    first = _coarser(getattr(one, side), one.scale - scale)
    second = _coarser(getattr(other, side), other.scale - scale)
    if not first.bucket_counts or not second.bucket_counts:
        return first if first.bucket_counts else second
    if second.offset < first.offset:
        first, second = second, first
    shifted = [*[0] * (second.offset - first.offset), *second.bucket_counts]
    pairs = zip_longest(first.bucket_counts, shifted, fillvalue=0)
    return Buckets(first.offset, [a + b for a, b in pairs])


def _coarser(buckets: Any, shift: int) -> Buckets:
    """The same counts where ``2 ** shift`` buckets are one."""
    if not any(buckets.bucket_counts):
        return Buckets(0, [])
    offset = buckets.offset >> shift
    counts = [0] * ((buckets.offset + len(buckets.bucket_counts) - 1 >> shift) - offset + 1)
    for place, count in enumerate(buckets.bucket_counts):
        counts[(buckets.offset + place >> shift) - offset] += count
    return Buckets(offset, counts)
