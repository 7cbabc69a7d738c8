"""One append-only file of batches of one signal: written at its end, read from its front.

Its progress (what was delivered) is written in place near its beginning, after each batch: a
process that is killed in the middle of a replay repeats one batch at most. Nothing here keeps more
than one record in memory.

Damage costs the records that it hits: the next whole one is looked for, and what lies between is
counted from the frames on both sides.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.spool import framing
from pepperpy_otel.delivery.spool.directory import Refused
from pepperpy_otel.delivery.spool.file import SpoolFile

if TYPE_CHECKING:
    from pepperpy_otel.delivery.spool.directory import SegmentName, SpoolDirectory

#: Bytes read at once while looking for the next whole record behind a damage.
_CHUNK = 64 * 1024


class Segment:
    """A segment of ours, new or inherited.

    Args:
        directory: Where it is.
        name: Its name.
        size: Its bytes.
        items: How many items were written to it so far; ``None`` if another process wrote it.

    Attributes:
        own: Whether this process wrote it.
        position: Where the first record begins that is not done.
        passed: How many items are in front of it.
        damaged: Whether something in it is not what was written.
    """

    __slots__ = (
        "_counted",
        "_file",
        "_known",
        "_lost",
        "_next",
        "_saved",
        "damaged",
        "items",
        "name",
        "own",
        "passed",
        "position",
        "size",
    )

    def __init__(
        self, directory: SpoolDirectory, name: SegmentName, size: int, items: int | None = None
    ) -> None:
        self._file = SpoolFile(directory, str(name))
        self.name = name
        self.size = size
        self.items = items
        self.own = items is not None
        self.position = self._saved = framing.HEAD_SIZE
        self.passed = 0
        self.damaged = False
        self._counted = 0
        self._lost = 0
        #: Whether size and progress are as in the file.
        self._known = self.own
        self._next: framing.Frame | None = None

    @classmethod
    def create(
        cls, directory: SpoolDirectory, name: SegmentName, pid: int, started_at: float
    ) -> Segment:
        """Make a new, empty one; ``pid`` and start (UNIX s) of its owner are for people.

        Raises:
            OSError: It cannot be made.
        """
        segment = cls(directory, name, framing.HEAD_SIZE, 0)
        segment._file.create()
        head = framing.pack_head(name.number, name.signal, name.created_us / 1e6, pid, started_at)
        try:
            segment._file.write(0, head)
        except OSError:
            segment.remove()
            raise
        return segment

    @property
    def is_open(self) -> bool:
        """Whether its file is open, is the one that we opened, and still has a name."""
        return self._file.is_open

    def append(self, payload: framing.Payload, items: int, written_at: float) -> None:
        """Add a record by one write; a failed one leaves the segment as it was.

        Raises:
            OSError: The disk is full, or gone.
        """
        before = self.items or 0
        frame = framing.Frame(
            framing.DATA,
            self.name.signal,
            items,
            before,
            written_at,
            payload.compressed,
            payload.length,
            len(payload.data),
            payload.checksum,
        )
        framed = framing.pack_frame(self.name.number, self.size, frame)
        self._file.append(self.size, framed + payload.data)
        self.size += frame.size
        self.items = before + items

    def finish(self, written_at: float) -> int:
        """Write the end record, which says how many items there are; no more is added.

        Returns:
            The open file, for the caller to sync and close; -1 if there is none any more.
        """
        end = framing.Frame(framing.END, self.name.signal, 0, self.items or 0, written_at)
        if self.is_open:
            with contextlib.suppress(OSError):  # a full disk: it ends where it ends
                self._file.append(self.size, framing.pack_frame(self.name.number, self.size, end))
                self.size += end.size
        return self._file.release()

    def peek(self) -> framing.Frame | None:
        """The frame of the first record that is not done; ``None`` at the end.

        Raises:
            FileNotFoundError: The file is gone.
            OSError: It cannot be opened now.
        """
        if self._next is None and self._open():
            self._next = self._find()
        if self._next is None:
            self._count_up_to(self._counted if self.items is None else self.items)
        return self._next

    def read(self, frame: framing.Frame) -> bytes | None:
        """The body of the record that ``peek()`` told of; ``None`` if it is damaged: go on.

        Raises:
            OSError: As with ``peek()``.
        """
        if not self._open():
            return None
        payload = self._file.read(self.position + framing.FRAME_SIZE, frame.stored)
        body = framing.unpack_payload(frame, payload)
        if body is None:
            self.damaged = True
            self._step(frame)
        return body

    def skip(self, frame: framing.Frame) -> None:
        """The record that ``peek()`` told of is done; ``save()`` writes it down."""
        self.passed = frame.before + frame.items
        self._step(frame)

    def save(self) -> None:
        """Write down what is done or lost, if that has changed.

        Raises:
            OSError: The disk is gone; then the next start repeats what was done since.
        """
        if self.position != self._saved and self._open():
            progress = framing.pack_progress(self.name.number, self.position, self.passed)
            self._file.write(framing.PROGRESS_AT, progress)
            self._saved = self.position

    def drain(self) -> int:
        """How many items are left; it is read to its end if nobody knows."""
        if self.items is not None:
            return self.items - self.passed
        left = 0
        with contextlib.suppress(OSError):
            while (frame := self.peek()) is not None:
                left += frame.items
                self.skip(frame)
        return left + self.take_lost()

    def take_lost(self) -> int:
        """Items found lost since it was last asked."""
        lost, self._lost = self._lost, 0
        return lost

    def vanish(self) -> None:
        """Its file is gone: so is what was in it, as far as that is known."""
        self.damaged = True
        self._count_up_to(self.items or 0)

    def move(self, directory: SpoolDirectory, name: SegmentName) -> None:
        """It is found again, in a directory that was opened anew."""
        self._file = SpoolFile(directory, str(name))
        self.name = name

    def remove(self) -> bool:
        """Close and unlink it.

        Returns:
            Whether it is gone.
        """
        return self._file.remove()

    def _open(self) -> bool:
        """Open it, and read its head when that is done first."""
        try:
            self._file.open()
        except Refused:
            self.damaged = True
            self.position = self.size
            self._next = None
            return False
        if self._known:
            return True
        self._known = True
        self.size = self._file.size()
        head = self._file.read(0, framing.HEAD_SIZE)
        if len(head) == framing.HEAD_SIZE:  # else its owner was killed while making it
            progress = framing.unpack_progress(self.name.number, head[framing.PROGRESS_AT :])
            if progress is not None:
                self.position, self.passed = progress
                self._saved = self.position
            self.damaged = progress is None or not framing.is_head(self.name.number, head)
        return True

    def _find(self) -> framing.Frame | None:
        """The next record from here on, whatever lies in between."""
        while self.position < self.size:
            frame = self._frame_at(self.position)
            if frame is None:
                # Less than a frame is what a killed owner was writing, and no loss to tell of.
                self.damaged |= self.size - self.position >= framing.FRAME_SIZE
                self.position = self._search(self.position + 1)
            elif self.position + frame.size > self.size:
                self.position = self.size
            else:
                self._count_up_to(frame.before)
                if frame.kind == framing.DATA:
                    return frame
                self.position += frame.size
        return None

    def _frame_at(self, offset: int) -> framing.Frame | None:
        raw = self._file.read(offset, framing.FRAME_SIZE)
        return framing.unpack_frame(self.name.number, offset, raw)

    def _search(self, start: int) -> int:
        """Where the next whole frame begins, or the end of the file."""
        # A magic number may lie across two chunks, so they overlap.
        for base in range(start, self.size, _CHUNK - len(framing.RECORD_MAGIC) + 1):
            chunk = self._file.read(base, _CHUNK)
            at = chunk.find(framing.RECORD_MAGIC)
            while at >= 0:
                if self._frame_at(base + at) is not None:
                    return base + at
                at = chunk.find(framing.RECORD_MAGIC, at + 1)
        return self.size

    def _count_up_to(self, before: int) -> None:
        """So many items should have been passed here; what is missing was in a damage."""
        self._lost += max(before - self.passed, 0)
        self.passed = max(before, self.passed)

    def _step(self, frame: framing.Frame) -> None:
        self._counted = frame.before + frame.items
        self.position += frame.size
        self._next = None
