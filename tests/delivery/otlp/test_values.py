from __future__ import annotations

import enum
import math
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pepperpy_otel.delivery.otlp.memo import AttributeTable
from pepperpy_otel.delivery.otlp.values import MAX_DEPTH, any_value
from pepperpy_otel.delivery.otlp.wire import delimited
from tests.delivery.otlp.messages import value


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 300


class Loud(str):
    """A string that says something else of itself than it holds."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("no")


class Off(int):
    def __int__(self) -> int:
        return 1

    def __index__(self) -> int:
        raise RuntimeError("no")


class Half(float):
    def __float__(self) -> float:
        raise RuntimeError("no")


class Packed(bytes):
    def __bytes__(self) -> bytes:
        return b"other"

    def __len__(self) -> int:
        return 99


class Index(SimpleNamespace):
    """Like numpy's int64: a number that is registered as one."""

    def __index__(self) -> int:
        return 7


class Single(SimpleNamespace):
    """Like numpy's float32."""

    def __float__(self) -> float:
        return 0.5


LAST = chr(0xDFFF)

Integral.register(Index)
Real.register(Single)


@pytest.mark.parametrize(
    ("given", "field", "content"),
    [
        ("text", "string_value", "text"),
        ("", "string_value", ""),
        ("x" * 600, "string_value", "x" * 600),
        (True, "bool_value", True),
        (False, "bool_value", False),
        (0, "int_value", 0),
        (-1, "int_value", -1),
        (2**63 - 1, "int_value", 2**63 - 1),
        (-(2**63), "int_value", -(2**63)),
        (1.5, "double_value", 1.5),
        (math.inf, "double_value", math.inf),
        (b"\x00\xff", "bytes_value", b"\x00\xff"),
        (bytearray(b"ab"), "bytes_value", b"ab"),
        (memoryview(b"ab"), "bytes_value", b"ab"),
        (Colour.RED, "string_value", "red"),
        (Level.HIGH, "int_value", 300),
        (Loud("loud"), "string_value", "loud"),
        (Off(300), "int_value", 300),
        (Half(0.25), "double_value", 0.25),
        (Packed(b"in"), "bytes_value", b"in"),
        (Index(), "int_value", 7),
        (Single(), "double_value", 0.5),
        (Fraction(1, 3), "string_value", "1/3"),
        (Decimal("0.10"), "string_value", "0.10"),
        (1j, "string_value", "1j"),
        (2**63, "string_value", "9223372036854775808"),
        (-(2**63) - 1, "string_value", "-9223372036854775809"),
        ({1}, "string_value", "{1}"),
        ("a\ud800b\udc00", "string_value", "a\ufffdb\ufffd"),
        ("\ud83d\ude00", "string_value", "\ufffd\ufffd"),
    ],
    ids=lambda content: type(content).__name__,
)
def test_a_value_is_what_it_holds(given: Any, field: str, content: Any) -> None:
    """By its base type if it has one, else by its text."""
    message = value(given)
    assert message.WhichOneof("value") == field
    assert getattr(message, field) == content


def test_nothing_is_nothing() -> None:
    """``None`` is an AnyValue without a value."""
    assert value(None).WhichOneof("value") is None
    assert any_value(None) == b""


def test_zero_and_minus_zero_are_two_values() -> None:
    """Though they are equal, and so are True, 1 and 1.0: memory must not mix them up."""
    table = AttributeTable(1)
    for _ in range(200):  # some of which are kept
        got = [table.fields({"k": each}) for each in (True, 1, 1.0, 0, False, 0.0, -0.0)]
        assert len({field for fields in got for field in fields}) == 7


def test_nan_stays_nan() -> None:
    """With its bits."""
    assert math.isnan(value(math.nan).double_value)


@pytest.mark.parametrize(
    "sequence",
    [(1, "a"), [1, "a"], deque([1, "a"]), UserList([1, "a"])],
    ids=lambda x: str(type(x)),
)
def test_sequences_are_arrays(sequence: Any) -> None:
    """Of whatever class."""
    first, second = value(sequence).array_value.values
    assert (first.int_value, second.string_value) == (1, "a")
    assert value(type(sequence)()).WhichOneof("value") == "array_value"


