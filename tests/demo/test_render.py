from __future__ import annotations

import io
import os
import re

import pytest

from pepperpy_otel.demo import render
from pepperpy_otel.demo.text import ASCII, Part, Symbols

LINE = (Part("bold ", "name"), Part("red", "error"), Part(" plain"), Part(" odd", "no such style"))


class Stream(io.TextIOWrapper):
    """A text stream that may say that it is a terminal."""

    def __init__(self, *, tty=False, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self._tty = tty

    def isatty(self):
        return self._tty

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(params=["utf-8"])
def terminal(monkeypatch, request):
    """A terminal with colours and 90 columns, whatever the tests run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "90")
    stream = Stream(tty=True, encoding=request.param)
    yield stream
    stream.close()


def test_plain_text_has_no_control_characters():
    """What goes into a file or a pipe is text and nothing else."""
    stream = Stream()
    screen = render.screen(stream, plain=False)
    with screen.working("Working ...") as change:
        change("Working harder ...")
        screen.show(LINE)

    assert stream.text() == "Working ...\nbold red plain odd\n"
    assert screen.width == 100
    assert screen.symbols == Symbols()


def test_plain_on_a_terminal_is_as_wide_as_that(terminal):
    """--plain on a terminal keeps to its width, within limits."""
    screen = render.screen(terminal, plain=True)
    screen.show(LINE)

    assert isinstance(screen, render.PlainScreen)
    assert screen.width == 90
    assert "\x1b" not in terminal.text()


@pytest.mark.parametrize(("columns", "width"), [("20", 80), ("500", 120)])
def test_width_has_limits(terminal, monkeypatch, columns, width):
    """Narrower than 80 the tables would break, wider than 120 nobody reads."""
    monkeypatch.setenv("COLUMNS", columns)

    assert render.screen(terminal, plain=True).width == width
    assert render.screen(terminal, plain=False).width == width


def test_plain_text_that_the_stream_cannot_encode():
    """A log record may say anything; what cannot be shown becomes a question mark."""
    stream = Stream(encoding="ascii")
    screen = render.screen(stream, plain=True)
    screen.show((Part("snow ☃"),))

    assert stream.text() == "snow ?\n"
    assert screen.symbols == ASCII


def test_plain_stream_without_an_encoding():
    """A stream that does not say how it encodes gets ASCII."""
    stream = io.StringIO()
    screen = render.PlainScreen(stream)
    screen.show((Part("é"),))

    assert stream.getvalue() == "?\n"


def test_colours_on_a_terminal(terminal):
    """On a terminal each style has its look, and the text is the same."""
    screen = render.screen(terminal, plain=False)
    screen.show(LINE)

    shown = terminal.text()
    assert "\x1b[1mbold \x1b[0m" in shown
    assert "\x1b[31mred\x1b[0m" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == "bold red plain odd\n"
    assert screen.width == 90


def test_a_long_line_is_not_wrapped_by_rich(terminal):
    """The layout decides what fits; nothing is broken or taken for markup."""
    render.screen(terminal, plain=False).show((Part("[bold]" + "x" * 100),))

    assert terminal.text() == "[bold]" + "x" * 100 + "\n"


def test_working_on_a_terminal_leaves_no_trace(terminal):
    """The line that moves is gone when the work is done."""
    with render.screen(terminal, plain=False).working("Working ...") as change:
        change("Working harder ...")

    shown = terminal.text()
    assert "Working" in shown
    assert shown.endswith("\x1b[2K")  # the line was erased


@pytest.mark.parametrize("terminal", ["ascii"], indirect=True)
def test_a_terminal_without_unicode(terminal):
    """Neither the line that moves nor a log record needs characters that are not there."""
    screen = render.screen(terminal, plain=False)
    with screen.working("Working ..."):
        pass
    screen.show((Part("snow ☃", "name"),))

    assert "snow ?" in terminal.text()
    assert screen.symbols == ASCII


def test_os_has_no_say_in_the_width_of_a_pipe(monkeypatch):
    """COLUMNS belongs to the terminal, not to a file."""
    monkeypatch.setitem(os.environ, "COLUMNS", "42")

    assert render.screen(Stream(), plain=False).width == 100
