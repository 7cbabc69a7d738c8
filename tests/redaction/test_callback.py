"""The user's own function can take more out, never let anything through by failing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pepperpy_otel
from pepperpy_otel.logging.formatter import JsonFormatter
from pepperpy_otel.redaction import Redactor, active
from tests.redaction.telling import tell

if TYPE_CHECKING:
    import pytest

    from tests.delivery.sinks import HttpSink

PRIVATE = "Jane Roe of 12 Elm Street"


def _raising(key: str, value: Any) -> Any:
    raise ValueError(f"cannot judge {key}={value}")


def test_a_raising_function_leaks_nothing(
    sink: HttpSink, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every value is withheld, counted, and quoted nowhere; one line says that it happened."""
    telemetry = pepperpy_otel.configure(
        "told", endpoint=sink.url, instrument=False, health=False, redact=_raising
    )
    try:
        tell(telemetry, [PRIVATE], keys=False)
        assert telemetry.force_flush(30_000)
        assert telemetry.stats().redacted["callback"] > 20
    finally:
        pepperpy_otel.rollback()
    bodies = b"\n".join(request.body for request in sink.requests)
    assert b"Elm" not in bodies
    assert b"[redacted:callback]" in bodies
    lines = [line for line in capfd.readouterr().err.splitlines() if "internal error" in line]
    assert all("Elm" not in line for line in lines)


def test_a_failure_is_said_once_and_without_the_value(caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the type of the error and nothing of its text."""

    class Unheard(Exception):
        pass

    def fails(key: str, value: Any) -> Any:
        raise Unheard(value)

    from pepperpy_otel import errors

    errors._seen.clear()
    redactor = Redactor([fails])
    with caplog.at_level(logging.WARNING, "pepperpy_otel"):
        assert redactor.text(PRIVATE) == "[redacted:callback]"
        assert redactor.text(PRIVATE) == "[redacted:callback]"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "Unheard" in said[0]
    assert "Elm" not in said[0]
    assert redactor.counts() == {"callback": 2}


def test_it_is_asked_for_every_value_with_its_key() -> None:
    """Texts, numbers and bytes, nested ones by the nearest key; no containers, nor ``None``."""
    asked = []

    def note(key: str, value: Any) -> Any:
        asked.append((key, value))
        return value

    attributes = {"a": "text", "b": {"c": [1, {"d": b"x"}]}, "e": None, "f": 1.5}
    assert Redactor([note]).attributes(attributes) is attributes
    assert asked == [("a", "text"), ("c", 1), ("d", b"x"), ("f", 1.5)]


def test_what_it_returns_is_looked_through() -> None:
    """It cannot bring a secret in, and what it says instead is sent."""
    redactor = Redactor([lambda key, value: f"{value} password=hunter2"])
    assert redactor.attributes({"a": "x"}) == {"a": "x password=[redacted:assignment]"}
    assert Redactor([lambda key, value: 12]).text("x", "a") == "12"


def test_returning_nothing_withholds_the_value() -> None:
    """A function that forgets to return lets nothing through."""
    redactor = Redactor([lambda key, value: None])
    assert redactor.attributes({"a": "x"}) == {"a": "[redacted:callback]"}
    assert redactor.counts() == {"callback": 1}


def test_returning_a_container_withholds_everything() -> None:
    """What has not been looked through does not go."""
    redactor = Redactor([lambda key, value: [value]])
    assert PRIVATE not in repr(redactor.attributes({"a": PRIVATE}))
    assert redactor.counts() == {"error": 1}


def test_several_are_asked_one_after_the_other() -> None:
    """Each gets what the one before has made of the value."""
    redactor = Redactor([lambda k, v: v.replace("a", "b"), lambda k, v: v.replace("b", "c")])
    assert redactor.text("a b", "x") == "c c"


class _Printing(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def test_a_function_that_logs_is_not_asked_about_its_own_lines() -> None:
    """They would be shown to it without end; what it logs is withheld."""
    printing, logger = _Printing(), logging.getLogger("app.judging")
    logger.addHandler(printing)
    asked = []

    def judge(key: str, value: Any) -> Any:
        asked.append(key)
        assert len(asked) < 100
        logger.warning("judging %s", PRIVATE)
        return value

    end = active.activate(Redactor([judge]))
    try:
        logger.warning("said")
    finally:
        end()
        logger.removeHandler(printing)
    assert len(asked) < 10
    assert PRIVATE not in "".join(printing.lines)
    assert any('"message": "said"' in line for line in printing.lines)