def test_a_range_is_an_array() -> None:
    """Up to the limit of members."""
    assert [each.int_value for each in value(range(3)).array_value.values] == [0, 1, 2]


@pytest.mark.parametrize(
    "mapping",
    [
        {"a": 1, "b": None},
        OrderedDict(a=1, b=None),
        defaultdict(int, a=1, b=None),
        UserDict(a=1, b=None),
        MappingProxyType({"a": 1, "b": None}),
    ],
    ids=lambda x: str(type(x)),
)
def test_mappings_are_lists_of_keys_and_values(mapping: Any) -> None:
    """In their order, of whatever class; a value of None has its key."""
    first, second = value(mapping).kvlist_value.values
    assert (first.key, first.value.int_value) == ("a", 1)
    assert (second.key, second.HasField("value"), second.value.WhichOneof("value")) == (
        "b",
        True,
        None,
    )


def test_keys_are_text() -> None:
    """Of two with the same text the last one stays, since a key is to be there once."""
    message = value({1: "one", "1": "uno", None: 2, Colour.RED: 3, "\ud800": 4, LAST: 5})
    assert [(each.key, each.value) for each in message.kvlist_value.values] == [
        ("1", value("uno")),
        ("None", value(2)),
        ("red", value(3)),
        ("\ufffd", value(5)),
    ]


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_what_is_nested_too_deep_is_cut_off(wrap: Any) -> None:
    """Where a request with it is still one that protobuf's parsers take, in an event, too."""
    deep: Any = "bottom"
    for _ in range(MAX_DEPTH):
        deep = wrap(deep)
    assert "bottom" in str(value(deep))
    deeper = value(wrap(deep))
    assert "<nested too deep>" in str(deeper)
    assert "bottom" not in str(deeper)
    field = b"".join(AttributeTable(3).fields({"k": wrap(deep)}))
    body = field
    for tag in (b"\x5a", b"\x12", b"\x12", b"\x0a"):  # event, span, scope, resource
        body = delimited(tag, body)
    assert ExportTraceServiceRequest.FromString(body).resource_spans


def test_nesting_without_end_is_cut_off() -> None:
    """A thousandfold nested tuple neither raises nor ends the process."""
    deep: Any = ()
    for _ in range(100_000):
        deep = (deep,)
    assert "<nested too deep>" in str(value(deep))
    (field,) = AttributeTable(1).fields({"k": deep})
    assert b"<nested too deep>" in field


def test_recursion_is_told() -> None:
    """A container in itself is named where it comes again, and beside itself it is not."""
    loop: list[Any] = [1]
    loop.append(loop)
    assert [each.string_value for each in value(loop).array_value.values] == ["", "<recursion>"]
    shared = ["s"]
    both = value([shared, shared]).array_value.values
    assert both[0] == both[1] == value(["s"])


def test_what_grows_without_bounds_is_cut_off() -> None:
    """Thirty lists can hold a thousand million members, and a sequence can go on for ever."""
    bomb: Any = ["x"]
    for _ in range(28):
        bomb = [bomb, bomb]
    assert len(any_value(bomb)) < 10_000_000
    values = value(range(10**12)).array_value.values
    assert len(values) == 100_001
    assert values[-1].string_value == "<too many members>"


def test_numpy_values_are_numbers() -> None:
    """Also those that are not subclasses of Python's."""
    numpy = pytest.importorskip("numpy")
    assert value(numpy.int64(5)).int_value == 5
    assert value(numpy.float32(0.5)).double_value == 0.5
    assert value(numpy.float64(0.5)).double_value == 0.5
    assert value(numpy.uint64(2**64 - 1)).string_value == str(2**64 - 1)
    assert value(numpy.bool_(True)).string_value == "True"
    assert value(numpy.array([1, 2])).string_value == "[1 2]"
