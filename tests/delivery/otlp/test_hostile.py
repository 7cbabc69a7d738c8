"""Values that cannot be read, and what stands for them."""

from __future__ import annotations

import sys
from collections import UserDict, UserList
from numbers import Integral
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.delivery.otlp.values import text_of
from tests.delivery.otlp.messages import value
from tests.delivery.otlp.strategies import PATIENT, SCALARS


class Index:
    """A number by registration, as numpy's are."""


Integral.register(Index)


def name_of(kind: type) -> str:
    """The name of a class, whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class BrokenMapping(UserDict[str, Any]):
    def items(self) -> Any:
        raise KeyError("no items")


class BrokenSequence(UserList[Any]):
    def __iter__(self) -> Any:
        yield 1
        raise ValueError("no more")


class NoText(Broken):
    def __str__(self) -> Any:
        return 5


class Meta(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Nameless(Broken, metaclass=Meta):
    pass


class NoClass(Broken):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("unbound")


class BrokenIndex(Index, Broken):
    def __index__(self) -> int:
        raise RuntimeError("no number")

    __str__ = Broken.__str__


@pytest.mark.parametrize(
    "kind",
    [Broken, BrokenMapping, BrokenSequence, NoText, Nameless, NoClass, BrokenIndex],
    ids=name_of,
)
def test_what_cannot_be_read_costs_itself_only(kind: Any) -> None:
    """Its neighbours stay, wherever it is."""
    marker = f"<unprintable {name_of(kind)}>"
    assert value(kind()).string_value == marker
    inside = value({"a": [kind(), 1], "b": kind(), "c": 2}).kvlist_value.values
    assert inside[0].value == value([marker, 1])
    assert (inside[1].value.string_value, inside[2].value.int_value) == (marker, 2)


def test_a_number_of_more_digits_than_python_prints_has_no_text() -> None:
    """Unless Python prints any number, as 3.10 did at first."""
    text = value(10**5000).string_value
    limited = hasattr(sys, "set_int_max_str_digits")
    assert text == ("<unprintable int>" if limited else "1" + "0" * 5000)


#: By name: hypothesis asks values for their repr().
ODD = st.sampled_from(["Broken", "Nameless", "BrokenMapping", "BrokenSequence", "set"]).map(
    lambda name: globals().get(name, set)()
)


@PATIENT
@given(
    st.recursive(
        st.text(st.characters()) | ODD | SCALARS,
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner)
        ),
    )
)
def test_any_value_makes_a_message(anything: Any) -> None:
    """Whatever is in whatever."""
    assert text_of(anything) is not None
    message = value(anything)
    assert message.FromString(message.SerializeToString()) is not None
