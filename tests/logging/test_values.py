"""Any value has a text, whatever it does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.logging.values import (
    bounded,
    bounded_tail,
    class_name,
    exact,
    safe_text,
    scrub,
    unprintable,
)
from tests.logging.conftest import unhurried

if TYPE_CHECKING:
    from collections.abc import Callable


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Endless:
    def __str__(self) -> str:
        return str(self)


class Liar:
    """Says that it is a string and is none."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return str


class NoClass:
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise ValueError("no class")

    def __str__(self) -> str:
        return "still has text"


class NoString:
    def __str__(self) -> Any:
        return 5


class Shouting(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    def isascii(self) -> bool:
        raise RuntimeError("no")


class _NamelessMeta(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Nameless(metaclass=_NamelessMeta):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: "plain", "plain"),
        (lambda: 5, "5"),
        (lambda: None, "None"),
        (lambda: "a\ud800b", "a\ufffdb"),
        (lambda: "é\udcff", "é\ufffd"),
        (Raising, "<unprintable Raising>"),
        (Endless, "<unprintable Endless>"),
        (Liar, "<unprintable Liar>"),
        (NoClass, "<unprintable NoClass>"),
        (NoString, "<unprintable NoString>"),
        (lambda: Shouting("loud"), "loud"),
        (lambda: Nameless(), "<unprintable object>"),
    ],
)
def test_every_value_has_a_text_that_can_be_encoded(make: Callable[[], Any], text: str) -> None:
    """What raises, recurses, lies about its type or holds half a character still has a text."""
    value = make()  # not a parameter: pytest itself would trip over it
    assert safe_text(value) == text
    assert type(safe_text(value)) is str
    safe_text(value).encode()


@unhurried
@given(st.text(alphabet=st.characters(codec=None)))
def test_scrubbing_changes_lone_surrogates_only(text: str) -> None:
    """Everything that UTF-8 can say stays as it is, character by character."""
    scrubbed = scrub(text)
    scrubbed.encode()
    for before, after in zip(text, scrubbed, strict=True):
        assert after == ("\ufffd" if "\ud800" <= before <= "\udfff" else before)


@pytest.mark.parametrize(
    ("text", "limit", "head", "tail"),
    [
        ("abc", 3, "abc", "abc"),
        ("abcdef", 5, "ab...", "...ef"),
        ("abcd", 3, "...", "..."),
        ("abcd", 1, ".", "."),
        ("ab", 0, "", ""),
    ],
)
def test_long_text_is_cut(text: str, limit: int, head: str, tail: str) -> None:
    """Three dots stand for what is cut off, at the end or at the start."""
    assert bounded(text, limit) == head
    assert bounded_tail(text, limit) == tail


def test_names_of_types_never_raise() -> None:
    """A metaclass without a name costs the name."""
    assert class_name(Nameless) == "object"
    assert class_name(int) == "int"
    assert unprintable(5) == "<unprintable int>"


def test_a_subclass_of_str_becomes_a_str() -> None:
    """Encoders get the text, not the overridden methods."""
    assert exact(Shouting("x")) == "x"
    assert type(exact(Shouting("x"))) is str
