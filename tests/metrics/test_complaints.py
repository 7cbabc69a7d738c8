from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.metrics import complaints
from pepperpy_otel.metrics.complaints import Complaints, describe
from tests.metrics.conftest import Hostile

if TYPE_CHECKING:
    import pytest


def test_a_problem_of_an_instrument_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The same problem of the same instrument makes one line, with the first detail."""
    said = Complaints()
    said.say("a", "is wrong", "first")
    said.say("a", "is wrong", "second")
    said.say("b", "is wrong")
    assert capsys.readouterr().err.splitlines() == [
        "pepperpy_otel: metric a (said once): is wrong: first",
        "pepperpy_otel: metric b (said once): is wrong",
    ]


def test_forgetting_lets_it_be_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A provider that is armed again names its problems again."""
    said = Complaints()
    said.say("a", "is wrong")
    said.forget()
    said.say("a", "is wrong")
    assert capsys.readouterr().err.count("is wrong") == 2


def test_complaints_are_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that makes up names without end hears of the first ones only."""
    monkeypatch.setattr(complaints, "MAX_COMPLAINTS", 2)
    said = Complaints()
    for name in "abc":
        said.say(name, "is wrong")
    assert capsys.readouterr().err.count("is wrong") == 2


def test_an_error_is_one_short_line() -> None:
    """Line breaks and length do not get through."""
    assert describe(ValueError("two\nlines")) == "ValueError: two lines"
    assert len(describe(ValueError("x" * 1000))) < 250


def test_an_error_without_a_text_is_described() -> None:
    """An exception whose text raises is still named by its type."""
    error = type("Odd", (Exception,), {"__str__": Hostile.__str__})()
    assert describe(error) == "Odd: <unprintable>"
