"""The id in the lines of a log, and nothing there that acts instead of being shown."""

from __future__ import annotations

import json
import logging

import pytest

from pepperpy_otel.correlation import use_correlation_id
from pepperpy_otel.logging.formatter import JsonFormatter, TextFormatter
from pepperpy_otel.redaction import Redactor, active


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("app", logging.INFO, "app.py", 1, message, (), None)


def test_both_kinds_of_line_have_the_id() -> None:
    """Where there is one."""
    with use_correlation_id("abc"):
        assert json.loads(JsonFormatter().format(_record("said")))["correlation_id"] == "abc"
        assert TextFormatter().format(_record("said")).endswith(" correlation_id=abc")
    assert "correlation_id" not in JsonFormatter().format(_record("said"))
    assert "correlation_id" not in TextFormatter().format(_record("said"))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("active", ["\u202e", "\u2066", "\u200f", "\ufeff", "\x7f", "\x85", "\n"])
def test_text_is_not_turned_around(active: str, wide: bool) -> None:
    """Direction marks and controls are escaped, also where other alphabets are written out."""
    message = f"ä{active}b"
    line = JsonFormatter(json_ensure_ascii=not wide).format(_record(message))
    assert active not in line
    assert json.loads(line)["message"] == message
    assert ("ä" in line) is wide
    text = TextFormatter().format(_record(message))
    assert active not in text
    assert "ä" in text


def test_an_indented_line_keeps_its_form() -> None:
    """Whoever asks for several lines gets them."""
    assert "\n" in JsonFormatter(json_indent=1).format(_record("ä"))


def test_an_id_that_is_a_secret_is_taken_out() -> None:
    """It may be a stranger's, and a card's number."""
    end = active.activate(Redactor())
    try:
        with use_correlation_id("4111-1111-1111-1111"):
            line = json.loads(JsonFormatter().format(_record("said")))
            assert line["correlation_id"] == "[redacted:card]"
            assert "4111-" not in TextFormatter().format(_record("said"))
    finally:
        end()
