"""Reads what lies in a spool's directory without owning it: the process that does may be alive.

Nothing is locked, moved or written down as done, so what is read here is still delivered by whom
it belongs to. What vanishes meanwhile was delivered, or dropped for its age or the room it took.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from pepperpy_otel.delivery.spool import framing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal

#: As ``delivery.spool.directory`` names them.
_SEGMENT = re.compile(r"(\d{17})-(?:traces|logs|metrics)-([0-9a-f]{16})\.[0-9a-f]{16}\.spool1")


class Batch(NamedTuple):
    """One request that waits on disk."""

    signal: Signal
    body: bytes


def segments(directory: Path) -> list[Path]:
    """The segments in a directory and one below it, in the order in which they were made."""
    found = [path for pattern in ("*.spool1", "*/*.spool1") for path in directory.glob(pattern)]
    return sorted((path for path in found if _SEGMENT.fullmatch(path.name)), key=_age)


def batches(directory: Path, damaged: Callable[[Path], object]) -> Iterator[Batch]:
    """Everything in a spool's directory that is not done, one batch in memory at a time.

    Args:
        directory: The user's, or the subdirectory of one destination.
        damaged: Called with a segment in which something is not what was written.

    Raises:
        OSError: A file is there and cannot be read.
    """
    for path in segments(directory):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            yield from _in_segment(file, path, damaged)


def _in_segment(file: BinaryIO, path: Path, damaged: Callable[[Path], object]) -> Iterator[Batch]:
    match = cast("re.Match[str]", _SEGMENT.fullmatch(path.name))
    number = int(match[2], 16)
    head = file.read(framing.HEAD_SIZE)
    progress = framing.unpack_progress(number, head[framing.PROGRESS_AT :])
    offset = framing.HEAD_SIZE if progress is None else progress[0]
    told = False
    while True:
        file.seek(offset)
        raw = file.read(framing.FRAME_SIZE)
        if len(raw) < framing.FRAME_SIZE:
            return  # the end, or what its owner is writing right now
        frame = framing.unpack_frame(number, offset, raw)
        body = None
        if frame is not None and frame.kind == framing.DATA:
            data = file.read(frame.stored)
            if len(data) < frame.stored:
                return
            body = framing.unpack_payload(frame, data)
        if body is not None and frame is not None:
            yield Batch(frame.signal, body)
        elif not told and (frame is None or frame.kind == framing.DATA):
            told = True
            damaged(path)
        offset = offset + frame.size if frame is not None else _next(file, number, offset + 1)


def _next(file: BinaryIO, number: int, start: int) -> int:
    """Where the next whole record begins behind a damage, or the end of the file."""
    chunk_size = 64 * 1024
    while True:
        file.seek(start)
        chunk = file.read(chunk_size)
        at = chunk.find(framing.RECORD_MAGIC)
        while at >= 0:
            file.seek(start + at)
            raw = file.read(framing.FRAME_SIZE)
            if framing.unpack_frame(number, start + at, raw) is not None:
                return start + at
            at = chunk.find(framing.RECORD_MAGIC, at + 1)
        if len(chunk) < chunk_size:
            return start + len(chunk)
        start += chunk_size - len(framing.RECORD_MAGIC) + 1


def _age(path: Path) -> tuple[int, str]:
    match = cast("re.Match[str]", _SEGMENT.fullmatch(path.name))
    return int(match[1]), path.name
