from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context, get_current, set_value

from pepperpy_otel.metrics.measurements import MAX_DEPTH, MAX_INT, MIN_INT
from tests.metrics.conftest import Armed, Hostile

if TYPE_CHECKING:
    from collections.abc import Callable


class Colour(str, enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Named:
    def __str__(self) -> str:
        return "named"


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


HOSTILE_VALUES: list[Any] = [
    None,
    "5",
    b"5",
    bytearray(b"5"),
    [],
    {},
    Hostile(),
    object(),
    complex(1, 2),
    math.nan,
    math.inf,
    -math.inf,
    10**400,
    Decimal("NaN"),
    Decimal("Infinity"),
    type("Odd", (float,), {"__float__": Hostile.__float__})("nan"),
]


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("create", "method"),
    [
        ("create_counter", "add"),
        ("create_up_down_counter", "add"),
        ("create_histogram", "record"),
        ("create_gauge", "set"),
    ],
)
def test_what_is_no_finite_number_is_left_out(
    armed: Armed, create: str, method: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """No value makes the call raise; it is left out and named once, without a traceback."""
    instrument = getattr(armed.meter, create)("odd")
    getattr(instrument, method)(value)
    getattr(instrument, method)(value)
    assert armed.points("odd") == []
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "pepperpy_otel: metric odd (said once): a value that is no finite number was left out"
    ]


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, 1),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 4), 0.25),
        (Size.BIG, 3),
        (2**63, float(2**63)),
        (1e300, 1e300),
        (MAX_INT, MAX_INT),
    ],
)
def test_whatever_is_a_number_is_recorded_as_int_or_float(
    armed: Armed, value: Any, recorded: float
) -> None:
    """Numbers of other types become plain ones, integers beyond 64 bits become floats."""
    armed.meter.create_up_down_counter("c").add(value)
    (point,) = armed.points("c")
    assert point.value == recorded
    assert type(point.value) is type(recorded)


def test_the_smallest_integer_is_recorded(armed: Armed) -> None:
    """The lower end of 64 bits is a value like any other."""
    armed.meter.create_up_down_counter("c").add(MIN_INT)
    assert armed.values("c") == [MIN_INT]


