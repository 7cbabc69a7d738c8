"""Attribute values are what the SDK makes of them, without its warnings and errors."""

from __future__ import annotations

import datetime
import enum
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LoggerProvider as SdkProvider
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.logging.attributes import (
    MAX_DEPTH,
    MAX_VALUES,
    TOO_MUCH,
    clean_attributes,
    clean_value,
    exception_attributes,
    stacktrace,
)
from tests.logging.conftest import Collector, unhurried
from tests.logging.test_values import Endless, Nameless, NoClass, Raising, Shouting

INT64 = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.one_of(
    st.none(), st.booleans(), INT64, st.floats(allow_nan=False), st.binary(), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


class Colour(enum.IntEnum):
    RED = 3


class Ratio(float):
    pass


class Half(Sequence[int]):
    """Raises in the middle."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        if index > 1:
            raise RuntimeError("no more")
        return index


class Forever(Sequence[int]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return index


class Keyed(Mapping[Any, Any]):
    def __init__(self, keys: list[Any]) -> None:
        self._keys = keys

    def __getitem__(self, key: Any) -> Any:
        return 1

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Stubborn:
    def __bool__(self) -> bool:
        raise RuntimeError("neither")


def _by_the_sdk(attributes: Any, count: int | None, length: int | None) -> BoundedAttributes:
    logging.disable()  # its warnings are what this module spares the app
    try:
        return BoundedAttributes(
            maxlen=count, attributes=attributes, immutable=False, max_value_len=length
        )
    finally:
        logging.disable(logging.NOTSET)


@unhurried
@given(
    st.dictionaries(st.one_of(st.text(), st.integers(min_value=1)), VALUES, max_size=8),
    st.one_of(st.none(), st.integers(0, 6)),
    st.one_of(st.none(), st.integers(0, 5)),
)
def test_values_are_those_of_the_sdk(
    attributes: dict[Any, Any], count: int | None, length: int | None
) -> None:
    """The same keys, values, order and number of dropped ones, for everything that it takes."""
    bounded = _by_the_sdk(attributes, count, length)
    cleaned, dropped = clean_attributes(attributes, count, length)
    assert (cleaned, dropped) == (dict(bounded), bounded.dropped)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime.date(2026, 11, 22), "2026-11-22"),
        (Decimal("1.5"), "1.5"),
        ({1}, "{1}"),
        (object(), None),
        (Colour.RED, 3),
        (Ratio(0.5), 0.5),
        (True, True),
        (range(3), (0, 1, 2)),
        (bytearray(b"ab"), (97, 98)),
        (ValueError("bad"), "bad"),
        ([object(), {"": 1, object(): 2, 3: 4}], (None, {"3": 4})),
        (Keyed(["a"]), {"a": 1}),
    ],
)
def test_other_types_become_what_the_sdk_makes_of_them(value: Any, kept: Any) -> None:
    """Types that OpenTelemetry does not know become text, or nothing where there is no text."""
    assert clean_value(value) == kept
    assert dict(_by_the_sdk({"key": value}, None, None)) == {"key": kept}


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (Raising, "<unprintable Raising>"),
        (Endless, "<unprintable Endless>"),
        (NoClass, "<unprintable NoClass>"),
        (lambda: Nameless(), "<unprintable object>"),
        (lambda: Shouting("loud"), "loud"),
        (lambda: "a\udfff", "a\ufffd"),
        (lambda: ["a\udfff"], ("a\ufffd",)),
        (lambda: 2**63, str(2**63)),
        (lambda: -(2**63) - 1, str(-(2**63) - 1)),
        (lambda: 10**5000, "<unprintable int>"),
        (Half, "<unprintable Half>"),
        (lambda: Keyed([Stubborn(), "a"]), {"a": 1}),
        (lambda: Keyed([Raising()]), {"<unprintable Raising>": 1}),
    ],
)
def test_what_the_sdk_would_raise_for_becomes_text(make: Callable[[], Any], kept: Any) -> None:
    """Neither the app nor the encoder behind the processors sees an error."""
    assert clean_value(make()) == kept


def test_strings_are_cut_wherever_they_are() -> None:
    """The limit holds within lists, for texts of other types, and not for bytes."""
    cleaned, dropped = clean_attributes({"a": ["xyz"], "b": Decimal("1.25"), "c": b"xyz"}, None, 2)
    assert cleaned == {"a": ("xy",), "b": "1.", "c": b"xyz"}
    assert dropped == 0


def test_a_structure_without_end_ends() -> None:
    """Cycles, bombs and endless sequences are cut, in depth and in number."""
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: Any = {}
    for _ in range(100):
        deep = {"in": deep}
    bomb: Any = ["x"] * 10
    for _ in range(20):
        bomb = [bomb] * 10
    assert TOO_MUCH in repr(clean_value(cycle))
    assert repr(clean_value(deep)).count("in") == MAX_DEPTH
    assert repr(clean_value(bomb)).count("x") < MAX_VALUES
    assert len(clean_value(Forever())) <= MAX_VALUES + 1  # type: ignore[arg-type]
    wide = clean_value({"all": dict.fromkeys(range(1, 2 * MAX_VALUES))})
    assert len(wide["all"]) <= MAX_VALUES + 1  # type: ignore[index, arg-type, call-overload]
    assert wide["all"][TOO_MUCH] == TOO_MUCH  # type: ignore[index, call-overload]


@unhurried
@given(st.binary(max_size=20))
def test_a_mutable_value_is_copied(content: bytes) -> None:
    """Changing a list after it was logged changes nothing that was logged."""
    values = list(content)
    cleaned = clean_value(values)
    values.append(-1)
    assert cleaned == tuple(content)


class Boom(Exception):
    pass


@pytest.mark.parametrize("kind", [ValueError, Boom])
def test_an_exception_has_the_attributes_that_the_sdk_gives_it(kind: type[Exception]) -> None:
    """The same names and values as ``emit(exception=…)`` of the SDK's own logger."""
    collector = Collector()
    sdk = SdkProvider(resource=Resource({}), shutdown_on_exit=False)
    sdk.add_log_record_processor(collector)
    with pytest.raises(kind) as raised:
        raise kind("went wrong", 5)
    sdk.get_logger("a").emit(exception=raised.value)
    assert exception_attributes(raised.value) == dict(collector.last.attributes or {})


class Unformattable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    @property
    def __cause__(self) -> Any:
        raise RuntimeError("no cause")


def test_an_exception_that_cannot_be_formatted_costs_its_stack_trace() -> None:
    """What ``traceback`` itself raises for has still a type."""
    attributes = exception_attributes(Unformattable())
    assert attributes["exception.message"] == "<unprintable Unformattable>"
    assert attributes["exception.stacktrace"] == "<unprintable Unformattable>"
    assert stacktrace(ValueError, ValueError("a\ud800"), None) == "ValueError: a\ufffd\n"
