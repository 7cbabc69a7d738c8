"""Who may touch a segment: an owner's lock file, held for life; the dead are inherited from.

Each spool has a random owner id, which is part of the names of its segments, and holds an
exclusive ``flock`` on ``<owner>.lock``. The kernel releases it when the process ends, however it
ends, so nobody has to guess whether a pid still means the same process. Who gets the lock of a
dead owner renames that one's segments to its own id and removes the lock file; being killed in
the middle leaves two dead owners, no more.

A ``flock`` belongs to the open file, which a forked child shares: it is released when both have
closed it. So a child closes its copy (``after_fork``); one that never runs Python again and lives
longer than its parent delays the inheritance, and does no other harm. ``exec`` closes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.spool.directory import lock_name

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; the spool says so and stays off
    fcntl = None  # type: ignore[assignment,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.delivery.spool.directory import SegmentName, SpoolDirectory

#: A new lock file may be mistaken for a dead owner's before it is locked; then another is made.
_ATTEMPTS = 5


def is_supported() -> bool:
    """Whether this platform has locks that end with the process."""
    return fcntl is not None


class Ownership:
    """The lock of a living owner.

    Args:
        directory: Where its lock file is made.

    Raises:
        OSError: The directory cannot be written, or its file system has no locks.
    """

    def __init__(self, directory: SpoolDirectory) -> None:
        self._directory = directory
        for _ in range(_ATTEMPTS):
            self.owner = os.urandom(8).hex()
            self._fd = directory.create(lock_name(self.owner))
            try:
                if _lock(directory, self._fd):
                    return
            except OSError:
                directory.unlink(lock_name(self.owner))
                directory.close_file(self._fd)
                raise
            directory.close_file(self._fd)
        raise OSError(errno.EAGAIN, "its lock files are taken by others")

    def is_held(self) -> bool:
        """Whether the lock is still ours; ``rm`` or closing all files would have ended it."""
        return self._directory.is_intact(self._fd)

    def show_life(self) -> None:
        """Touch the lock file: programs that clean up temporary directories go by its age."""
        with contextlib.suppress(OSError):
            os.utime(self._fd)

    def inherit(self, owner: str, segments: Iterable[SegmentName]) -> list[SegmentName]:
        """Take over what a dead owner left.

        Args:
            owner: Its id.
            segments: What it has, as far as known; the next look finds the rest.

        Returns:
            The new names of what was taken; nothing if that owner lives, or another was quicker.
        """
        try:
            # Made if it is missing: two who look at the same time must meet at one lock.
            fd = self._directory.open(lock_name(owner), os.O_CREAT)
        except OSError:
            return []
        taken = []
        try:
            if _lock(self._directory, fd):
                for segment in segments:
                    ours = segment._replace(owner=self.owner)
                    with contextlib.suppress(FileNotFoundError):
                        self._directory.rename(str(segment), str(ours))
                        taken.append(ours)
                self._directory.unlink(lock_name(owner))
        except OSError:
            pass  # no locks or no writing any more: what was taken is ours, the rest is not
        finally:
            self._directory.close_file(fd)
        return taken

    def release(self) -> None:
        """Give up the lock, and with it all segments."""
        self._directory.unlink(lock_name(self.owner))
        self._directory.close_file(self._fd)


def _lock(directory: SpoolDirectory, fd: int) -> bool:
    """Lock without waiting; a file that lost its name meanwhile protects nothing."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return directory.is_intact(fd)
