from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics import MetricsTimeoutError
from opentelemetry.sdk.metrics.export import AggregationTemporality, ExponentialHistogram, Histogram

from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import SharedReader, build_readers
from tests.metrics.conftest import RESOURCE, Armed, metric, points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pepperpy_otel.metrics.reader import Readers

CUMULATIVE, DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA


def test_all_consumers_read_one_cumulative_aggregation(armed: Armed) -> None:
    """What one collects takes nothing from the others."""
    counter = armed.meter.create_counter("c")
    counter.add(1)
    assert [armed.points("c", who)[0].value for who in ("push", "prometheus", "me")] == [1, 1, 1]
    counter.add(1)
    assert [armed.points("c", who)[0].value for who in ("me", "push")] == [2, 2]


def test_nothing_measured_is_nothing_collected(armed: Armed) -> None:
    """There is no empty data."""
    assert armed.collect() is None


def test_a_consumer_waits_its_turn_or_is_told(armed: Armed) -> None:
    """A scrape during a push times out, and afterwards gets everything."""
    began, gate = threading.Event(), threading.Event()

    def slow(options: CallbackOptions) -> Iterable[Observation]:
        began.set()
        assert gate.wait(30)
        return [Observation(1)]

    armed.meter.create_observable_gauge("slow", [slow])
    pushed: list[Any] = []
    push = threading.Thread(target=lambda: pushed.extend(armed.points("slow")))
    push.start()
    try:
        assert began.wait(10)
        with pytest.raises(MetricsTimeoutError, match="another collection took 10 ms"):
            armed.reader.collect_for("prometheus", 10)
        scraped: list[Any] = []
        scrape = threading.Thread(target=lambda: scraped.extend(armed.points("slow", "prometheus")))
        scrape.start()
    finally:
        gate.set()
        push.join(10)
    scrape.join(10)
    assert [point.value for point in pushed + scraped] == [1, 1]


def test_after_shutdown_there_is_nothing(armed: Armed, caplog: pytest.LogCaptureFixture) -> None:
    """A consumer that comes late gets None, without a warning of the SDK's."""
    armed.meter.create_counter("c").add(1)
    armed.provider.disarm()
    assert armed.collect() is None
    assert caplog.records == []


def test_a_flush_of_the_reader_collects_nothing(armed: Armed) -> None:
    """The exemplars and deltas of a flush belong to who sends them."""
    called: list[int] = []
    armed.meter.create_observable_gauge("g", [lambda _: called.append(1) or []])  # type: ignore[func-returns-value]
    assert armed.reader.force_flush()
    assert called == []


def test_a_foreign_provider_can_be_read() -> None:
    """Adopting the SDK's own provider needs nothing but add_metric_reader()."""
    foreign = SdkMeterProvider(resource=RESOURCE, shutdown_on_exit=False)
    reader = SharedReader()
    foreign.add_metric_reader(reader)
    foreign.get_meter("m").create_counter("c").add(2)
    assert [p.value for p in points(reader.collect_for("push"), "c")] == [2]
    foreign.remove_metric_reader(reader)
    assert reader.collect_for("push") is None


@pytest.fixture
def armed_with() -> Iterator[Any]:
    """Arms a provider with readers and gives a meter of it."""
    providers: list[MeterProvider] = []

    def arm(readers: Readers) -> Any:
        provider = MeterProvider()
        providers.append(provider)
        provider.arm(resource=RESOURCE, readers=readers.all)
        return provider.get_meter("m")

    yield arm
    for provider in providers:
        provider.disarm()


def _fill(meter: Any) -> None:
    meter.create_counter("counter").add(1)
    meter.create_up_down_counter("up_down").add(1)
    meter.create_histogram("histogram").record(1)
    meter.create_gauge("gauge").set(1)
    meter.create_observable_counter("observable", [lambda _: [Observation(1)]])
    meter.create_observable_up_down_counter("observable_up_down", [lambda _: [Observation(1)]])


