"""Our lines go to what stderr is at the moment, and an error there is nobody's problem."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

from pepperpy_otel.logging.console import ConsoleHandler
from pepperpy_otel.logging.formatter import TextFormatter

if TYPE_CHECKING:
    import pytest


def _record(msg: str = "hello") -> logging.LogRecord:
    return logging.makeLogRecord({"name": "app", "msg": msg, "levelname": "INFO", "levelno": 20})


def _handler() -> ConsoleHandler:
    return ConsoleHandler(logging.Formatter("%(message)s"))


def test_a_record_is_a_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when stderr was replaced after the handler was made."""
    handler = _handler()
    handler.handle(_record())
    assert capsys.readouterr().err == "hello\n"
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stderr", replaced)
    handler.handle(_record())
    assert replaced.getvalue() == "hello\n"
    assert handler.stream is replaced


def test_what_the_stream_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal without UTF-8 still gets the line."""
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(content, encoding="ascii"))
    ConsoleHandler(TextFormatter()).handle(_record("grüße"))
    assert content.getvalue().endswith(b"gr\\xfc\\xdfe\n")


def test_a_broken_stream_prints_nothing_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed pipe, a wrong format string, no stderr at all."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    handler = _handler()
    broken: Any = _record("%d")
    broken.args = ("x",)
    handler.handle(broken)
    assert capsys.readouterr().err == ""
    for stream in (Closed(), None):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            handler.handle(_record())
