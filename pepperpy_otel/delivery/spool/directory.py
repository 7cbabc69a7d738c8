"""The directory of one spool: its rights, its names, and every open file in it.

``<directory>/<name>-<uid>`` is ours alone (0700, owned by our user), whatever rights the user's
directory has; the files in it are 0600. All is done relative to the opened directory and without
following links, so that somebody who may write next to it cannot lead us elsewhere. What was
opened is remembered with its inode: a program that closes all files to become a daemon, and opens
others under the same numbers, must not find telemetry in them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import zlib
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal

_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SEGMENT = re.compile(r"(\d{17})-(traces|logs|metrics)-([0-9a-f]{16})\.([0-9a-f]{16})\.spool1")
_LOCK = re.compile(r"([0-9a-f]{16})\.lock")


class Refused(OSError):
    """Something lies there that we did not make, or that others could have made."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EPERM, what)


class SegmentName(NamedTuple):
    """A segment's file name in parts; only the owner ever changes.

    Attributes:
        created_us: UNIX microseconds; the order in which segments are read.
        signal: What its items are.
        number: Random, one for each segment ever.
        owner: Whose lock protects it.
    """

    created_us: int
    signal: Signal
    number: int
    owner: str

    def __str__(self) -> str:
        return f"{self.created_us:017d}-{self.signal}-{self.number:016x}.{self.owner}.spool1"


class Listing(NamedTuple):
    """What is in the directory: the segments with their sizes in bytes, and owners with a lock."""

    segments: dict[SegmentName, int]
    owners: set[str]


def lock_name(owner: str) -> str:
    """The lock file of ``owner``."""
    return f"{owner}.lock"


class SpoolDirectory:
    """An opened directory; everything in it is reached through here.

    Args:
        directory: The user's; made with rights 0700 if it is missing.
        name: Of the spool: one subdirectory for each.

    Raises:
        OSError: It cannot be made, opened or trusted.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._uid = os.geteuid()
        self._identities: dict[int, tuple[int, int]] = {}
        directory.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        link = directory.lstat()
        if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, self._uid):
            raise Refused("is a link made by another user")
        above = os.open(directory, _DIRECTORY)
        try:
            self._fd = self._enter(above, f"{_tame(name)}-{self._uid}")
        finally:
            os.close(above)

    def _enter(self, above: int, name: str) -> int:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, stat.S_IRWXU, dir_fd=above)
        fd = os.open(name, _DIRECTORY | _SAFELY, dir_fd=above)
        status = os.fstat(fd)
        try:
            if status.st_uid != self._uid:
                raise Refused(f"{name} in it belongs to another user")
            if status.st_mode & _OTHERS:
                os.fchmod(fd, stat.S_IRWXU)
        except OSError:
            os.close(fd)
            raise
        self._identities[fd] = (status.st_dev, status.st_ino)
        return fd

    def listing(self) -> Listing:
        """The segments and lock files of everybody; what is not ours or no file is left out."""
        listing = Listing({}, set())
        with os.scandir(self._fd) as entries:
            for entry in entries:
                lock = _LOCK.fullmatch(entry.name)
                segment = _SEGMENT.fullmatch(entry.name)
                if lock:
                    listing.owners.add(lock[1])
                elif segment:
                    with contextlib.suppress(FileNotFoundError):  # another process took it
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) and status.st_uid == self._uid:
                            listing.segments[_parsed(segment)] = status.st_size
        return listing

    def create(self, name: str) -> int:
        """Make and open a file that is not there yet.

        Raises:
            OSError: It is there, or cannot be made.
        """
        return self.open(name, os.O_CREAT | os.O_EXCL)

    def open(self, name: str, flags: int = 0) -> int:
        """Open a file for reading and writing.

        Raises:
            FileNotFoundError: It is gone.
            Refused: A link, no file, or somebody else's.
            OSError: Anything else.
        """
        try:
            fd = os.open(name, os.O_RDWR | _SAFELY | flags, 0o600, dir_fd=self._fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise Refused(f"{name} is not a file") from None
            raise
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != self._uid:
            os.close(fd)
            raise Refused(f"{name} is not a file of ours")
        self._identities[fd] = (status.st_dev, status.st_ino)
        return fd

    def rename(self, old: str, new: str) -> None:
        """Give a file another name.

        Raises:
            OSError: It is gone, or the directory cannot be written.
        """
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def unlink(self, name: str) -> bool:
        """Remove a file.

        Returns:
            Whether it is gone.
        """
        try:
            os.unlink(name, dir_fd=self._fd)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def is_intact(self, fd: int | None = None) -> bool:
        """Whether ``fd`` (or the directory) is what we opened, and still has a name."""
        fd = self._fd if fd is None else fd
        try:
            status = os.fstat(fd)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identities.get(fd) and status.st_nlink > 0

    def duplicate(self) -> int:
        """The directory once more, for an fsync outside of our lock; the caller closes it."""
        return os.dup(self._fd)

    def release(self, fd: int) -> None:
        """Leave an open file to the caller, who closes it."""
        self._identities.pop(fd, None)

    def close_file(self, fd: int) -> None:
        """Close a file, unless its number means another one by now."""
        identity = self._identities.pop(fd, None)
        with contextlib.suppress(OSError):
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) == identity:
                os.close(fd)

    def close(self) -> None:
        """Close everything.

        In a forked child this leaves the parent's locks alone: they belong to the open file that
        both share, and end when the last of the two closes it.
        """
        for fd in list(self._identities):
            self.close_file(fd)


def _parsed(match: re.Match[str]) -> SegmentName:
    return SegmentName(int(match[1]), cast("Signal", match[2]), int(match[3], 16), match[4])


def _tame(name: str) -> str:
    """``name`` as one file name; what had to be changed stays distinct by its checksum."""
    tame = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:100]
    return tame if tame == name != "" else f"{tame}-{zlib.crc32(name.encode(errors='replace')):08x}"
