"""No value raises, takes for ever, or gets through because it is strange."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from pepperpy_otel import redaction
from pepperpy_otel.redaction import Redactor, active
from pepperpy_otel.redaction.walk import MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("hunter2")


class _Telling:
    def __str__(self) -> str:
        return "password=hunter2"


class _Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "innocent"


class _Breaking(dict[str, Any]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("hunter2")

    def items(self) -> Any:
        raise RuntimeError("hunter2")


@pytest.mark.parametrize(
    "value",
    [
        _Telling(),
        _Word("password=hunter2"),
        bytearray(b"password=hunter2"),
        b"password=hunter2",
        {"password=hunter2"},
        ("--token", "hunter2"),
        [[b"x-api-key", b"hunter2"]],
        {1: "password=hunter2"},
        {("password", 1): {"password": "hunter2"}},
        MappingProxyType({"pwd": "hunter2"}),
        {"a": {"b": {"pwd=hunter2": 1, "pwd=hunter2 ": 2}}},
        range(MAX_VALUES + 2),
        _Breaking(a="hunter2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_strange_value_does_not_get_through(value: Any) -> None:
    """Subclasses, objects, bytes, sets and pairs are looked through by what they hold."""
    redactor = Redactor()
    shown = redactor.attributes({"x": value, "y": 1})
    assert "hunter2" not in str({key: str(each) for key, each in shown.items()})
    assert sum(redactor.counts().values()) >= 1


def test_what_breaks_is_withheld_as_a_whole() -> None:
    """Attributes that raise when they are read, and objects without a text, leave nothing."""
    redactor = Redactor()
    assert redactor.attributes(_Breaking(a="hunter2")) == {"redacted": "[redacted:error]"}
    assert redactor.attributes({"a": _Unprintable()}) == {"a": "<unprintable _Unprintable>"}
    assert redactor.value(_Breaking(a=1), "x") == "[redacted:error]"
    text: Any = 12
    assert redactor.text(text) == "[redacted:error]"


def test_what_has_no_end_has_one_here() -> None:
    """A list that holds itself twice is cut off, and so is deep nesting."""
    endless: list[Any] = []
    endless += [endless, endless]
    redactor = Redactor()
    assert "[redacted:too-large]" in str(redactor.value(endless, "x"))[-2000:]
    deep: Any = "x"
    for _ in range(50):
        deep = {"n": deep}
    assert "[redacted:too-large]" in str(redactor.value(deep, "x"))


def test_a_span_that_cannot_be_read_is_withheld() -> None:
    """What is no span is not queued, and is counted."""
    redactor = Redactor()
    broken: Any = object()
    assert redactor.spans(broken) is None
    assert redactor.logs(broken) is None
    assert redactor.counts() == {"error": 2}


def test_a_span_made_by_hand_is_looked_through() -> None:
    """Spans without the SDK's own containers are read by what they show."""
    span = ReadableSpan("pwd=hunter2", attributes={"password": "x"}, resource=Resource.get_empty())
    shown = Redactor().spans(span)
    assert shown is not None
    assert (shown.name, dict(shown.attributes or {})) == (
        "pwd=[redacted:assignment]",
        {"password": "[redacted:key]"},
    )


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 200_000, "eyJ" * 60_000, "://" * 60_000, "password=" * 20_000, "@" * 200_000),
        *("-----BEGIN PRIVATE KEY-----" * 5_000, "4111 " * 40_000, "a://b:" * 30_000 + "@c"),
        *("Authorization: " * 10_000, "'" * 100_000, "password='" * 10_000, "%41" * 50_000),
        *("a.b-c_d" * 30_000, "x@y." * 40_000, "sk-" * 60_000, "--token " * 20_000, "[" * 100_000),
        *("password=," * 20_000, "auth=[" * 20_000, "?a&" * 50_000 + "=token=x", "\\" * 100_000),
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    """Hostile texts of some hundred thousand characters are through before the test times out."""
    assert type(Redactor(["default", "email"]).text(text)) is str


def test_what_is_nothing_yet_is_left() -> None:
    """Empty values, and what somebody has redacted, are not redacted again."""
    redactor = Redactor()
    for text in (
        *("Authorization: '[redacted:authorization]'", "authorization=''", "password=''"),
        *("--password '[redacted:x]'", "PASSWORD '[redacted:x]'", "secret=[redacted:key]"),
        *("Basic authentication", "use bearer token.", "a%20b"),
    ):
        assert redactor.text(text) == text
    assert redactor.counts() == {}


def test_numbers_are_cards_only_where_they_are_asked_for() -> None:
    """A number of a card as an integer goes; other long numbers stay."""
    card, other = 4111111111111111, 1795387551033086123
    redactor = Redactor()
    assert redactor.attributes({"a": card, "b": other, "c": 10**30}) == {
        "a": "[redacted:card]",
        "b": other,
        "c": 10**30,
    }
    assert Redactor(["-card"]).attributes({"a": card}) == {"a": card}


def test_keys_that_become_alike_stay_apart() -> None:
    """Two keys that hold secrets do not overwrite each other."""
    shown = Redactor().attributes({"pwd=hunter2": 1, "pwd=hunter3": 2})
    assert shown == {"pwd=[redacted:assignment]": 1, "pwd=[redacted:assignment]_": 2}


def test_the_package_has_what_it_says() -> None:
    """Its one name is imported when it is first used."""
    assert dir(redaction) == ["Redactor"]
    with pytest.raises(AttributeError, match="Reductor"):
        redaction.Reductor  # noqa: B018
    assert redaction.Redactor is Redactor


def test_memory_is_bounded() -> None:
    """What is remembered of texts, keys and sets of keys does not grow with what is seen."""
    redactor = Redactor()
    for number in range(5_000):
        redactor.attributes({"x": f"attribute {number}"})
    for first in range(40):
        for second in range(40):
            redactor.attributes({f"a{first}": 1, f"b{second}": 2})
    for number in range(10_000):
        redactor.attributes({f"key.{number}": f"value {number}", "x": f"text {number}"})
        redactor.text(f"line {number}")
    assert len(redactor._clean) <= 5000
    assert len(redactor._keys) <= 1024
    assert len(redactor._key_sets) <= 1024


def test_secrets_are_not_remembered() -> None:
    """Neither a secret nor a key that holds one stays in the redactor's memory."""
    redactor = Redactor()
    redactor.attributes({"password=hunter2": "pwd=hunter2", "x": "token=hunter2 y"})
    assert "hunter2" not in repr(vars(redactor))


def test_what_a_scheme_introduces_goes() -> None:
    """Also without the name of the header, and in quotes."""
    assert Redactor().text("used Bearer aB3defgh") == "used Bearer [redacted:authorization]"
    assert Redactor().text("Basic dXNlcjpwYXNz") == "Basic [redacted:authorization]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_counts_from_zero() -> None:
    """What the parent has taken out is the parent's."""
    from pepperpy_otel import _forks

    _forks.watch()
    redactor = Redactor()
    end = active.activate(redactor)
    redactor.text("password=hunter2")
    child = os.fork()
    if not child:
        os._exit(0 if redactor.counts() == {} else 1)
    end()
    assert active.redactor is None
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert redactor.counts() == {"assignment": 1}
