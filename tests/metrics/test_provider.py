from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import NoOpMeter, Observation
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import SharedReader
from tests.metrics.conftest import RESOURCE, Armed, Hostile, points, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.metrics.export import MetricsData


@pytest.fixture
def provider() -> Iterator[MeterProvider]:
    """One of ours, not armed yet."""
    provider = MeterProvider()
    yield provider
    provider.owner = None
    provider.disarm()


class Exporter(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.exported: list[MetricsData] = []
        self.ended = False

    def export(self, metrics_data: Any, timeout_millis: float = 0, **_: Any) -> Any:
        self.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
        self.ended = True


class Stubborn(MetricReader):
    """Fails in whatever it is asked."""

    def _receive_metrics(self, metrics_data: Any, timeout_millis: float = 0, **_: Any) -> None: ...

    def force_flush(self, timeout_millis: float = 0) -> bool:
        raise RuntimeError("no flush")

    def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
        raise RuntimeError("no end")


def _all_kinds(meter: Any) -> Callable[[], None]:
    """One instrument of each synchronous kind, and what records 1 with all of them."""
    counter, up_down = meter.create_counter("counter"), meter.create_up_down_counter("up_down")
    histogram, gauge = meter.create_histogram("histogram"), meter.create_gauge("gauge")

    def record() -> None:
        counter.add(1)
        up_down.add(1)
        histogram.record(1)
        gauge.set(1)

    return record


def _seen(data: Any) -> dict[str, float]:
    return {
        metric.name: getattr(point, "value", None) or point.sum
        for resource in ([] if data is None else data.resource_metrics)
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


EACH_ONCE = {"counter": 1, "up_down": 1, "histogram": 1, "gauge": 1, "observed": 1}


def test_instruments_live_as_long_as_the_provider(provider: MeterProvider) -> None:
    """Handed out before, between or during: each epoch they record again, from zero."""
    record = _all_kinds(provider.get_meter("m"))
    called: list[int] = []
    provider.get_meter("m").create_observable_gauge(
        "observed",
        [lambda _: called.append(1) or [Observation(1)]],  # type: ignore[func-returns-value]
    )
    for epoch in ("first", "second"):
        record()  # inert: leaves nothing
        reader = SharedReader()
        provider.arm(resource=Resource({"epoch": epoch}), readers=[reader])
        record()
        data = reader.collect_for("push")
        assert data is not None
        assert _seen(data) == EACH_ONCE
        assert dict(data.resource_metrics[0].resource.attributes) == {"epoch": epoch}
        provider.disarm()
        assert reader.collect_for("push") is None
    assert len(called) == 2


def test_meters_of_an_unarmed_provider_are_the_same_ones(provider: MeterProvider) -> None:
    """Meters are kept by name, version, schema and attributes, over every epoch."""
    meter = provider.get_meter("m", "1", "https://schema", {"k": "v"})
    provider.arm(resource=RESOURCE)
    assert provider.get_meter("m", "1", "https://schema", {"k": "v"}) is meter
    assert provider.get_meter("m", "2", "https://schema", {"k": "v"}) is not meter


def test_an_unarmed_provider_keeps_nothing(provider: MeterProvider) -> None:
    """Attributes recorded while it is inert are not held."""

    class Value(str):
        __slots__ = ("__weakref__",)

    value = Value("held")
    gone = weakref.ref(value)
    counter = provider.get_meter("m").create_counter("c")
    counter.add(1, {"k": value})
    del value
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("value", [1, "nonsense", None, Hostile()])
def test_an_unarmed_instrument_takes_anything(
    provider: MeterProvider, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inert, it looks at nothing and says nothing, before the first epoch and after it."""
    counter = provider.get_meter("m").create_counter("c")
    counter.add(value, {"k": value}, value)
    provider.arm(resource=RESOURCE)
    provider.disarm()
    counter.add(value, {"k": value}, value)
    assert capsys.readouterr().err == ""


def test_arming_again_without_disarming_starts_anew(provider: MeterProvider) -> None:
    """The readers before are shut down, and values start from zero."""
    counter = provider.get_meter("m").create_counter("c")
    first, second = SharedReader(), SharedReader()
    provider.arm(resource=RESOURCE, readers=[first])
    counter.add(1)
    provider.arm(resource=RESOURCE, readers=[second])
    counter.add(2)
    assert first.collect_for("push") is None
    assert _seen(second.collect_for("push")) == {"c": 2}


def test_making_a_provider_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are given when it is armed; a bad variable cannot stop it from being made."""
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", "nonsense")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    provider = MeterProvider()
    reader = SharedReader()
    provider.arm(resource=RESOURCE, readers=[reader])
    provider.get_meter("m").create_counter("c").add(1)
    assert _seen(reader.collect_for("push")) == {"c": 1}
    provider.disarm()


def test_readers_of_the_app_are_flushed_and_shut_down(provider: MeterProvider) -> None:
    """With their last collection; the SDK's remove_metric_reader() would lose it."""
    exporter = Exporter()
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider.arm(resource=RESOURCE, readers=[SharedReader(), reader])
    counter = provider.get_meter("m").create_counter("c")
    counter.add(1)
    assert provider.force_flush()
    assert [_seen(data) for data in exporter.exported] == [{"c": 1}]
    counter.add(1)
    provider.disarm()
    assert [_seen(data) for data in exporter.exported] == [{"c": 1}, {"c": 2}]
    assert exporter.ended


def test_a_reader_added_later_belongs_to_the_others(provider: MeterProvider) -> None:
    """The SDK forgets to flush and to shut down such a reader."""
    exporter = Exporter()
    provider.arm(resource=RESOURCE)
    provider.add_metric_reader(PeriodicExportingMetricReader(exporter, 3_600_000))
    provider.get_meter("m").create_counter("c").add(1)
    assert provider.force_flush()
    provider.shutdown()
    assert len(exporter.exported) == 2
    assert exporter.ended


def test_a_reader_can_be_removed(provider: MeterProvider) -> None:
    """It is shut down and asked for nothing any more."""
    exporter = Exporter()
    reader = PeriodicExportingMetricReader(exporter, 3_600_000)
    provider.arm(resource=RESOURCE, readers=[reader, kept := SharedReader()])
    provider.remove_metric_reader(reader)
    provider.get_meter("m").create_counter("c").add(1)
    assert exporter.ended
    assert provider.force_flush()
    assert exporter.exported == []
    assert _seen(kept.collect_for("push")) == {"c": 1}


def test_a_reader_that_fails_stops_nobody(
    provider: MeterProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the flush nor the end of the others; each failure is one line."""
    exporter = Exporter()
    provider.arm(
        resource=RESOURCE,
        readers=[Stubborn(), PeriodicExportingMetricReader(exporter, 3_600_000)],
    )
    provider.get_meter("m").create_counter("c").add(1)
    assert not provider.force_flush()
    assert len(exporter.exported) == 1
    provider.shutdown()
    assert exporter.ended
    lines = capsys.readouterr().err.splitlines()
    assert [line.rsplit(": ", 1)[1] for line in lines] == ["no flush", "no end"]


def test_a_reader_that_is_none_is_left_out(
    provider: MeterProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names it, and the others work."""
    reader = SharedReader()
    bad: Any = "no reader"
    provider.arm(resource=RESOURCE, readers=[bad, reader])
    provider.get_meter("m").create_counter("c").add(1)
    assert _seen(reader.collect_for("push")) == {"c": 1}
    assert "metric reader str, left out" in capsys.readouterr().err


def test_a_flush_that_takes_too_long_is_no_success(provider: MeterProvider) -> None:
    """What is not done within the limit was not flushed."""
    provider.arm(resource=RESOURCE, readers=[InMemoryMetricReader()])
    assert provider.flush_readers(5000)
    assert not provider.flush_readers(-1)


def test_the_owner_is_asked(provider: MeterProvider) -> None:
    """A user's flush or shutdown of the global provider reaches who owns everything."""
    asked: list[tuple[str, float]] = []
    provider.owner = lambda what, millis: asked.append((what, millis)) or True  # type: ignore[func-returns-value]
    reader = SharedReader()
    provider.arm(resource=RESOURCE, readers=[reader])
    assert provider.force_flush(1234)
    provider.shutdown(99)
    assert asked == [("flush", 1234), ("shutdown", 99)]
    provider.get_meter("m").create_counter("c").add(1)
    assert _seen(reader.collect_for("push")) == {"c": 1}  # ending it is the owner's to decide


def test_an_owner_that_fails_hurts_nobody(
    provider: MeterProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flush says no, shutdown returns."""

    def fail(what: str, millis: float) -> bool:
        raise RuntimeError(what)

    provider.owner = fail
    assert not provider.force_flush()
    provider.shutdown()
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_unarmed_provider_can_be_flushed_and_shut_down(provider: MeterProvider) -> None:
    """There is nothing to do, and nothing to complain about."""
    assert provider.force_flush()
    provider.shutdown()
    provider.shutdown()
    provider.disarm()


@pytest.mark.parametrize("name", ["", None, Hostile(), ["list"]])
def test_a_meter_without_a_name_records_nothing(provider: MeterProvider, name: Any) -> None:
    """It is no error of the app's that would stop it."""
    meter = provider.get_meter(name)
    assert isinstance(meter, NoOpMeter)
    meter.create_counter("c").add(1)


def test_it_is_an_sdk_provider(provider: MeterProvider) -> None:
    """Code that asks for the SDK's class finds it."""
    assert isinstance(provider, SdkMeterProvider)


def test_the_resource_can_be_renewed(armed: Armed) -> None:
    """A forked child is another instance of the service."""
    armed.meter.create_counter("c").add(1)
    armed.provider.replace_resource(Resource({"service.instance.id": "child"}))
    data = armed.collect()
    assert data is not None
    assert dict(data.resource_metrics[0].resource.attributes) == {"service.instance.id": "child"}


def test_disabled_meters_record_nothing(armed: Armed) -> None:
    """The SDK's (experimental) meter configurator works on these meters too."""
    from opentelemetry.sdk.metrics._internal import _disable_meter_configurator

    counter = armed.meter.create_counter("c")
    armed.provider._set_meter_configurator(meter_configurator=_disable_meter_configurator)
    counter.add(1)
    assert armed.collect() is None


def test_each_epoch_names_its_problems(
    provider: MeterProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once after each configure(), not once for ever."""
    counter = provider.get_meter("m").create_counter("c")
    for _ in range(2):
        provider.arm(resource=RESOURCE, readers=[SharedReader()])
        counter.add(-1)
        counter.add(-1)
    assert capsys.readouterr().err.count("a negative value was left out") == 2


def test_readers_hear_of_the_provider(
    provider: MeterProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the SDK's own metrics about them are there when they are asked for."""
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    provider.arm(resource=RESOURCE, readers=[reader := SharedReader()])
    reader.collect_for("push")
    data = reader.collect_for("push")
    assert len(points(data, "otel.sdk.metric_reader.collection.duration")) == 1


def test_a_forked_child_does_not_wait_for_the_parents_locks(provider: MeterProvider) -> None:
    """Another thread of the parent may have been making a meter, or arming."""
    made: list[object] = []
    held = [provider._meter_lock, provider._arming]
    for lock in held:
        lock.acquire()

    def work() -> None:
        made.append(provider.get_meter("new"))
        provider.disarm()
        made.append("disarmed")

    provider.restart_in_child()
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(10)
    for lock in held:
        lock.release()
    assert len(made) == 2


FORKS = """
    import os, threading, time
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.resources import Resource
    from pepperpy_otel.metrics.provider import MeterProvider
    from pepperpy_otel.metrics.reader import SharedReader

    provider, reader, users = MeterProvider(), SharedReader(), InMemoryMetricReader()
    provider.arm(resource=Resource({"service.instance.id": "mine"}), readers=[reader, users])
    meter = provider.get_meter("m")
    counter = meter.create_counter("c")
    counter.add(5)
    parent, inside = os.getpid(), threading.Event()

    def slow(options):
        inside.set()
        while os.getpid() == parent and not done.is_set():
            time.sleep(0.01)
        return [Observation(1)]

    done = threading.Event()
    meter.create_observable_gauge("slow", [slow])
    collection = threading.Thread(target=reader.collect_for, args=("push", 20000))
    collection.start()
    assert inside.wait(10)
    pid = os.fork()  # every lock of a collection is held now
    if pid == 0:
        try:
            counter.add(1)
            meter.create_counter("new").add(2)
            data = reader.collect_for("push", 5000)
            values = {m.name: m.data.data_points[0].value
                      for s in data.resource_metrics[0].scope_metrics for m in s.metrics}
            assert values == {"c": 1, "new": 2, "slow": 1}, values
            attributes = dict(data.resource_metrics[0].resource.attributes)
            assert attributes == {"service.instance.id": "mine"}, attributes
            assert users.get_metrics_data() is not None
            provider.disarm()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    deadline = time.monotonic() + 30
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
        ended, status = os.waitpid(pid, os.WNOHANG)
    done.set()
    collection.join()
    data = reader.collect_for("push")
    (metric,) = [m for m in data.resource_metrics[0].scope_metrics[0].metrics if m.name == "c"]
    assert metric.data.data_points[0].value == 5
    print("child", status if ended else "hangs")
"""


def test_a_child_forked_during_a_collection(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """It neither hangs nor counts the parent's values, and keeps the user's instance id."""
    done = run_python(FORKS, env={"PYTHONWARNINGS": "ignore"})
    assert done.stdout == "child 0\n", done.stdout + done.stderr


def test_threads_end_with_their_reader(provider: MeterProvider) -> None:
    """Disarming leaves no thread, and no reader is asked afterwards."""
    exporter = Exporter()
    provider.arm(resource=RESOURCE, readers=[PeriodicExportingMetricReader(exporter, 10)])
    provider.get_meter("m").create_counter("c").add(1)
    until(lambda: exporter.exported)
    provider.disarm()
    count = len(exporter.exported)
    provider.get_meter("m").create_counter("c").add(1)
    assert len(exporter.exported) == count
    assert [p.value for p in points(exporter.exported[-1], "c")] == [1]
