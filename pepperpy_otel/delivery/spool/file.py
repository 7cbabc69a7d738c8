"""One file of a spool's directory: opened when needed, read and written at given places."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pepperpy_otel.delivery.spool.directory import SpoolDirectory


class SpoolFile:
    """A file by its name; it may be open or not.

    Args:
        directory: Where it is.
        name: Its name there.
    """

    __slots__ = ("_directory", "_fd", "_name")

    def __init__(self, directory: SpoolDirectory, name: str) -> None:
        self._directory = directory
        self._name = name
        self._fd = -1

    @property
    def is_open(self) -> bool:
        """Whether it is open, is still the file that was opened, and still has a name."""
        return self._fd >= 0 and self._directory.is_intact(self._fd)

    def create(self) -> None:
        """Make it.

        Raises:
            OSError: It is there already, or cannot be made.
        """
        self._fd = self._directory.create(self._name)

    def open(self) -> None:
        """Open it unless it is.

        Raises:
            FileNotFoundError: It is gone.
            Refused: It is not ours, or no file.
            OSError: It cannot be opened now.
        """
        if not self.is_open:
            self.close()
            self._fd = self._directory.open(self._name)

    def size(self) -> int:
        """Its bytes now.

        Raises:
            OSError: It is not open.
        """
        return os.fstat(self._fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """The bytes at ``offset``; fewer at the end, none where the disk cannot read them."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError:  # a bad sector: as good as damaged
            return b""

    def write(self, offset: int, data: bytes) -> None:
        """Write by one call.

        Raises:
            OSError: Not all of it could be written.
        """
        if os.pwrite(self._fd, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def append(self, size: int, data: bytes) -> None:
        """Write at its end, which is ``size``; all of it or nothing.

        Raises:
            OSError: It could not be written.
        """
        try:
            self.write(size, data)
        except OSError:
            with contextlib.suppress(OSError):  # else it is a torn tail, which a reader knows
                os.ftruncate(self._fd, size)
            raise

    def release(self) -> int:
        """Leave the open file to the caller, who closes it; -1 if it is not open any more."""
        if not self.is_open:
            self.close()
        fd, self._fd = self._fd, -1
        self._directory.release(fd)
        return fd

    def close(self) -> None:
        """Close it, if it is open."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._directory.close_file(fd)

    def remove(self) -> bool:
        """Close and unlink it.

        Returns:
            Whether it is gone.
        """
        self.close()
        return self._directory.unlink(self._name)
