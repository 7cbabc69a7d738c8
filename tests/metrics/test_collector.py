from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics.view import DropAggregation, SumAggregation, View

from pepperpy_otel import _current
from pepperpy_otel.metrics import MetricsCollector
from pepperpy_otel.metrics.collector import RESPONSE_TIME_BOUNDARIES
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import build_readers
from tests.metrics.conftest import RESOURCE, points

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("private_providers")

ZEROS = {"requests": 0, "response_time": 0, "connections": 0}


class Handle:
    """As much of a Telemetry as the collector needs, with the readers that it would have."""

    tracer_provider: Any = None
    logger_provider: Any = None

    def __init__(self, **readers: Any) -> None:
        self.readers = build_readers(**readers)
        self.meter_provider: Any = MeterProvider()
        self.meter_provider.arm(resource=RESOURCE, readers=self.readers.all)

    def metrics_snapshot(self) -> Any:
        return self.readers.snapshot.collect_for("collect", 5000)


@pytest.fixture
def handle() -> Iterator[Handle]:
    """The telemetry after configure()."""
    handle = Handle()
    _current.set_current(handle)
    yield handle
    handle.meter_provider.disarm()


def test_without_anything_all_is_zero(caplog: pytest.LogCaptureFixture) -> None:
    """Before configure(), and before the first request; no warning is logged either."""
    assert MetricsCollector().collect() == ZEROS
    assert caplog.records == []


def test_the_buckets_are_those_of_http() -> None:
    """Prometheus can put both histograms into one picture."""
    from opentelemetry.instrumentation._semconv import HTTP_DURATION_HISTOGRAM_BUCKETS_NEW

    assert tuple(HTTP_DURATION_HISTOGRAM_BUCKETS_NEW) == RESPONSE_TIME_BOUNDARIES


def test_before_configure_it_counts_privately() -> None:
    """The three instruments work at once."""
    collector = MetricsCollector()
    collector.request_count.add(2)
    collector.request_count.add(1, {"http.route": "/"})
    collector.response_time.record(0.25)
    collector.active_connections.add(3)
    collector.active_connections.add(-1)
    found = collector.collect()
    assert {key: found[key] for key in ZEROS} == {
        "requests": 3,
        "response_time": 0.25,
        "connections": 2,
    }


def test_after_configure_the_same_instruments_count_for_real(handle: Handle) -> None:
    """With the names, units and buckets that Prometheus will show."""
    _current.set_current(None)
    collector = MetricsCollector()
    collector.request_count.add(1)
    _current.set_current(handle)
    collector.request_count.add(2)
    collector.response_time.record(0.02)
    collector.active_connections.add(1)
    found = collector.collect()
    assert (found["requests"], found["response_time"], found["connections"]) == (2, 0.02, 1)
    data = handle.readers.push.collect_for("push")
    assert [p.value for p in points(data, "pepperpy.requests")] == [2]
    (point,) = points(data, "pepperpy.response_time")
    assert point.explicit_bounds[0] == 0.005
    assert data is not None
    units = {m.name: m.unit for s in data.resource_metrics[0].scope_metrics for m in s.metrics}
    assert units == {
        "pepperpy.requests": "{request}",
        "pepperpy.response_time": "s",
        "pepperpy.active_connections": "{connection}",
    }


def test_collecting_takes_nothing_from_the_exporters() -> None:
    """Also when they get deltas."""
    handle = Handle(temporality="delta")
    _current.set_current(handle)
    collector = MetricsCollector()
    collector.request_count.add(2)
    assert [collector.collect()["requests"] for _ in range(2)] == [2, 2]
    data = handle.readers.push.collect_for("push")
    assert [p.value for p in points(data, "pepperpy.requests")] == [2]
    assert collector.collect()["requests"] == 2
    handle.meter_provider.disarm()


@pytest.mark.parametrize(
    ("name", "unit", "values"),
    [
        ("http.server.request.duration", "s", (0.1, 0.2)),
        ("http.server.duration", "ms", (100, 200)),
    ],
)
def test_http_instrumentations_are_included(
    handle: Handle, name: str, unit: str, values: tuple[float, float]
) -> None:
    """By the new convention and by the older one, which counts in milliseconds."""
    collector = MetricsCollector()
    collector.request_count.add(1)
    collector.response_time.record(0.5)
    meter = handle.meter_provider.get_meter("opentelemetry.instrumentation.fastapi")
    for value in values:
        meter.create_histogram(name, unit).record(value, {"http.route": str(value)})
    meter.create_up_down_counter("http.server.active_requests").add(4, {"http.method": "GET"})
    found = collector.collect()
    assert found["requests"] == 3
    assert found["response_time"] == pytest.approx(0.8)
    assert found["connections"] == 4


