"""A spawned child holds back no less than its parent."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from pepperpy_otel.redaction import Redactor
from pepperpy_otel.redaction.travelling import travelling, withhold
from pepperpy_otel.spawned import Beginning, _can_travel


def named(key: str, value: Any) -> Any:
    """A function that a child can import."""
    return value


@pytest.mark.parametrize("given", [True, False, "default,email", ["default", named], named])
def test_what_can_travel_is_the_same(given: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Words and functions of a module arrive as they are, and nothing is said."""
    assert travelling(given, _can_travel) is given
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "given",
    [lambda key, value: value, ["default", lambda key, value: value]],
    ids=["alone", "with a name"],
)
def test_a_function_that_stays_behind_is_replaced(
    given: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """By one that lets nothing through; one line says so."""
    sent = Beginning({"redact": given, "service_name": "x"})
    arrived = pickle.loads(sent._arguments["redact"])
    shown = Redactor(arrived).attributes({"name": "Jane Roe", "n": 1})
    assert shown == {"name": "[redacted:callback]", "n": "[redacted:callback]"}
    said = capsys.readouterr().err
    assert said.count("redact=") == 1
    assert "withhold every value" in said
    assert withhold("x", "y") is None
