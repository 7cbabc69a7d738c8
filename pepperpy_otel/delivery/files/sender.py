"""Delivers one signal into its file: what the exporter ``otlp-file`` is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.encoding import Encoded, Encoder
from pepperpy_otel.delivery.files.lines import line_of
from pepperpy_otel.delivery.files.store import SUFFIX, LineFile
from pepperpy_otel.delivery.outcome import Outcome, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.files.target import FileTarget


class FileSender:
    """Writes each batch as one line of OTLP JSON.

    Args:
        signal: Which signal; the file is called by it.
        target: Where to.
    """

    def __init__(self, signal: Signal, target: FileTarget) -> None:
        self.signal = signal
        #: The directory, not the file: a disk that is full is one trouble for all three signals.
        self.target = target.directory
        path = Path(target.directory) / f"{signal}{SUFFIX}"
        self._file = LineFile(path, max_bytes=target.max_bytes, max_files=target.max_files)
        self._encoder = Encoder(signal)

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Write ``items``; a disk that takes nothing now may do so later."""
        encoded, line = self._line(items)
        if not encoded.items:
            return encoded.outcome()
        try:
            self._file.append(line, timeout)
        except OSError as error:
            return Outcome(retry=True, error=_say(error))
        delivered = Outcome(delivered=encoded.items)
        return delivered.with_unencodable(encoded.unencodable, encoded.error)

    def _line(self, items: Sequence[Any]) -> tuple[Encoded, bytes]:
        encoded = self._encoder.encode(items)
        try:
            return encoded, line_of(self.signal, encoded.body)
        except Exception as error:  # nested more deeply than protobuf reads
            if len(items) > 1:
                good = [item for item in items if self._has_line(item)]
                if 0 < len(good) < len(items):
                    kept, line = self._line(good)
                    lost = encoded.items + encoded.unencodable - kept.items
                    return kept._replace(unencodable=lost, error=_say(error)), line
            return Encoded(b"", 0, encoded.items + encoded.unencodable, _say(error)), b""

    def _has_line(self, item: Any) -> bool:
        return self._line([item])[0].items > 0

    def close(self) -> None:
        """Nothing to do: no file is open between two batches."""


def _say(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(f"{type(error).__name__}: {error}")
