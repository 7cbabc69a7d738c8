"""Any value becomes one that JSON can say, in a bounded size."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.logging.plain import MAX_DEPTH, MAX_VALUES, TOO_MUCH, free_name, plain
from tests.logging.conftest import unhurried
from tests.logging.test_attributes import VALUES, Forever, Half, Keyed
from tests.logging.test_values import Endless, Nameless, NoClass, Raising, Shouting

if TYPE_CHECKING:
    from collections.abc import Callable


class Colour(enum.Enum):
    RED = "red"
    BOTH = (1, math.nan)


class Size(enum.IntEnum):
    BIG = 3


@dataclasses.dataclass
class Order:
    number: int
    weight: float
    when: datetime.date


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: None, None),
        (lambda: True, True),
        (lambda: 5, 5),
        (lambda: Size.BIG, 3),
        (lambda: 2**100, 2**100),
        (lambda: 10**5000, "<int of 16610 bits>"),
        (lambda: 1.5, 1.5),
        (lambda: math.nan, "NaN"),
        (lambda: math.inf, "Infinity"),
        (lambda: -math.inf, "-Infinity"),
        (lambda: "a\ud800", "a\ufffd"),
        (lambda: Shouting("loud"), "loud"),
        (lambda: (1, [2, {3}]), [1, [2, [3]]]),
        (lambda: {"a": {5: None, (1, 2): "x"}}, {"a": {"5": None, "(1, 2)": "x"}}),
        (lambda: {1: "number", "1": "text"}, {"1": "number", "1_": "text"}),
        (lambda: MappingProxyType({"a": 1}), {"a": 1}),
        (lambda: datetime.date(2026, 11, 22), "2026-11-22"),
        (lambda: Colour.RED, "red"),
        (lambda: Colour.BOTH, [1, "NaN"]),
        (lambda: Order(1, math.inf, datetime.date(2026, 1, 2)), {
            "number": 1, "weight": "Infinity", "when": "2026-01-02"
        }),
        (lambda: b"\x00\xff", "AP8="),
        (lambda: ValueError("bad"), "ValueError: bad"),
        (lambda: Order, "Order"),
        (Mute, "<unprintable Mute>"),
        (lambda: {"a": Mute(), "b": 1}, {"a": "<unprintable Mute>", "b": 1}),
        (Half, "<unprintable Half>"),
        (NoClass, "<unprintable NoClass>"),
        (lambda: Keyed([Raising()]), {"<unprintable Raising>": 1}),
    ],
)  # fmt: skip
def test_every_value_has_a_plain_form(make: Callable[[], Any], expected: Any) -> None:
    """Numbers stay numbers, structures stay structures, the rest is text."""
    assert plain(make()) == expected


def test_python_json_logger_says_what_it_can() -> None:
    """Where ``str()`` raises, it has ``repr()``; what has neither is named."""
    assert plain(Raising()).startswith("<tests.logging.test_values.Raising object")
    assert plain(Endless()).startswith("<tests.logging.test_values.Endless object")
    assert "Nameless" in plain(Nameless()) or plain(Nameless()) == "<unprintable object>"


@unhurried
@given(st.one_of(VALUES, st.floats(), st.text(alphabet=st.characters(codec=None))))
def test_what_comes_out_is_json(value: Any) -> None:
    """It can be written strictly, read back and encoded."""
    text = json.dumps(plain(value), allow_nan=False, ensure_ascii=False)
    text.encode()
    assert json.loads(text) == plain(value)


def test_the_size_is_bounded() -> None:
    """A long text, many texts, a long list, a deep one, one without end, a bomb."""
    assert len(plain("x" * 10**6)) == 65536
    assert len(plain("é" * 10**6, 100)) == 100
    assert len(json.dumps(plain(["x" * 1000] * 1000, 5000))) < 6000
    assert len(plain(range(10**6))) == MAX_VALUES
    assert len(plain(Forever())) == MAX_VALUES
    wide = plain(dict.fromkeys(range(10**5)))
    assert len(wide) == MAX_VALUES
    assert wide[TOO_MUCH] == TOO_MUCH
    cycle: list[Any] = []
    cycle.append(cycle)
    assert json.dumps(plain(cycle)).count("[") == MAX_DEPTH + 1
    bomb: Any = ["x"] * 10
    for _ in range(14):
        bomb = [bomb] * 10
    assert len(json.dumps(plain(bomb))) < 20 * MAX_VALUES


def test_a_free_name_is_found() -> None:
    """As many underscores as it takes."""
    assert free_name("a", {}) == "a"
    assert free_name("a", {"a": 1, "a_": 2}) == "a__"