@pytest.mark.parametrize(("create", "method"), [("counter", "add"), ("histogram", "record")])
@pytest.mark.parametrize("value", [-1, -0.5, Decimal(-1)])
def test_what_only_goes_up_takes_no_negative_value(
    armed: Armed, create: str, method: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counters and histograms leave negative values out and say so once."""
    getattr(getattr(armed.meter, f"create_{create}")("up"), method)(value)
    assert armed.points("up") == []
    assert capsys.readouterr().err.count("a negative value was left out") == 1


@pytest.mark.parametrize(("create", "method"), [("counter", "add"), ("histogram", "record")])
def test_zero_and_less_than_one_are_values(armed: Armed, create: str, method: str) -> None:
    """What only goes up may go up by nothing, or by a little, in whatever type."""
    record = getattr(getattr(armed.meter, f"create_{create}")("up"), method)
    for value in (0, 0.0, 0.25, Decimal("0.25"), False):
        record(value)
    (point,) = armed.points("up")
    assert (point.value if create == "counter" else point.sum) == 0.5
    assert create == "counter" or point.count == 5


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_nesting_has_an_end(armed: Armed, wrap: Callable[[Any], Any]) -> None:
    """A few levels are kept, an attribute with more is left out."""
    nested: Any = "leaf"
    for _ in range(MAX_DEPTH):
        nested = wrap(nested)
    armed.meter.create_counter("c").add(1, {"good": nested, "deeper": wrap(nested)})
    (point,) = armed.points("c")
    assert list(point.attributes) == ["good"]


def test_a_decimal_and_a_float_add_up(armed: Armed) -> None:
    """The SDK's own counter raises at the second of these."""
    counter = armed.meter.create_counter("c")
    counter.add(Decimal("1.5"))  # type: ignore[arg-type]
    counter.add(0.5)
    assert armed.values("c") == [2.0]


@pytest.mark.parametrize(
    ("attributes", "recorded"),
    [
        (None, {}),
        ({}, {}),
        ({"a": "x", "b": 1, "c": 1.5, "d": True}, {"a": "x", "b": 1, "c": 1.5, "d": True}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"a": ["x", 1]}, {"a": ("x", 1)}),
        ({"a": {"b": [1]}}, {"a": {"b": (1,)}}),
        ({"a": None}, {"a": None}),
        ({"a": b"raw"}, {"a": b"raw"}),
        ({"a": Colour.RED, "b": Size.BIG}, {"a": "red", "b": 3}),
        ({Colour.RED: 1}, {"red": 1}),
        ({7: "number"}, {"7": "number"}),
        ({"a": Named()}, {"a": "named"}),
    ],
)
def test_attributes_are_recorded(
    armed: Armed, attributes: Any, recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Attributes of every sensible type arrive, in types that can be exported."""
    armed.meter.create_counter("c").add(1, attributes)
    (point,) = armed.points("c")
    assert dict(point.attributes) == recorded
    assert [type(v) for v in point.attributes.values()] == [type(v) for v in recorded.values()]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "attributes",
    [
        {None: 1},
        {"": 1},
        {"a": Hostile()},
        {"a": object()},
        {object(): 1},
        {"a": [Hostile()]},
        {"a": {"b": Hostile()}},
        {"a": _circle()},
        [("a", 1)],
        "text",
        5,
        type("Odd", (dict,), {"items": Hostile.__str__})(a=1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_attributes_that_cannot_be_recorded_cost_no_measurement(
    armed: Armed, attributes: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The measurement counts without them; one line says that they are missing."""
    counter = armed.meter.create_counter("c")
    counter.add(1, attributes)
    counter.add(1, attributes)
    (point,) = armed.points("c")
    assert (point.value, dict(point.attributes)) == (2, {})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy_otel: metric c (said once): ")
    assert "left out" in line


def test_one_bad_attribute_leaves_the_others(armed: Armed) -> None:
    """What can be recorded of a mapping is."""
    armed.meter.create_counter("c").add(1, {"good": 1, "bad": Hostile()})
    (point,) = armed.points("c")
    assert dict(point.attributes) == {"good": 1}


def test_attributes_may_be_changed_afterwards(armed: Armed) -> None:
    """A dict that the caller goes on using does not change what was recorded."""
    attributes = {"a": 1}
    counter = armed.meter.create_counter("c")
    counter.add(1, attributes)
    attributes["a"] = 2
    (point,) = armed.points("c")
    assert dict(point.attributes) == {"a": 1}


@pytest.mark.parametrize("context", [Context(), set_value("k", "v"), None, {}, "text", Hostile()])
def test_any_context_is_taken(armed: Armed, context: Any) -> None:
    """A context that is none is replaced by the current one."""
    armed.meter.create_counter("c").add(1, None, context)
    armed.meter.create_counter("c").add(True, None, context)
    assert armed.values("c") == [2]
    assert get_current() == {}


def test_an_aggregation_that_fails_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """An error below, of a view for example, is named once and goes no further."""
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

    from tests.metrics.conftest import RESOURCE

    armed = Armed()
    view = View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation([3.0, 1.0]))
    armed.provider.arm(resource=RESOURCE, views=[view], readers=[])
    armed.provider.add_metric_reader(type(armed.reader)())
    histogram = armed.meter.create_histogram("h")
    histogram.record(1)
    histogram.record(2)
    armed.provider.disarm()
    (line,) = capsys.readouterr().err.splitlines()
    assert "metric h (said once): could not be recorded: ValueError" in line


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.builds(Hostile) | st.builds(object) | st.decimals() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ATTRIBUTES = ANYTHING | st.dictionaries(
    st.none() | st.text() | st.integers() | st.builds(object), ANYTHING, max_size=4
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=ANYTHING, attributes=ATTRIBUTES, context=ANYTHING)
@pytest.mark.parametrize("kind", ["counter", "up_down_counter", "histogram", "gauge"])
def test_recording_never_raises(kind: str, value: Any, attributes: Any, context: Any) -> None:
    """Whatever is handed to an instrument, the call returns and the collection succeeds."""
    armed = Armed()
    instrument = getattr(armed.meter, f"create_{kind}")("any")
    method: Callable[..., None] = getattr(
        instrument, {"histogram": "record", "gauge": "set"}.get(kind, "add")
    )
    method(value, attributes, context)
    method(1, attributes)
    assert armed.points("any")
    armed.provider.disarm()
