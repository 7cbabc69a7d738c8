"""Counts of items and the honest answer."""

from __future__ import annotations

import pytest

from pepperpy_otel.delivery.counts import FlushResult, SignalCounts


@pytest.mark.parametrize("bucket", ["spooled", "dropped", "pending"])
def test_a_flush_is_true_only_when_everything_was_delivered(bucket: str) -> None:
    """One item anywhere else than at its destination makes the answer false."""
    assert FlushResult(delivered=SignalCounts(3, 2, 1))
    assert not FlushResult(delivered=SignalCounts(3), **{bucket: SignalCounts(logs=1)})


def test_two_flushes_as_one() -> None:
    """What the first left open is as the second found it; the rest adds up."""
    first = FlushResult(
        SignalCounts(5, 1, 0), dropped=SignalCounts(traces=1), pending=SignalCounts(4)
    )
    later = FlushResult(SignalCounts(3, 0, 2), pending=SignalCounts(1))
    both = first.followed_by(later)
    assert both.delivered == SignalCounts(8, 1, 2)
    assert both.dropped.total == 1
    assert both.pending == SignalCounts(1)
    assert both.delivered.total == 11
