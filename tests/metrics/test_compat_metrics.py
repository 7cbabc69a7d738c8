"""The private names of the SDK's metrics that we lean on: these fail when one of them moves."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics._internal import metric_reader_storage
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from pepperpy_otel import _compat
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import SharedReader
from tests.metrics.conftest import RESOURCE, points


@pytest.fixture
def provider() -> sdk.MeterProvider:
    """One of the SDK's own."""
    return sdk.MeterProvider(resource=RESOURCE, shutdown_on_exit=False)


def test_the_sdk_has_seven_kinds_of_instruments() -> None:
    """The keys of a reader's preferences."""
    names = {kind.__name__ for kind in _compat.sdk_instrument_classes()}
    assert names == {
        "Counter",
        "UpDownCounter",
        "Histogram",
        "Gauge",
        "ObservableCounter",
        "ObservableUpDownCounter",
        "ObservableGauge",
    }
    InMemoryMetricReader(
        dict.fromkeys(_compat.sdk_instrument_classes(), sdk.export.AggregationTemporality.DELTA)
    )


def test_a_consumer_can_be_installed(provider: sdk.MeterProvider) -> None:
    """Meters made afterwards hand their measurements to it, with the provider's configuration."""

    class Consumer:
        def __init__(self, configuration: Any) -> None:
            self.configuration = configuration
            self.values: list[float] = []

        def consume_measurement(self, measurement: Any) -> None:
            self.values.append(measurement.value)

    consumer = _compat.install_consumer(provider, Consumer)
    provider.get_meter("m").create_counter("c").add(3)
    assert consumer.values == [3]
    assert consumer.configuration.resource is RESOURCE


def test_the_configuration_can_be_replaced(provider: sdk.MeterProvider) -> None:
    """For readers that are added afterwards."""
    resource = Resource({"new": True})
    view = sdk.view.View(instrument_name="c", name="renamed")
    _compat.set_metrics_configuration(
        provider,
        resource=resource,
        views=[view],
        exemplar_filter=sdk.AlwaysOnExemplarFilter(),
    )
    reader = InMemoryMetricReader()
    provider.add_metric_reader(reader)
    provider.get_meter("m").create_counter("c").add(1)
    data = reader.get_metrics_data()
    assert data is not None
    assert data.resource_metrics[0].resource is resource
    (point,) = points(data, "renamed")
    assert len(point.exemplars) == 1
    _compat.replace_metrics_resource(provider, RESOURCE)
    data = reader.get_metrics_data()
    assert data is not None
    assert data.resource_metrics[0].resource is RESOURCE


def test_the_fork_hook_is_looked_up_on_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK registers the method that it finds when it is made."""
    hooks: list[Any] = []
    monkeypatch.setattr("os.register_at_fork", lambda **given: hooks.append(given))
    called: list[object] = []
    provider = sdk.MeterProvider.__new__(sdk.MeterProvider)
    _compat.replace_meter_provider_fork_hook(provider, called.append)
    provider.__init__(resource=RESOURCE, shutdown_on_exit=False)  # type: ignore[misc]
    for hook in hooks:
        hook["after_in_child"]()
    assert called == [provider]


def test_locks_are_renewed(provider: sdk.MeterProvider) -> None:
    """Every lock that a provider takes and a meter takes may be held at a fork."""
    meter = provider.get_meter("m")
    held: list[Any] = [
        provider._lock,
        provider._meter_lock,
        sdk.MeterProvider._all_metric_readers_lock,
        meter._instrument_registration_lock,  # type: ignore[attr-defined]
        meter._instrument_ids_lock,
    ]
    for lock in held:
        assert lock.acquire(timeout=5)
    _compat.renew_meter_provider_locks(provider)
    for lock in held:
        lock.release()
    assert provider._lock is not held[0]
    worked: list[object] = []

    def work() -> None:
        provider.get_meter("m").create_counter("c")
        provider.add_metric_reader(InMemoryMetricReader())
        worked.append(True)

    for lock in held:
        lock.acquire()
    worker = threading.Thread(target=work)
    worker.start()
    worker.join(10)
    for lock in held:
        lock.release()
    assert worked == [True]


def test_meters_are_made_with_our_class(provider: sdk.MeterProvider) -> None:
    """Kept by their scope, with the switch that the provider's configurator turns."""

    class Meter(sdk.Meter):
        pass

    from opentelemetry.sdk.metrics._internal import _disable_meter_configurator
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    meter = _compat.meter_of(provider, InstrumentationScope("m"), Meter)
    assert type(meter) is Meter
    assert _compat.meter_of(provider, InstrumentationScope("m"), Meter) is meter
    assert provider.get_meter("m") is meter
    switch = _compat.meter_switch(meter)
    assert switch.is_enabled
    provider._set_meter_configurator(meter_configurator=_disable_meter_configurator)
    assert not switch.is_enabled


