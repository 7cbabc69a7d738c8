"""What goes into a spool and comes out of it, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import Signal


class SpoolLimits(NamedTuple):
    """How much a spool keeps.

    Attributes:
        max_bytes: Of the segments of all processes together; the oldest ones make room.
        max_age: Seconds.
        segment_bytes: A file is ended when it has so many; files are removed as a whole.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_age: float = 72 * 3600.0
    segment_bytes: int = 4 * 1024 * 1024


class SpooledBatch(NamedTuple):
    """A batch that waited on disk.

    Attributes:
        signal: What its items are.
        body: The uncompressed OTLP request.
        items: How many are in it.
        own: Written by the very spool that returns it; else an earlier process left it.
        key: Segment and offset, for ``Spool.done()``.
        written_at: UNIX seconds.
    """

    signal: Signal
    body: bytes
    items: int
    own: bool
    key: tuple[int, int]
    written_at: float


class Loss(NamedTuple):
    """Items that are gone.

    Attributes:
        signal: What they were.
        items: How many, as far as they could be counted.
        own: Whether the spool that lost them had written them.
        reason: ``spool_full``, ``spool_expired`` or ``spool_corrupt``.
    """

    signal: Signal
    items: int
    own: bool
    reason: str
