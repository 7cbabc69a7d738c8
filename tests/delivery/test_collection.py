from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.collection import measure
from tests.delivery.fakes import FakeSender, make_metrics
from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.fakes import ManualClock


def test_metrics_are_collected_once_an_interval(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Not before the interval is over, and then once, with the timeout in milliseconds."""
    sender = FakeSender("metrics")
    pipeline, worker = still_pipeline(sender, metric_interval=10.0, metric_timeout=4.0)
    asked: list[float] = []

    def collect(timeout_millis: float) -> Any:
        asked.append(timeout_millis)
        return make_metrics(requests=1)

    pipeline.set_metric_source(collect)
    worker.step()
    clock.advance(9.9)
    worker.step()
    assert asked == []
    clock.advance(0.1)
    worker.step()
    worker.step()
    assert asked == [4000.0]
    assert pipeline.stats().pending.metrics == 1
    clock.advance(10)
    worker.step()
    assert len(asked) == 2


def test_one_collection_serves_all_destinations(
    pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Two destinations get the same data, collected by whichever worker is awake."""
    one, two = FakeSender("metrics"), FakeSender("metrics")
    made = pipeline([one], [two], start=False, clock=clock, metric_interval=10.0)
    collections: list[float] = []

    def collect(timeout_millis: float) -> Any:
        collections.append(timeout_millis)
        return make_metrics(requests=1)

    made.set_metric_source(collect)
    clock.advance(10)
    for worker in made._workers:
        worker.step()
    assert len(collections) == 1
    clock.advance(5)
    for worker in made._workers:
        worker.step()
    assert one.items == two.items
    assert len(one.items) == 1


def test_an_accepted_data_point_is_a_collected_one(still_pipeline: Callable[..., Any]) -> None:
    """Counts of metrics are data points; nothing collected is nothing accepted."""
    pipeline, _ = still_pipeline(FakeSender("metrics"))
    data = [make_metrics(a=1, b=2, c=3), None, make_metrics()]
    pipeline.set_metric_source(lambda _: data.pop(0))
    for _ in range(3):
        pipeline._metrics.collect(1.0)
    assert pipeline.stats().pending.metrics == 3


def test_without_a_source_or_a_destination_nothing_is_collected(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Metrics that nobody gives or nobody wants cost nothing."""
    asked: list[float] = []
    pipeline, worker = still_pipeline(FakeSender("traces"), metric_interval=1.0)
    pipeline.set_metric_source(asked.append)
    clock.advance(100)
    worker.step()
    pipeline.flush(0.0)
    assert asked == []
    pipeline, worker = still_pipeline(FakeSender("metrics"), metric_interval=1.0)
    clock.advance(100)
    worker.step()
    pipeline._metrics.collect(1.0)
    assert pipeline.stats().pending.metrics == 0


def test_a_failing_source_is_one_line_and_no_end(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """An error in the SDK's collection is said once; the next interval tries again."""
    pipeline, worker = still_pipeline(FakeSender("metrics"), metric_interval=1.0)

    def fail(timeout_millis: float) -> Any:
        raise ValueError("callback")

    pipeline.set_metric_source(fail)
    for _ in range(3):
        clock.advance(1)
        worker.step()
    assert len(said) == 1
    assert "metric collection" in said[0]
    pipeline.set_metric_source(lambda _: make_metrics(a=1))
    clock.advance(1)
    worker.step()
    assert pipeline.stats().pending.metrics == 1


def test_a_collection_under_way_is_waited_for_but_not_beyond_the_deadline(
    pipeline: Callable[..., Any],
) -> None:
    """A hung callback costs a flush its time and no more; the interval skips its turn."""
    made = pipeline([FakeSender("metrics")], start=False)
    release, entered = threading.Event(), threading.Event()

    def hang(timeout_millis: float) -> Any:
        entered.set()
        release.wait(30)
        return make_metrics(a=1)

    made.set_metric_source(hang)
    first = threading.Thread(target=made._metrics.collect, args=(5.0,))
    first.start()
    assert entered.wait(10)
    made._metrics.collect(0.01)  # gives up
    made._metrics._next = 0.0
    made._metrics.collect_if_due()  # skips
    assert made.stats().pending.metrics == 0
    release.set()
    first.join(10)
    wait_for(lambda: made.stats().pending.metrics == 1)


def test_the_second_worker_to_come_finds_the_interval_served(
    pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Two workers that wake at the same moment make one collection."""
    made = pipeline([FakeSender("metrics")], start=False, clock=clock, metric_interval=1.0)
    asked: list[float] = []
    collection = made._metrics
    made.set_metric_source(asked.append)
    clock.advance(1)

    class Late:
        """The lock is free only when the other worker is through."""

        def __init__(self, lock: Any) -> None:
            self._lock = lock

        def acquire(self, blocking: bool = True) -> bool:
            collection._lock = self._lock
            collection.collect_if_due()
            self._lock.acquire()
            return True

        def release(self) -> None:
            self._lock.release()

    collection._lock = Late(collection._lock)
    collection.collect_if_due()
    assert len(asked) == 1


def test_histograms_weigh_more_than_numbers() -> None:
    """The estimate of bytes sees the buckets."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("m").create_histogram("h").record(1)
    points, size = measure(reader.get_metrics_data())
    provider.shutdown()
    assert points == 1
    assert size > measure(make_metrics(a=1))[1]
    assert measure(None) == (0, 0)
