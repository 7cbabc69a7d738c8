"""From SDK records that wait in memory to requests; one that cannot be encoded costs itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.delivery.files.lines import line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.delivery.counts import Signal

#: Items in one line: so many are held as text at once.
BATCH = 512
UNENCODABLE = "unencodable items"


def add_items(writer: Writer, signal: Signal, items: Sequence[Any]) -> None:
    """Write records as lines of at most ``BATCH``; for metrics each item is a whole collection.

    Raises:
        OSError: They cannot be written.
    """
    encoder, size = Encoder(signal), 1 if signal == "metrics" else BATCH
    for start in range(0, len(items), size):
        _add(writer, encoder, signal, items[start : start + size])


def _add(writer: Writer, encoder: Encoder, signal: Signal, items: Sequence[Any]) -> None:
    encoded = encoder.encode(items)
    try:
        line = line_of(signal, encoded.body)
    except Exception:  # nested more deeply than protobuf reads
        if len(items) == 1:
            writer.lose(UNENCODABLE, encoded.items + encoded.unencodable)
            return
        half = len(items) // 2
        _add(writer, encoder, signal, items[:half])
        _add(writer, encoder, signal, items[half:])
        return
    writer.lose(UNENCODABLE, encoded.unencodable)
    if encoded.items:
        writer.add_line(signal, line, encoded.items)
