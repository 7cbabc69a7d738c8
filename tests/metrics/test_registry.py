from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pepperpy_otel import _current
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.registry import SCOPE, Registry
from tests.metrics.conftest import RESOURCE, Hostile, points

pytestmark = pytest.mark.usefixtures("private_providers")

KINDS = [("counter", "add"), ("up_down_counter", "add"), ("histogram", "record"), ("gauge", "set")]


class Handle:
    """As much of a Telemetry as facades need."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider()
        self.meter_provider.arm(resource=RESOURCE, readers=[self.reader])

    tracer_provider: Any = None
    logger_provider: Any = None


def _local() -> Any:
    return _current.local_metric_reader().get_metrics_data()


def _value(point: Any) -> float:
    return float(getattr(point, "value", None) or point.sum)


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_an_instrument_follows_the_telemetry(kind: str, method: str) -> None:
    """Before configure() it records privately, then with the real provider, then privately."""
    instrument = getattr(Registry(), kind)("name", unit="s", description="About it")
    record = getattr(instrument, method)
    record(1, {"k": "v"})
    handle = Handle()
    _current.set_current(handle)
    record(5, {"k": "v"})
    record(5, {"k": "v"})
    expected = 5 if kind == "gauge" else 10
    (point,) = points(handle.reader.get_metrics_data(), "name")
    assert (_value(point), dict(point.attributes)) == (expected, {"k": "v"})
    _current.set_current(None)
    record(2, {"k": "v"})
    (point,) = points(_local(), "name")
    assert _value(point) == (2 if kind == "gauge" else 3)
    handle.meter_provider.disarm()


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_the_same_name_is_the_same_instrument(kind: str, method: str) -> None:
    """In a registry, whatever else is said the second time; and its values add up in one point."""
    registry = Registry()
    make = getattr(registry, kind)
    assert make("name", unit="s") is make("name", unit="ms")
    assert make("name") is not make("other")
    assert make("name").unit == "s"
    getattr(make("name"), method)(1)
    assert len(points(_local(), "name")) == 1


def test_two_registries_share_the_value() -> None:
    """They are the same instrument of the same scope for OpenTelemetry."""
    for _ in range(2):
        Registry().counter("shared").add(1)
    data = _local()
    assert [point.value for point in points(data, "shared")] == [2]
    assert data.resource_metrics[0].scope_metrics[0].scope.name == SCOPE


def test_the_default_of_a_counter_is_one() -> None:
    """Counting needs no number."""
    registry = Registry()
    registry.counter("c").add()
    registry.up_down_counter("u").add()
    assert [p.value for p in points(_local(), "c") + points(_local(), "u")] == [1, 1]


def test_boundaries_of_a_histogram_are_used() -> None:
    """The SDK's defaults do not suit seconds."""
    Registry().histogram("h", boundaries=[0.1, 1]).record(0.5)
    (point,) = points(_local(), "h")
    assert tuple(point.explicit_bounds) == (0.1, 1)


def test_instruments_are_the_apis() -> None:
    """Code that checks for the API's types finds them."""
    registry = Registry()
    assert isinstance(registry.counter("c"), metrics.Counter)
    assert isinstance(registry.up_down_counter("u"), metrics.UpDownCounter)
    assert isinstance(registry.histogram("h"), metrics.Histogram)


@pytest.mark.parametrize(("kind", "method"), KINDS)
@pytest.mark.parametrize("value", ["5", None, Hostile()])
def test_recording_never_raises(
    kind: str, method: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also on the private provider, which is the SDK's own."""
    instrument = getattr(Registry(), kind)("name")
    for _ in range(2):
        getattr(instrument, method)(value, {"k": value})
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_bad_name_is_found_when_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """And hurts nobody."""
    Registry().counter("bad name").add(1)
    assert "bad name.add()" in capsys.readouterr().err
