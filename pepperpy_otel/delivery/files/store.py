"""Appends lines to a file that several processes may write, and that is rotated by size.

Each line is one ``write()`` on a descriptor opened with O_APPEND, under a lock on the file itself,
so that lines of several processes never mix and no other file is needed. The file is opened anew
for each line: nothing is held over a fork, and a file that somebody moved away is made again.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":  # pragma: no cover - no such lock: one process for each directory there

    def _try_lock(descriptor: int) -> None:
        pass

    def _unlock(descriptor: int) -> None:
        pass

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


#: Owner only: telemetry holds what the app says, in the clear.
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
#: Seconds between two looks at a lock that another process holds.
LOCK_PAUSE = 0.005
SUFFIX = ".jsonl"


class LineFile:
    """One file of lines, and the ones that it was before.

    Args:
        path: The file, named ``….jsonl``; its directory is made when it is missing.
        max_bytes: Size from which on the file is put aside; 0 for no limit.
        max_files: How many files that were put aside are kept: ``….1.jsonl`` is the newest.
    """

    def __init__(self, path: Path, *, max_bytes: int, max_files: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._max_files = max_files

    def append(self, line: bytes, timeout: float) -> None:
        """Write one line, newline included; all of it or nothing.

        Args:
            line: What to write.
            timeout: Seconds to wait for other processes.

        Raises:
            OSError: It cannot be written; ``TimeoutError`` if another process kept the lock.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._locked(deadline) as descriptor:
                if not self._is_current(descriptor):
                    continue  # another process has put it aside meanwhile
                size = os.fstat(descriptor).st_size
                if self._max_bytes and size and size + len(line) > self._max_bytes:
                    self._put_aside()
                    continue
                _write(descriptor, line, size)
                return

    @contextlib.contextmanager
    def _locked(self, deadline: float) -> Iterator[int]:
        descriptor = self._open()
        try:
            _lock(descriptor, deadline, self.path)
            yield descriptor
        finally:
            # Said aloud: a child forked in this moment holds the same lock until it ends.
            _unlock(descriptor)
            os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            return os.open(self.path, flags, FILE_MODE)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            return os.open(self.path, flags, FILE_MODE)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _put_aside(self) -> None:
        """Rename this file to number 1, that to number 2, and so on; the oldest goes."""
        if self._max_files < 1:
            self.path.unlink()
            return
        for number in range(self._max_files - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self.numbered(number).replace(self.numbered(number + 1))
        self.path.replace(self.numbered(1))

    def numbered(self, number: int) -> Path:
        """The file that was put aside ``number`` rotations ago."""
        return self.path.with_name(f"{self.path.name.removesuffix(SUFFIX)}.{number}{SUFFIX}")


def _lock(descriptor: int, deadline: float, path: Path) -> None:
    while True:
        try:
            _try_lock(descriptor)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process keeps {path} locked") from None
            time.sleep(LOCK_PAUSE)
        else:
            return


def _write(descriptor: int, line: bytes, size: int) -> None:
    if size:
        os.lseek(descriptor, -1, os.SEEK_END)
        if os.read(descriptor, 1) != b"\n":
            line = b"\n" + line  # a process was killed in the middle of its line
    try:
        written = os.write(descriptor, line)
        while written < len(line):  # a write of more than 2 GiB, or the disk is full
            written += os.write(descriptor, line[written:])
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
