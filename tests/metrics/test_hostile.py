"""What no value may do to the metrics of all others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.metrics.measurements import MAX_MEMBERS, MAX_TEXT
from pepperpy_otel.metrics.provider import MeterProvider


class Text(str):
    """A text whose methods are not to be trusted."""

    def encode(self, *_: Any) -> Any:
        raise RuntimeError("hostile")


class Half(float):
    """A number whose methods are not to be trusted."""

    __float__ = __repr__ = Text.encode


class Liar:
    """Says that it is a text."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return str


class ClassRaises:
    """Cannot even be asked what it is."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class Endless(list):  # type: ignore[type-arg]
    """A sequence without end."""

    def __iter__(self) -> Any:
        return itertools.count()


@pytest.fixture
def armed() -> Any:
    """An armed provider and a reader of it."""
    provider, reader = MeterProvider(), InMemoryMetricReader()
    provider.arm(resource=Resource({}), readers=[reader])
    yield provider, reader
    provider.disarm()


def points(reader: Any) -> dict[str, list[dict[str, Any]]]:
    """Attributes of each metric's points; all of it can be encoded."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    encoded = Encoder("metrics").encode([data])
    assert (encoded.unencodable, encoded.error) == (0, None)
    return {
        metric.name: [dict(point.attributes) for point in metric.data.data_points]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**63, str(2**63)),
        (-(2**70), str(-(2**70))),
        (10**5000, "<int of 16610 bits>"),
        ("\ud800", "\ufffd"),
        ("größe", "größe"),
        (Text("t"), "t"),
        (Half(0.5), 0.5),
        ("x" * (MAX_TEXT + 9), "x" * MAX_TEXT),
        (b"x" * (MAX_TEXT + 9), b"x" * MAX_TEXT),
        ((1, 2**64), (1, str(2**64))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_attribute_that_cannot_be_sent_becomes_one_that_can(
    armed: Any, value: Any, kept: Any
) -> None:
    """One value beyond would make every later export fail: a series is sent each time."""
    provider, reader = armed
    provider.get_meter("m").create_counter("c").add(1, {"a": value})
    assert points(reader) == {"c": [{"a": kept}]}


def test_names_of_attributes_can_be_sent(armed: Any) -> None:
    """Lone surrogates are replaced in them too."""
    provider, reader = armed
    provider.get_meter("m").create_counter("c").add(1, {"\ud800": 1, Text("k"): 2})
    assert points(reader) == {"c": [{"\ufffd": 1, "k": 2}]}


@pytest.mark.parametrize("value", [Endless(), range(10**12), [0] * (MAX_MEMBERS + 1)])
def test_a_value_without_end_costs_itself(armed: Any, value: Any) -> None:
    """It is left out; the others stay."""
    provider, reader = armed
    provider.get_meter("m").create_counter("c").add(1, {"a": value, "b": 1})
    assert points(reader) == {"c": [{"b": 1}]}


@pytest.mark.parametrize("boundaries", [Endless([1]), range(10**12), [2, 1], 5, [1, "a"]])
def test_boundaries_without_end_or_order_are_not_used(armed: Any, boundaries: Any) -> None:
    """The histogram is there all the same, with the usual ones."""
    provider, reader = armed
    histogram = provider.get_meter("m").create_histogram(
        "h", explicit_bucket_boundaries_advisory=boundaries
    )
    histogram.record(1)
    assert list(points(reader)) == ["h"]


@pytest.mark.parametrize("kind", ["counter", "up_down_counter", "histogram", "gauge"])
def test_an_instrument_is_described_in_text(armed: Any, kind: str) -> None:
    """Text of other classes is taken as text; what is none makes an instrument that is silent."""
    provider, reader = armed
    meter = provider.get_meter("m")
    create = getattr(meter, f"create_{kind}")
    method = {"histogram": "record", "gauge": "set"}.get(kind, "add")
    getattr(create(Text("ok"), Text("s"), Text("\ud800")), method)(1)
    for odd in (Liar(), ClassRaises(), 5, None):
        getattr(create(odd, odd, odd), method)(1)
        getattr(create("name", "s", odd), method)(1)
        getattr(create("name", odd), method)(1)
    assert list(points(reader)) == ["ok"]


@pytest.mark.parametrize("kind", ["counter", "up_down_counter", "gauge"])
def test_an_observable_instrument_is_described_in_text(armed: Any, kind: str) -> None:
    """The same for those that are asked."""
    from opentelemetry.metrics import Observation

    provider, reader = armed
    create = getattr(provider.get_meter("m"), f"create_observable_{kind}")
    create(Text("ok"), [lambda _: [Observation(1)]], Text("s"), Text("\ud800"))
    create(ClassRaises(), [lambda _: [Observation(1)]], Liar(), 5)
    assert list(points(reader)) == ["ok"]


def test_a_meter_is_named_in_text(armed: Any) -> None:
    """Name, version, schema URL and attributes; without a name that is one it is silent."""
    provider, reader = armed
    meter = provider.get_meter(Text("m"), Text("1"), Text("http://s"), {"a": 2**70, 5: 1})
    meter.create_counter("c").add(1)
    for odd in (Liar(), ClassRaises(), 5, ["m"]):
        provider.get_meter(odd).create_counter("silent").add(1)
        provider.get_meter("n", odd).create_counter("silent").add(1)
    assert list(points(reader)) == ["c"]
    data = reader.get_metrics_data()
    scope = data.resource_metrics[0].scope_metrics[0].scope
    assert (type(scope.name), scope.version, scope.schema_url) == (str, "1", "http://s")
    assert dict(scope.attributes) == {"a": str(2**70), "5": 1}
