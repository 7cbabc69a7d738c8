"""The file of one process: a description of each series in JSON, and its numbers in place.

::

    file  = chunk*            each chunk is mapped into memory by its owner
    chunk = u32 size, u32 used, entry*
    entry = u32 length of the JSON, u32 count of numbers, JSON padded to 8 bytes, f64*

A number is changed by one store of eight aligned bytes; an entry becomes visible with ``used``. So
another process may read at any time, also after the owner was killed in the middle.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import mmap
import os
import struct
from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER = struct.Struct("=II")
_NUMBER = struct.Struct("=d")
#: A memoryview of doubles, which has no type of its own before Python 3.14.
Cells = MutableSequence[float]
#: Bytes of a chunk, unless one entry needs more; a multiple of what may be mapped.
CHUNK = max(64 * 1024, mmap.ALLOCATIONGRANULARITY)


class Entry(NamedTuple):
    """One series as it was found in a file."""

    key: bytes
    numbers: tuple[float, ...]

    def description(self) -> dict[str, Any]:
        """What the series is.

        Raises:
            ValueError: It is not JSON, or not an object.
        """
        found = json.loads(self.key)
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found


class CellFile:
    """A new file of this process, locked for as long as it is open: that is how others know.

    Args:
        path: Must not exist.

    Raises:
        OSError: It cannot be made, or there is no room for the first chunk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        # Locked by a descriptor of its own: mapping keeps a copy of the other one open, in forked
        # children too.
        self._lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = 0
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._begin_chunk(CHUNK)
        except BaseException:
            self.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def _begin_chunk(self, size: int) -> None:
        # Written, not only extended: a store into a hole of a full disk is a SIGBUS.
        if os.pwrite(self._fd, bytes(size), self._size) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._chunk = mmap.mmap(self._fd, size, offset=self._size)
        self._size += size
        self._chunk_size = size
        self._used = _HEADER.size
        _HEADER.pack_into(self._chunk, 0, size, self._used)

    def add(self, key: bytes, count: int) -> Cells:
        """Add a series.

        Args:
            key: Its description, JSON.
            count: How many numbers it has, all 0 at first.

        Returns:
            The numbers, to be changed in place.

        Raises:
            OSError: There is no room on the disk.
        """
        padded = -(-len(key) // 8) * 8
        needed = _HEADER.size + padded + 8 * count
        if self._used + needed > self._chunk_size:
            room = needed + _HEADER.size
            self._begin_chunk(max(CHUNK, -(-room // CHUNK) * CHUNK))
        start = self._used
        _HEADER.pack_into(self._chunk, start, len(key), count)
        text = start + _HEADER.size
        self._chunk[text : text + len(key)] = key
        numbers = text + padded
        self._used = numbers + 8 * count
        _HEADER.pack_into(self._chunk, 0, self._chunk_size, self._used)
        view: Any = memoryview(self._chunk)[numbers : self._used].cast("d")
        return cast("Cells", view)

    def close(self) -> None:
        """Let others see that the owner is gone; numbers handed out may still be changed.

        In a forked child the parent's stays its own.
        """
        opened, self._fd, self._lock = (self._fd, self._lock), -1, -1
        for fd in opened:
            if fd >= 0:
                os.close(fd)


def entries(content: bytes) -> Iterator[Entry]:
    """The series in a file's content; a file that was cut off gives what is whole."""
    start = 0
    while start + _HEADER.size <= len(content):
        size, used = _HEADER.unpack_from(content, start)
        if size < _HEADER.size:  # nothing but zeros: a chunk that was not begun
            return
        end = min(start + min(used, size), len(content))
        yield from _entries_in(content, start + _HEADER.size, end)
        start += size


def _entries_in(content: bytes, start: int, end: int) -> Iterator[Entry]:
    while start + _HEADER.size <= end:
        length, count = _HEADER.unpack_from(content, start)
        text = start + _HEADER.size
        numbers = text + -(-length // 8) * 8
        start = numbers + 8 * count
        if start > end:
            return
        yield Entry(
            content[text : text + length],
            tuple(number for (number,) in _NUMBER.iter_unpack(content[numbers:start])),
        )


def is_owned(path: Path) -> bool:
    """Whether the process that made the file still has it open.

    Raises:
        OSError: The file is gone.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
