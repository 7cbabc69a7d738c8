from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import ExemplarFilter, MetricsTimeoutError
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from pepperpy_otel.metrics.consumer import Consumer
from pepperpy_otel.metrics.provider import MeterProvider
from tests.metrics.conftest import RESOURCE, Armed, points, until

if TYPE_CHECKING:
    from collections.abc import Iterable


def test_every_reader_has_its_own_aggregation(armed: Armed) -> None:
    """A second reader counts from when it was added, and loses nothing by the first one."""
    counter = armed.meter.create_counter("c")
    counter.add(1)
    second = InMemoryMetricReader()
    armed.provider.add_metric_reader(second)
    counter.add(2)
    assert armed.values("c") == [3]
    assert [p.value for p in points(second.get_metrics_data(), "c")] == [2]


def test_the_app_can_create_instruments_while_a_callback_is_slow(armed: Armed) -> None:
    """No lock is held over the callbacks of the app."""
    began, gate = threading.Event(), threading.Event()

    def slow(options: CallbackOptions) -> Iterable[Observation]:
        began.set()
        assert gate.wait(30)
        return [Observation(1)]

    armed.meter.create_observable_gauge("slow", [slow])
    collected: list[object] = []
    collection = threading.Thread(target=lambda: collected.append(armed.values("slow")))
    collection.start()
    try:
        assert began.wait(10)
        armed.meter.create_observable_gauge("other", [lambda _: [Observation(2)]])
        armed.meter.create_counter("c").add(1)
    finally:
        gate.set()
        collection.join(10)
    assert collected == [[1]]
    assert armed.values("other") == [2]


def test_a_late_callback_does_not_cost_the_collection(armed: Armed) -> None:
    """Counters, and the instruments that answer, arrive within the limit."""
    gate = threading.Event()

    def stuck(options: CallbackOptions) -> Iterable[Observation]:
        assert gate.wait(30)
        return [Observation(1)]

    armed.meter.create_counter("c").add(5)
    armed.meter.create_observable_gauge("early", [lambda _: [Observation(2)]])
    armed.meter.create_observable_gauge("stuck", [stuck])
    try:
        data = armed.reader.collect_for("push", 100)
        assert [p.value for p in points(data, "c")] == [5]
        assert [p.value for p in points(data, "early")] == [2]
        assert points(data, "stuck") == []
    finally:
        gate.set()
    until(lambda: armed.values("stuck") == [1])


def test_callbacks_are_told_their_time(armed: Armed) -> None:
    """What a callback is told is within what the collection has."""
    told: list[float] = []

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        told.append(options.timeout_millis)
        return []

    armed.meter.create_observable_gauge("g", [observe])
    armed.reader.collect_for("push", 4000)
    assert 0 < told[0] <= 4000


def test_one_collection_at_a_time(armed: Armed) -> None:
    """Another reader waits its turn, and is told when its time is up."""
    began, gate = threading.Event(), threading.Event()

    def slow(options: CallbackOptions) -> Iterable[Observation]:
        began.set()
        assert gate.wait(30)
        return [Observation(1)]

    second = InMemoryMetricReader()
    armed.provider.add_metric_reader(second)
    armed.meter.create_observable_gauge("slow", [slow])
    collection = threading.Thread(target=armed.collect)
    collection.start()
    try:
        assert began.wait(10)
        with pytest.raises(MetricsTimeoutError):
            second.collect(timeout_millis=10)
    finally:
        gate.set()
        collection.join(10)
    assert [p.value for p in points(second.get_metrics_data(), "slow")] == [1]


def test_an_observation_that_cannot_be_aggregated_costs_only_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A filter or a view that fails does not end the collection."""
    armed = Armed()
    view = View(instrument_name="bad", attribute_keys=5)  # type: ignore[arg-type]
    armed.provider.arm(resource=RESOURCE, views=[view], readers=[reader := type(armed.reader)()])
    armed.meter.create_observable_gauge("bad", [lambda _: [Observation(1, {"a": 1})]])
    armed.meter.create_observable_gauge("good", [lambda _: [Observation(2)]])
    data = reader.collect_for("push")
    assert points(data, "bad") == []
    assert [p.value for p in points(data, "good")] == [2]
    assert "metric bad (said once): could not be recorded: TypeError" in capsys.readouterr().err
    armed.provider.disarm()


def test_an_exemplar_filter_that_fails_costs_the_exemplar_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Measurements and observations are counted, one line names the filter."""

    class Broken(ExemplarFilter):
        def should_sample(self, *args: object) -> bool:
            raise RuntimeError("broken")

    armed = Armed()
    armed.provider.arm(
        resource=RESOURCE, exemplar_filter=Broken(), readers=[reader := type(armed.reader)()]
    )
    armed.meter.create_counter("c").add(1)
    armed.meter.create_observable_gauge("g", [lambda _: [Observation(2)]])
    data = reader.collect_for("push")
    found = points(data, "c") + points(data, "g")
    assert [(p.value, list(p.exemplars)) for p in found] == [(1, []), (2, [])]
    assert capsys.readouterr().err.count("the exemplar filter") == 1
    armed.provider.disarm()


def test_views_are_used() -> None:
    """A view changes the stream, as with the SDK's own provider."""
    provider = MeterProvider()
    reader = InMemoryMetricReader()
    view = View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation([1.0]))
    provider.arm(resource=RESOURCE, views=[view], readers=[reader])
    provider.get_meter("m").create_histogram("h").record(2)
    (point,) = points(reader.get_metrics_data(), "h")
    assert tuple(point.bucket_counts) == (0, 1)
    provider.disarm()


def test_a_forked_child_counts_from_zero(armed: Armed) -> None:
    """After the restart no value of the parent is counted again, and nothing is locked."""
    counter = armed.meter.create_counter("c")
    counter.add(5)
    armed.provider.restart_in_child()
    assert armed.collect() is None
    counter.add(1)
    assert armed.values("c") == [1]


def test_a_reader_that_was_removed_collects_nothing(armed: Armed) -> None:
    """A collection that comes too late is no error."""
    consumer = Consumer(None)
    assert consumer.collect(armed.reader) is None
