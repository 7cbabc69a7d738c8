"""Any value becomes a plain one, in the SDK's way where the SDK has one, and nothing raises."""

from __future__ import annotations

import enum
from collections import OrderedDict, UserDict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

from pepperpy_otel.tracing import values
from tests.tracing.conftest import Broken, Hostile

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nested = st.recursive(
    scalars | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
names = st.text() | st.integers() | st.none() | st.tuples(st.integers())


@given(st.dictionaries(names, nested))
def test_well_behaved_values_become_what_the_sdk_makes_of_them(attributes: dict[Any, Any]) -> None:
    """Whoever replaces the SDK's cleaning must not change the data."""
    theirs = dict(BoundedAttributes(attributes=attributes))
    assert dict(BoundedAttributes(attributes=values.plain_attributes(attributes))) == theirs


def _made(value: object) -> object:
    """Pytest asks too much of its parameters for hostile ones: those are given as classes."""
    return value() if isinstance(value, type) else value


class Point:
    def __init__(self, x: int) -> None:
        self.x = x

    def __str__(self) -> str:
        return f"Point({self.x})"


class Silent:
    pass


class Colour(enum.IntEnum):
    RED = 3


class Name(str, enum.Enum):
    ME = "me"


class Ratio(float):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Raw(bytes):
    pass


class Texty(str):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (Point(3), "Point(3)"),
        (Silent(), None),
        (Colour.RED, 3),
        (Name.ME, "me"),
        (Ratio(0.5), 0.5),
        (Raw(b"x"), b"x"),
        (Texty("text"), "text"),
        ([1, Point(2), [Silent()]], (1, "Point(2)", (None,))),
        (range(3), (0, 1, 2)),
        (bytearray(b"ab"), (97, 98)),
        ({"a": {"b": Point(1)}}, {"a": {"b": "Point(1)"}}),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict({"a": 1}), {"a": 1}),
        ({1: "one", Point(2): 2, "": 3, None: 4, Silent(): 5}, {"1": "one", "Point(2)": 2}),
        (2**200, 2**200),
        (Hostile, "<unprintable Hostile>"),
        ([1, Hostile()], (1, "<unprintable Hostile>")),
        ({"a": Hostile(), "b": 1}, {"a": "<unprintable Hostile>", "b": 1}),
        (Broken(), "<unprintable Broken>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_plain(value: object, cleaned: object) -> None:
    """Containers are copied, other objects give their text, hostile ones a stand-in."""
    found = values.clean(_made(value))
    assert found == cleaned
    assert type(found) in {*values.PLAIN, tuple, dict}


def test_a_subclass_is_stored_as_its_base() -> None:
    """What an exporter gets has none of the app's methods."""
    for value in (Colour.RED, Name.ME, Ratio(0.5), Raw(b"x"), Texty("x")):
        assert type(values.clean(value)) in values.PLAIN


def test_recursion_ends(in_time: Any) -> None:
    """A container inside of itself, and one far too deep, are cut off."""
    knot: list[Any] = []
    knot.extend((knot, knot, 1))
    assert values.clean(knot) == ("<recursion on list>", "<recursion on list>", 1)
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    assert values.clean(loop) == {"loop": "<recursion on dict>"}
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert "<nested too deeply: list>" in str(in_time(lambda: values.clean(deep)))
    same = [1]
    assert values.clean([same, same]) == ((1,), (1,))


class Endless(Sequence[Any]):
    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, index: Any) -> Any:
        return index


class EndlessMapping(Mapping[Any, Any]):
    def __getitem__(self, key: Any) -> Any:
        return key

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        number = 0
        while True:
            number += 1
            yield f"k{number}"


def test_endless_containers_end(in_time: Any) -> None:
    """Nothing that the app passes keeps it waiting for ever."""
    assert len(in_time(lambda: values.clean(Endless()))) == values.MAX_MEMBERS
    assert len(in_time(lambda: values.plain_attributes(EndlessMapping()))) == values.MAX_MEMBERS
    assert in_time(lambda: values.plain_links(iter(int, 1))) == []


