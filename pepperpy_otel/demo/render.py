"""Lines onto the terminal: in colour with rich on a tty, as plain text anywhere else."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_otel.demo.text import ASCII, Line, Part, Symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TextIO

PLAIN_WIDTH = 100
NARROWEST, WIDEST = 80, 120
#: What each style looks like. The services get one of their own each, by position.
STYLES = {
    "title": "bold",
    "name": "bold",
    "dim": "dim",
    "log": "green",
    "warning": "yellow",
    "error": "red",
    "good": "bold green",
    "number": "default",
    "command": "cyan",
    "service 0": "bold magenta",
    "service 1": "bold cyan",
}


class Screen(Protocol):
    """Where lines go."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def symbols(self) -> Symbols:
        """The characters to draw with."""

    def show(self, line: Line) -> None:
        """Print one line."""

    def working(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Say what is going on for as long as it takes; what it yields changes the text."""


class PlainScreen:
    """Text without any control character; what is going on is one line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.symbols = Symbols.for_encoding(stream.encoding)
        self.width = _bounded(
            shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if stream.isatty() else PLAIN_WIDTH
        )

    def show(self, line: Line) -> None:
        """Print one line."""
        text = "".join(part.text for part in line).rstrip()
        print(_showable(text, self._stream.encoding), file=self._stream, flush=True)

    @contextlib.contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Print the first text; the changes are for terminals."""
        self.show((Part(text),))
        yield lambda change: None


class RichScreen:
    """Colour, and a line that moves while something is going on."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console: Any = Console(file=stream, highlight=False)
        self._encoding = stream.encoding
        self.symbols = Symbols.for_encoding(stream.encoding)
        self.width = _bounded(self._console.width)

    def show(self, line: Line) -> None:
        """Print one line."""
        from rich.text import Text

        text = Text.assemble(
            *((_showable(part.text, self._encoding), STYLES.get(part.style, "")) for part in line)
        )
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)

    @contextlib.contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show the text beside something that turns."""
        spinner = "line" if self.symbols is ASCII else "dots"
        with self._console.status(text, spinner=spinner) as status:
            yield status.update


def screen(stream: TextIO, *, plain: bool) -> Screen:
    """The screen for a stream: rich on a terminal, unless told otherwise."""
    return RichScreen(stream) if stream.isatty() and not plain else PlainScreen(stream)


def _showable(text: str, encoding: str | None) -> str:
    """A log record may say anything, the terminal may not be able to."""
    encoding = encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def _bounded(width: int) -> int:
    return min(max(width, NARROWEST), WIDEST)