def test_a_reader_hears_of_its_provider(
    provider: sdk.MeterProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the SDK's own metrics switched on it then measures its collections."""
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    reader = InMemoryMetricReader()
    provider.add_metric_reader(reader)
    _compat.announce_reader(provider, reader)
    reader.collect()
    assert points(reader.get_metrics_data(), "otel.sdk.metric_reader.collection.duration")


def test_a_detached_reader_can_be_added_elsewhere(
    provider: sdk.MeterProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the provider is left with it."""
    reader = InMemoryMetricReader()
    provider.add_metric_reader(reader)
    provider.get_meter("m").create_counter("c").add(1)
    _compat.detach_reader(provider, reader)
    other = sdk.MeterProvider(resource=RESOURCE, shutdown_on_exit=False)
    other.add_metric_reader(reader)
    assert caplog.records == []
    assert reader.get_metrics_data() is None


class _Reader:
    """What a storage asks of a reader."""

    _instrument_class_temporality = "temporality"
    _instrument_class_aggregation = "aggregation"


def test_a_newer_sdk_bounds_its_streams_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDK 1.45.2 and later takes the reader's limits."""
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        metric_reader_storage, "MetricReaderStorage", lambda *given: made.append(given)
    )
    reader = _Reader()
    reader._instrument_class_cardinality_limit = "limits"  # type: ignore[attr-defined]
    _compat.new_metric_storage("configuration", reader, 5)
    assert made == [("configuration", "temporality", "aggregation", "limits")]


class _OlderStorage:
    """The SDK 1.45.1's storage, as far as the limit is concerned."""

    def __init__(self, *_: object) -> None:
        self._lock = threading.RLock()
        self.looked_up = 0

    def _get_or_init_view_instrument_match(self, instrument: object) -> list[Any]:
        self.looked_up += 1
        return [type("Stream", (), {"_attributes_aggregation": {}})()]


class _Aggregation:
    def __init__(self, key: str) -> None:
        self._attributes: dict[str, object] = {"key": key}


def test_an_older_sdks_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stream of each instrument once; what is beyond the limit shares one aggregation."""
    monkeypatch.setattr(metric_reader_storage, "MetricReaderStorage", _OlderStorage)
    storage = _compat.new_metric_storage("configuration", _Reader(), 2)
    (stream,) = storage._get_or_init_view_instrument_match("a")
    assert storage._get_or_init_view_instrument_match("a") == [stream]
    assert storage.looked_up == 1
    kept = stream._attributes_aggregation
    for key in "abcd":
        if key not in kept:
            kept[key] = _Aggregation(key)
        kept[key]._attributes["seen"] = True
    assert [aggregation._attributes for aggregation in kept.values()] == [
        {"key": "a", "seen": True},
        {"key": "b", "seen": True},
        {"otel.metric.overflow": True, "seen": True},
    ]
    assert kept["x"] is kept["y"]


def test_a_measurement_may_cut_into_another_one() -> None:
    """As that of a signal handler: it waits for no lock of its own thread, and both count."""
    reader = SharedReader()
    armed = MeterProvider()
    armed.arm(resource=RESOURCE, readers=[reader])
    histogram = armed.get_meter("m").create_histogram("h")
    storage = armed._consumer._storages[reader]
    histogram.record(1)
    (stream,) = storage._get_or_init_view_instrument_match(histogram)
    (aggregation,) = stream._attributes_aggregation.values()
    done = threading.Event()

    def cut_in() -> None:
        with aggregation._lock, stream._lock, aggregation._reservoir._lock:
            histogram.record(1)
            histogram.record(1, {"new": 1})
        for key in list(stream._attributes_aggregation):  # as after having been cut into
            stream._attributes_aggregation[key] = object()
        done.set()

    threading.Thread(target=cut_in, daemon=True).start()
    assert done.wait(10)
    assert sorted(point.count for point in points(reader.collect_for("push"), "h")) == [1, 2]
    armed.disarm()


def test_two_threads_that_meet_get_the_same_bounded_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second one waits for the first one's."""

    class Meeting(_OlderStorage):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)
            self.waiting = threading.Event()

        def _get_or_init_view_instrument_match(self, instrument: object) -> list[Any]:
            if self.looked_up == 0:
                self.looked_up = 1
                other.start()
                assert self.waiting.wait(10)
            return super()._get_or_init_view_instrument_match(instrument)

    class Lock:
        """Tells when somebody waits for it."""

        def __init__(self, storage: Any) -> None:
            self.storage, self.lock = storage, threading.RLock()

        def __enter__(self) -> None:
            if not self.lock.acquire(blocking=False):
                self.storage.waiting.set()
                self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    monkeypatch.setattr(metric_reader_storage, "MetricReaderStorage", Meeting)
    storage = _compat.new_metric_storage("configuration", _Reader(), 2)
    storage._lock = Lock(storage)
    found: list[Any] = []
    other = threading.Thread(
        target=lambda: found.extend(storage._get_or_init_view_instrument_match("a"))
    )
    found.extend(storage._get_or_init_view_instrument_match("a"))
    other.join(10)
    assert len(found) == 2
    assert found[0] is found[1]
