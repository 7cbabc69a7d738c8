"""Our lines on stderr, when ``console_logs`` asks for them."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[Any]
else:
    _StreamHandler = logging.StreamHandler  # generic at run time from Python 3.11 on


class ConsoleHandler(_StreamHandler):
    """Writes each record as one line to whatever ``sys.stderr`` is at that moment.

    An error in writing (a closed pipe, an encoding) is never the app's problem.
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> Any:
        """``sys.stderr`` now: tests and supervisors replace it while the process runs."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line; with escapes where the stream cannot show a character."""
        try:
            line = self.format(record)
            try:
                self._write(line)
            except UnicodeEncodeError:
                self._write(line.encode("ascii", "backslashreplace").decode("ascii"))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Print nothing: the traceback would go where the line could not."""

    def _write(self, line: str) -> None:
        stream = self.stream
        if stream is not None:  # pythonw has none
            stream.write(f"{line}{self.terminator}")
            stream.flush()