@pytest.mark.parametrize(
    ("preference", "delta"),
    [
        ("cumulative", set()),
        ("delta", {"counter", "histogram", "observable"}),
        ("lowmemory", {"counter", "histogram"}),
    ],
)
def test_the_push_has_the_temporality_that_was_asked_for(
    armed_with: Any, preference: Any, delta: set[str]
) -> None:
    """As the OTLP exporter's specification has it, and as the SDK's exporter does it."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    readers = build_readers(preference)
    _fill(armed_with(readers))
    data = readers.push.collect_for("push")
    for name in ("counter", "up_down", "histogram", "observable", "observable_up_down"):
        found = metric(data, name)
        assert found is not None
        expected = DELTA if name in delta else CUMULATIVE
        assert found.data.aggregation_temporality is expected, name  # type: ignore[union-attr]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)
        stock = OTLPMetricExporter()
    theirs = {t.__name__ for t, value in stock._preferred_temporality.items() if value is DELTA}
    names = {"counter": "Counter", "histogram": "Histogram", "observable": "ObservableCounter"}
    assert {names[name] for name in delta} == theirs
    stock.shutdown()


def test_one_reader_serves_a_cumulative_push_and_the_rest() -> None:
    """A second aggregation would make every measurement dearer."""
    readers = build_readers()
    assert readers.push is readers.snapshot
    assert readers.all == (readers.push,)


def test_a_delta_push_leaves_the_rest_cumulative(armed_with: Any) -> None:
    """Prometheus and collect() see totals while the push takes deltas."""
    readers = build_readers("delta")
    counter = armed_with(readers).create_counter("c")
    seen = []
    for _ in range(2):
        counter.add(1)
        pushed = points(readers.push.collect_for("push"), "c")
        shown = points(readers.snapshot.collect_for("prometheus"), "c")
        seen.append((pushed[0].value, shown[0].value))
    assert seen == [(1, 1), (1, 2)]
    assert len(readers.all) == 2


def test_a_delta_push_alone_has_one_reader() -> None:
    """Where nobody else reads, there is no second aggregation."""
    readers = build_readers("delta", cumulative_needed=False)
    assert readers.all == (readers.push,)
    assert readers.snapshot is readers.push


@pytest.mark.parametrize(
    ("preference", "kind"),
    [
        ("explicit_bucket_histogram", Histogram),
        ("base2_exponential_bucket_histogram", ExponentialHistogram),
    ],
)
def test_the_push_has_the_histograms_that_were_asked_for(
    armed_with: Any, preference: Any, kind: type
) -> None:
    """The preference of OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION."""
    readers = build_readers(histogram_aggregation=preference)
    _fill(armed_with(readers))
    found = metric(readers.push.collect_for("push"), "histogram")
    assert found is not None
    assert type(found.data) is kind


def test_the_limit_reaches_every_reader(armed_with: Any) -> None:
    """Both readers of a delta push are bounded alike."""
    readers = build_readers("delta", cardinality_limit=2)
    counter = armed_with(readers).create_counter("c")
    for user in range(4):
        counter.add(1, {"user": user})
    assert len(points(readers.push.collect_for("push"), "c")) == 3
    assert len(points(readers.snapshot.collect_for("collect"), "c")) == 3


def test_nothing_is_lost_or_counted_twice_under_load(armed: Armed) -> None:
    """Threads that count while others push and scrape: the total is exact."""
    counter = armed.meter.create_counter("c")
    ended = threading.Event()

    def count() -> None:
        for number in range(2000):
            counter.add(1, {"n": number % 7})

    def read(consumer: str) -> None:
        seen = 0.0
        while not ended.is_set():
            total = sum(point.value for point in armed.points("c", consumer))
            assert total >= seen
            seen = total

    readers = [threading.Thread(target=read, args=[who]) for who in ("push", "prometheus")]
    counters = [threading.Thread(target=count) for _ in range(4)]
    for thread in readers + counters:
        thread.start()
    for thread in counters:
        thread.join(60)
    ended.set()
    for thread in readers:
        thread.join(60)
    assert sum(point.value for point in armed.points("c")) == 8000
