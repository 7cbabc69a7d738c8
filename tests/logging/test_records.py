"""Records are read without trusting them."""

from __future__ import annotations

import logging
import math
import sys
from typing import Any

import pytest

from pepperpy_otel.logging.records import (
    STANDARD,
    extras,
    is_at_least,
    message_of,
    nanoseconds_of,
    own_exc_info,
)
from tests.logging.test_values import Raising


def _record(**changes: Any) -> logging.LogRecord:
    record = logging.LogRecord("app", 20, "/app.py", 1, "hello %s", ("you",), None)
    vars(record).update(changes)
    return record


def test_extras_are_what_the_app_added() -> None:
    """In its order, and none of what a record or a formatter brings by itself."""
    record = _record(zebra=1, apple=2, message="formatted", asctime="now", taskName="t")
    logging.Formatter("%(asctime)s %(message)s").format(record)
    assert list(extras(record).items()) == [("zebra", 1), ("apple", 2)]
    assert extras(_record()) == {}
    assert extras(logging.makeLogRecord({5: "five"})) == {5: "five"}


def test_every_attribute_of_a_record_is_known() -> None:
    """The records of this Python have nothing that would be taken for an extra."""
    assert set(vars(_record())) <= STANDARD


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "hello you"),
        ({"args": ("too", "many")}, "hello %s ('too', 'many')"),
        ({"msg": 5, "args": None}, "5"),
        ({"msg": {"a": 1}, "args": None}, "{'a': 1}"),
        ({"args": ("a\ud800",)}, "hello a\ufffd"),
    ],
)
def test_every_record_has_a_message(changes: dict[str, Any], message: str) -> None:
    """A wrong number of arguments costs the formatting, not the message."""
    assert message_of(_record(**changes)) == message


def test_a_message_without_text_says_so() -> None:
    """An object whose ``__str__`` raises, as message or as argument."""
    assert message_of(_record(msg=Raising(), args=None)) == "<unprintable Raising>"
    assert message_of(_record(args=(Raising(),))).startswith("hello %s (<tests.logging")


@pytest.mark.parametrize(
    ("created", "nanoseconds"),
    [(1.5, 1_500_000_000), (0, 0), (math.nan, None), (math.inf, None), ("now", None), (None, None)],
)
def test_a_time_that_is_none_is_left_out(created: Any, nanoseconds: int | None) -> None:
    """A record that somebody made by hand."""
    assert nanoseconds_of(_record(created=created)) == nanoseconds


@pytest.mark.parametrize(
    ("levelno", "answer"), [(30, True), (31, True), (29, False), (None, False)]
)
def test_a_level_is_compared_if_it_is_one(levelno: Any, answer: bool) -> None:
    """``logging.makeLogRecord({})`` has none."""
    assert is_at_least(_record(levelno=levelno), logging.WARNING) is answer


def test_exceptions_are_found_in_any_form() -> None:
    """As the tuple of ``sys.exc_info()``, as an exception, and not in what is neither."""
    error = ValueError("bad")
    assert own_exc_info(_record()) == (None, None, None)
    assert own_exc_info(_record(exc_info=error)) == (ValueError, error, None)
    assert own_exc_info(_record(exc_info=(ValueError, None, None))) == (ValueError, None, None)
    assert own_exc_info(_record(exc_info=(ValueError, "text", None))) == (ValueError, None, None)
    nothing: list[Any] = [True, (None, None, None), ("ValueError", error, None), (1, 2)]
    for info in nothing:
        assert own_exc_info(_record(exc_info=info)) == (None, None, None)
    try:
        raise error
    except ValueError:
        assert own_exc_info(_record(exc_info=sys.exc_info()))[1] is error
