"""The telemetry pipeline, judged from its own counts: DEGRADED at the most."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_otel.delivery.counts import PipelineStats, SignalCounts
from pepperpy_otel.health import HealthStatus, probes


class Pipeline:
    """A pipeline whose counts and clock the test moves."""

    def __init__(self, **options: Any) -> None:
        self.now = 5000.0
        self.stats: Any = SimpleNamespace(
            delivered=0, dropped=0, pending=0, queue_bytes=0, last_error=None, last_success=None
        )
        self.probe = probes.telemetry_pipeline(
            lambda: self.stats, interval=10.0, clock=lambda: self.now, **options
        )

    def after(self, seconds: float, **changes: Any) -> str:
        """The reason of a degraded result after so many seconds, empty for a healthy one."""
        self.now += seconds
        vars(self.stats).update(changes)
        result = self.probe()
        assert result.status in (HealthStatus.HEALTHY, HealthStatus.DEGRADED)
        return result.reason if result.status is HealthStatus.DEGRADED else ""


def test_a_pipeline_that_delivers_is_healthy() -> None:
    """Also when it has nothing to do for hours."""
    pipeline = Pipeline()
    assert pipeline.after(10, delivered=5, last_success=1.0) == ""
    assert pipeline.after(10, delivered=9, last_success=2.0, pending=3) == ""
    assert pipeline.after(7200, pending=0) == ""
    assert pipeline.after(10, pending=4) == ""


def test_three_failures_in_a_row_are_degraded() -> None:
    """And one delivery makes it good."""
    pipeline = Pipeline()
    assert pipeline.after(1) == ""
    for n in range(2):
        assert pipeline.after(1, last_error=f"refused {n}", pending=2) == ""
    assert pipeline.after(10) == "3 deliveries in a row failed (refused 1)"
    assert pipeline.after(1, delivered=2, pending=0) == ""


def test_looking_often_is_not_failing_often() -> None:
    """One failure that an endpoint asks for a hundred times stays one."""
    pipeline = Pipeline()
    pipeline.after(1)
    for _ in range(100):
        assert pipeline.after(0.01, last_error="refused", pending=2) == ""
    assert pipeline.after(10) == ""
    assert pipeline.after(10) == "3 deliveries in a row failed (refused)"


def test_a_count_of_failures_that_the_pipeline_keeps_is_believed() -> None:
    """It knows better than a probe that looks now and then."""
    pipeline = Pipeline()
    assert pipeline.after(1, failures_in_a_row=2, last_error="x") == ""
    assert pipeline.after(1, failures_in_a_row=3) == "3 deliveries in a row failed (x)"
    assert pipeline.after(1, failures_in_a_row=0) == ""


def test_an_old_error_of_an_idle_pipeline_is_no_failure() -> None:
    """Nothing is waiting and nothing new went wrong."""
    pipeline = Pipeline()
    for _ in range(9):
        assert pipeline.after(1, last_error="refused once") == ""


def test_data_that_waits_for_three_intervals_is_degraded() -> None:
    """Whether or not an error was told; not before, and not without data."""
    pipeline = Pipeline()
    assert pipeline.after(1, pending=7) == ""
    assert pipeline.after(25) == ""
    assert pipeline.after(5) == "nothing delivered for 31 s, 7 items waiting"
    assert pipeline.after(10, last_success=1.0) == ""


def test_a_queue_that_is_nearly_full_is_degraded() -> None:
    """From 90 percent on, where the limit is known."""
    pipeline = Pipeline(queue_limit_bytes=1000)
    assert pipeline.after(1, queue_bytes=899) == ""
    assert pipeline.after(1, queue_bytes=900) == "the queue is nearly full: 90%"
    assert pipeline.after(1, queue_share=0.5) == ""  # the share counts where it is told
    assert pipeline.after(1, queue_share=0.95) == "the queue is nearly full: 95%"
    unknown = Pipeline()
    assert unknown.after(1, queue_bytes=10**12) == ""


def test_drops_that_rise_are_degraded_for_three_intervals() -> None:
    """Drops from before the first look are history."""
    pipeline = Pipeline()
    assert pipeline.after(1, dropped=5) == ""
    assert pipeline.after(1, dropped=6) == "items are dropped: 6 so far"
    assert pipeline.after(29) == "items are dropped: 6 so far"
    assert pipeline.after(2) == ""


def test_several_problems_are_one_line_without_secrets() -> None:
    """The error's address is masked."""
    pipeline = Pipeline(queue_limit_bytes=10)
    pipeline.after(1)
    reason = pipeline.after(
        1, queue_bytes=10, failures_in_a_row=3, last_error="POST http://u:hunter2@h/\nrefused"
    )
    assert reason == (
        "3 deliveries in a row failed (POST http://***@h/ refused); the queue is nearly full: 100%"
    )


def test_our_own_stats_fit() -> None:
    """Counts by signal are summed."""
    stats = PipelineStats(delivered=SignalCounts(1, 2, 3), pending=SignalCounts(logs=1))
    result = probes.telemetry_pipeline(lambda: stats)()
    assert result.reason == "6 items delivered"
    assert result.data["pending"] == 1


def test_no_pipeline_is_no_alarm_and_a_broken_one_no_exception() -> None:
    """Telemetry may be off."""
    assert probes.telemetry_pipeline(lambda: None)().status is HealthStatus.HEALTHY
    assert probes.telemetry_pipeline(lambda: 1)().status is HealthStatus.DEGRADED


@pytest.mark.parametrize(
    "options",
    [{"interval": 0}, {"degraded_queue_share": 2}, {"queue_limit_bytes": 0}],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """By name."""
    with pytest.raises(ValueError, match=next(iter(options))):
        probes.telemetry_pipeline(lambda: None, **options)