class Changing(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


@pytest.mark.parametrize(
    "attributes",
    [None, 5, "text", [("a", 1)], Hostile, Changing(a=1), {Hostile: 1}.keys(), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_mapping_is_no_attributes(attributes: object) -> None:
    """It is left out; the span is made."""
    assert values.plain_attributes(_made(attributes)) == {}


def test_plain_attributes_are_not_copied() -> None:
    """The common case costs one look."""
    attributes = {"a": 1, "b": "c", "d": None}
    assert values.plain_attributes(attributes) is attributes
    assert values.plain_attributes({"a": 1, "b": (1, 2)}) == {"a": 1, "b": (1, 2)}
    assert values.plain_attributes({**attributes, 1: 2}) == {**attributes, "1": 2}


class HashableHostile(Hostile):
    def __hash__(self) -> int:
        return 1


def test_hostile_names_are_left_out() -> None:
    """The attributes beside them stay."""
    assert values.plain_attributes({HashableHostile(): 1, "a": 2}) == {"a": 2}


@pytest.mark.parametrize(
    ("name", "known"),
    [("a", "a"), (Texty("a"), "a"), (5, ""), (None, ""), (Hostile, ""), ("", "")],
    ids=lambda value: type(value).__name__,
)
def test_names_of_attributes_are_strings(name: object, known: str) -> None:
    """As the SDK has it for one attribute, any other name is none."""
    assert values.key(_made(name)) == known
    assert type(values.key(_made(name))) is str


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("plain", "plain"),
        ("ü", "ü"),
        ("a\ud800b", "a\ufffdb"),
        (5, "5"),
        (None, "None"),
        (10**5000, "<unprintable int>"),
        (Hostile, "<unprintable Hostile>"),
        (Texty("x"), "x"),
        ([1, "x"], "(1, 'x')"),
        (deque([1]), "(1,)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_text_can_be_encoded(value: object, words: str) -> None:
    """Names and descriptions are UTF-8, whatever they were."""
    assert values.text(_made(value)) == words
    values.text(_made(value)).encode()


@pytest.mark.parametrize(("value", "time"), [(5, 5), (None, None), (1.5, None), ("x", None)])
def test_times_are_nanoseconds_or_none(value: object, time: int | None) -> None:
    """Everything else is read as now."""
    assert values.time(value) == time
    assert values.time(True) is None


CONTEXT = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))


def test_links_that_are_none_are_left_out() -> None:
    """The good ones stay, with plain attributes."""
    good = Link(CONTEXT, {"a": Hostile()})
    found = values.plain_links([5, good, Link("context"), None, Hostile()])  # type: ignore[arg-type]
    assert [link.context for link in found] == [CONTEXT]
    assert found[0].attributes == {"a": "<unprintable Hostile>"}
    assert values.plain_links(5) == []  # type: ignore[arg-type]


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=Meta):
    pass


def test_exceptions_are_described_as_the_sdk_does_it() -> None:
    """Type and message; a stand-in where there is no message."""
    assert values.described(ValueError("no")) == "ValueError: no"
    assert values.described(Broken()) == "Broken: <unprintable Broken>"
    assert values.described(OSError("\udc80")) == "OSError: \ufffd"
    assert values.described(Nameless("x")) == "Nameless: x"


class Odd:
    __traceback__ = 5

    def __str__(self) -> str:
        return "odd"


def test_an_exception_event_for_what_the_sdk_cannot_record() -> None:
    """Type, message, stack and escaped, under the names of the convention."""
    try:
        raise Broken
    except Broken as error:
        found = values.exception_attributes(error, escaped=True)
    assert found["exception.type"] == "tests.tracing.conftest.Broken"
    assert found["exception.message"] == "<unprintable Broken>"
    assert "test_values.py" in found["exception.stacktrace"]
    assert found["exception.escaped"] == "True"
    assert values.exception_attributes(ValueError("x"), escaped=False) == {
        "exception.type": "ValueError",
        "exception.message": "x",
        "exception.stacktrace": "",
        "exception.escaped": "False",
    }
    odd = values.exception_attributes(Odd(), escaped=False)
    assert (odd["exception.message"], odd["exception.stacktrace"]) == ("odd", "")


def test_a_time_is_one_that_can_be_sent() -> None:
    """Nanoseconds without a sign, in 64 bits."""
    assert [values.time(given) for given in (0, 5, 2**64 - 1)] == [0, 5, 2**64 - 1]
    assert [values.time(given) for given in (-1, 2**64, True, 1.5, "5", None)] == [None] * 6


def test_a_span_context_has_ids() -> None:
    """One with anything else in it could not be sent."""
    good = SpanContext(1, 2, False, TraceFlags(1), TraceState())
    assert values.is_span_context(good)
    for odd in (
        SpanContext(1.5, 2, False),  # type: ignore[arg-type]
        SpanContext(1, 2.5, False),  # type: ignore[arg-type]
        SpanContext(2**128, 2, False),
        SpanContext(1, -2, False),
        SpanContext(1, 2, "no"),  # type: ignore[arg-type]
        SpanContext(1, 2, False, "01"),  # type: ignore[arg-type]
        SpanContext(1, 2, False, TraceFlags(1), {"a": "b"}),  # type: ignore[arg-type]
        (1, 2, False),
        None,
    ):
        assert not values.is_span_context(odd)
        if isinstance(odd, SpanContext):
            links = values.plain_links([Link(odd), Link(good)])
            assert [link.context for link in links] == [good]
