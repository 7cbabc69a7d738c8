"""Every lock of OpenTelemetry that a child may inherit locked is made anew; fails if one moves."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics as api
from opentelemetry import trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource, ServiceInstanceIdResourceDetector
from opentelemetry.util._once import Once

from pepperpy_otel import _compat
from pepperpy_otel._compat import forks
from pepperpy_otel.metrics.reader import SharedReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def held(locks: Sequence[Any]) -> Iterator[None]:
    """Another thread holds them."""
    ready, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            ready.set()
            go_on.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(10)
    yield
    go_on.set()
    thread.join()


def works(function: Any) -> bool:
    """Whether it comes to its end."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_what_the_process_has_one_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's proxies, what is set once, the caches of histograms, the instance's id."""
    from opentelemetry.metrics import _internal
    from opentelemetry.sdk import resources
    from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping import (
        exponent_mapping,
        logarithm_mapping,
    )

    proxy = _internal._ProxyMeterProvider()
    monkeypatch.setattr(_internal, "_PROXY_METER_PROVIDER", proxy)
    for module, name in forks.ONCE:
        monkeypatch.setattr(importlib.import_module(module), name, Once())
    meter: Any = proxy.get_meter("m")
    once = [getattr(sys.modules[module], name) for module, name in forks.ONCE]
    classes = [exponent_mapping.ExponentMapping, logarithm_mapping.LogarithmMapping]
    locks = [
        proxy._lock,
        meter._lock,
        meter._instrument_ids_lock,
        resources._service_instance_id_lock,
        *(each._lock for each in once),
        *(each._mappings_lock for each in classes),
    ]

    def work() -> None:
        proxy.get_meter("n")
        meter.create_counter("c")
        ServiceInstanceIdResourceDetector().detect()
        for each in once:
            each.do_once(lambda: None)
        exponent_mapping.ExponentMapping(-3)
        logarithm_mapping.LogarithmMapping(3)

    with held(locks):
        _compat.renew_global_locks()
        assert works(work)


def test_what_is_not_imported_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of a process that uses the API only has no SDK; a module may be half there."""
    for module in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(trace, "_TRACER_PROVIDER_SET_ONCE")
    _compat.renew_global_locks()


class _Reservoir:
    """One of the app's own, without a lock."""

    def offer(self, *_: object) -> None:
        """Take nothing."""

    def collect(self, *_: object) -> list[Any]:
        return []


class _Adopted:
    """A provider of the app's in which everything is locked."""

    def __init__(self) -> None:
        self.ours, self.theirs = (
            SharedReader(),
            InMemoryMetricReader(
                preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()}
            ),
        )
        self.provider = MeterProvider(
            [self.theirs], resource=Resource.get_empty(), shutdown_on_exit=False
        )
        self.provider.add_metric_reader(self.ours)
        self.meter = self.provider.get_meter("m")
        self.counter = self.meter.create_counter("c")
        self.histogram = self.meter.create_histogram("h")
        self.meter.create_observable_gauge("g", [lambda _: [Observation(1)]])
        self.counter.add(5)
        self.histogram.record(5)
        self.ours.collect_for("push")
        self.theirs.get_metrics_data()
        consumer: Any = self.provider._measurement_consumer
        storage = consumer._reader_storages[self.theirs]
        ((match,), *_) = storage._instrument_view_instrument_matches.values()
        for aggregation in match._attributes_aggregation.values():
            aggregation._reservoir = _Reservoir()

    def locks(self) -> list[Any]:
        consumer: Any = self.provider._measurement_consumer
        found = [consumer._lock, self.theirs._lock, self.provider._meter_lock]
        for storage in consumer._reader_storages.values():
            found.append(storage._lock)
            for (match,) in storage._instrument_view_instrument_matches.values():
                found.append(match._lock)
                for aggregation in match._attributes_aggregation.values():
                    found.append(aggregation._lock)
                    if hasattr(aggregation._reservoir, "_lock"):
                        found.append(aggregation._reservoir._lock)
        return found

    def work(self) -> None:
        self.counter.add(1)
        self.histogram.record(1)
        self.meter.create_counter("new").add(1)

    def values(self) -> tuple[Any, Any]:
        """Of the counter, for us and for the app's reader."""
        return _value(self.ours.collect_for("push")), _value(self.theirs.get_metrics_data())


def _value(data: Any) -> Any:
    (metric,) = [
        m
        for r in data.resource_metrics
        for s in r.scope_metrics
        for m in s.metrics
        if m.name == "c"
    ]
    return metric.data.data_points[0].value


@pytest.mark.parametrize("everything", [False, True])
def test_an_adopted_provider(everything: bool) -> None:
    """Nothing in it hangs; our readers begin at zero, the app's keep what the SDK counts on."""
    adopted = _Adopted()
    seen: list[Any] = []

    def work() -> None:
        adopted.work()
        seen.extend(adopted.values())

    locks = adopted.locks()
    assert len(locks) > 10
    with held(locks):
        ours = None if everything else [adopted.ours, SharedReader()]  # one that has been removed
        _compat.restart_adopted_metrics(adopted.provider, ours)
        assert works(work)
    assert seen == [1, 1 if everything else 6]
    adopted.provider.shutdown()


def test_a_reader_s_own_locks() -> None:
    """The one that is held while the SDK's periodic reader exports."""
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

    reader = PeriodicExportingMetricReader(ConsoleMetricExporter(out=None), 1e9)
    with held([reader._export_lock]):
        _compat.renew_reader_locks(reader)
        assert works(lambda: reader._receive_metrics(api.NoOpMeterProvider()))  # type: ignore[arg-type]
    reader.shutdown()
    _compat.renew_reader_locks(object())