def test_both_conventions_at_once_count_once(handle: Handle) -> None:
    """OTEL_SEMCONV_STABILITY_OPT_IN=http/dup gives each request twice."""
    meter = handle.meter_provider.get_meter("asgi")
    meter.create_histogram("http.server.request.duration", "s").record(0.1)
    meter.create_histogram("http.server.duration", "ms").record(100)
    found = MetricsCollector().collect()
    assert (found["requests"], found["response_time"]) == (1, 0.1)


def test_exponential_histograms_count_too() -> None:
    """Whatever the histograms of the push are."""
    handle = Handle(histogram_aggregation="base2_exponential_bucket_histogram")
    _current.set_current(handle)
    collector = MetricsCollector()
    collector.response_time.record(0.5)
    collector.response_time.record(0.25)
    found = collector.collect()
    assert found["response_time"] == 0.75
    assert found["pepperpy.response_time"] == {"count": 2, "sum": 0.75, "min": 0.25, "max": 0.5}
    handle.meter_provider.disarm()


def test_every_instrument_is_there_by_name(handle: Handle) -> None:
    """Numbers for a single point, a list for several, count and sum for histograms."""
    collector = MetricsCollector()
    collector.registry.gauge("temperature").set(21.5)
    collector.registry.counter("orders").add(1, {"country": "se"})
    collector.registry.counter("orders").add(2, {"country": "no"})
    collector.registry.histogram("size").record(3)
    meter = handle.meter_provider.get_meter("mine")
    meter.create_observable_gauge("queue", [lambda _: [Observation(7)]])
    found = collector.collect()
    assert found["temperature"] == 21.5
    assert found["queue"] == 7
    assert found["size"] == {"count": 1, "sum": 3, "min": 3, "max": 3}
    assert found["orders"] == [
        {"scope": "pepperpy_otel.metrics", "attributes": {"country": "se"}, "value": 1},
        {"scope": "pepperpy_otel.metrics", "attributes": {"country": "no"}, "value": 2},
    ]


def test_the_same_name_in_two_scopes_is_a_list(handle: Handle) -> None:
    """Each with its scope."""
    for scope, value in (("a", 1), ("b", 2)):
        handle.meter_provider.get_meter(scope).create_counter("c").add(value)
    assert MetricsCollector().collect()["c"] == [
        {"scope": "a", "attributes": {}, "value": 1},
        {"scope": "b", "attributes": {}, "value": 2},
    ]


def test_an_instrument_called_requests_does_not_hide_the_number(handle: Handle) -> None:
    """It is found under its scope."""
    handle.meter_provider.get_meter("shop").create_counter("requests").add(9)
    found = MetricsCollector().collect()
    assert (found["requests"], found["shop/requests"]) == (0, 9)


def test_a_view_may_change_the_kind(handle: Handle) -> None:
    """A response time that is dropped by a view of the user's is no error."""
    view = View(instrument_name="pepperpy.response_time", aggregation=DropAggregation())
    handle.meter_provider.arm(
        resource=RESOURCE, views=[view], readers=(readers := build_readers()).all
    )
    handle.readers = readers
    collector = MetricsCollector()
    collector.response_time.record(1)
    collector.request_count.add(1)
    assert collector.collect() == {**ZEROS, "requests": 1, "pepperpy.requests": 1}


def test_a_view_may_leave_the_sum_alone(handle: Handle) -> None:
    """Where a histogram is only summed up, its sum still counts."""
    views = [
        View(instrument_name=name, aggregation=SumAggregation())
        for name in ("pepperpy.response_time", "http.server.duration")
    ]
    handle.meter_provider.arm(
        resource=RESOURCE, views=views, readers=(readers := build_readers()).all
    )
    handle.readers = readers
    collector = MetricsCollector()
    collector.response_time.record(1)
    handle.meter_provider.get_meter("m").create_histogram("http.server.duration", "ms").record(500)
    found = collector.collect()
    assert (found["response_time"], found["requests"]) == (1.5, 0)


def test_disabled_telemetry_gives_zeros() -> None:
    """And the instruments take everything."""

    class Disabled(Handle):
        def __init__(self) -> None:
            self.meter_provider = NoOpMeterProvider()

        def metrics_snapshot(self) -> Any:
            return None

    _current.set_current(Disabled())
    collector = MetricsCollector()
    collector.request_count.add(1)
    assert collector.collect() == ZEROS


def test_a_collection_that_fails_gives_zeros(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said once, and the app goes on."""

    def fail() -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(handle, "metrics_snapshot", fail)
    assert MetricsCollector().collect() == MetricsCollector().collect() == ZEROS
    assert capsys.readouterr().err.count("MetricsCollector.collect()") == 1
