"""Reads files of OTLP lines: a backup, a directory of ``otlp-file`` or of a Collector, one file.

A line at a time and no longer than a limit, so that neither a large file nor one without newlines
takes memory. While it reads it counts and hashes, so that a backup can be held against its
manifest.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from pepperpy_otel.backup.counting import ITEMS, count
from pepperpy_otel.backup.manifest import NAME, STATE, Manifest
from pepperpy_otel.delivery.files.replay import UnreadableLine, request_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal

#: Bytes of a line that are read at most: the Collector refuses requests a fraction of that size.
MAX_LINE = 64 * 1024 * 1024
#: Names of files with OTLP lines; a Collector's file exporter is told ``….json`` as often.
SUFFIXES = (".jsonl", ".json")
#: Bytes at the beginning of a file by which it is known again.
HEAD = 4096
_CHUNK = 1024 * 1024


class Item(NamedTuple):
    """One request from a file.

    Attributes:
        name: The file's name.
        signal: Which signal's.
        body: In the protobuf encoding.
        items: How many are in it.
        line: As it stands in the file.
        offset: Bytes from the beginning of the file to the end of the line.
    """

    name: str
    signal: Signal
    body: bytes
    items: int
    line: bytes
    offset: int


class Place(NamedTuple):
    """How far a file has been read: what is before ``offset`` is done."""

    offset: int = 0
    lines: int = 0
    items: int = 0


@dataclass
class Progress:
    """What was found in one file so far.

    Attributes:
        lines: Whole lines.
        items: In them.
        unreadable: Numbers of the first lines that hold no request, and how many there are.
        torn: Bytes at the end that are no whole line.
        digest: Of all bytes.
        head: The first of them.
        ended: Whether its end was reached.
    """

    lines: int = 0
    items: int = 0
    unreadable: dict[int, str] = field(default_factory=dict)
    unreadable_count: int = 0
    torn: int = 0
    torn_why: str = ""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    head: bytes = b""
    ended: bool = False

    def take(self, read: bytes) -> None:
        """Some more bytes were read."""
        self.digest.update(read)
        if len(self.head) < HEAD:
            self.head = (self.head + read)[:HEAD]


class Reader:
    """The requests in a file or a directory, in the order in which they were written.

    Args:
        path: A file, or a directory.
        state: Whether the files of a backup that hold state are read, too.
        done: By file name, what was read before and is passed over.

    Attributes:
        files: What is read, in order.
        progress: What was found, by file name.
        manifest: Of the backup, if it is one.

    Raises:
        BadManifest: There is one, and it cannot be used.
        OSError: ``path`` cannot be read.
    """

    def __init__(
        self, path: Path, *, state: bool = False, done: Mapping[str, Place] | None = None
    ) -> None:
        self.manifest = Manifest.read(path) if path.is_dir() else None
        self._inodes: dict[Path, int] = {}
        self.files = [path]
        if self.manifest is not None:
            self.files = [path / name for name in _ordered(self.manifest, state=state)]
        elif path.is_dir():
            self.files = files_in(path)
            self._inodes = {file: file.stat().st_ino for file in self.files}
        self.progress: dict[str, Progress] = {}
        self._done = {} if done is None else done

    def __iter__(self) -> Iterator[Item]:
        for path in self.files:
            progress = self.progress[path.name] = Progress()
            try:
                file = self._open(path)
            except FileNotFoundError:
                continue  # the manifest knows it: a complaint at the end
            with file:
                yield from self._in_file(file, path.name, progress)

    def _open(self, path: Path) -> BinaryIO:
        """Open a file, also one that was put aside since the directory was looked at."""
        file = path.open("rb")
        wanted = self._inodes.get(path)
        if wanted is None or os.fstat(file.fileno()).st_ino == wanted:
            return file
        file.close()
        for other in files_in(path.parent):
            if other.stat().st_ino == wanted:
                return other.open("rb")
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _in_file(self, file: BinaryIO, name: str, progress: Progress) -> Iterator[Item]:
        done = self._done.get(name, Place())
        progress.lines, progress.items = done.lines, done.items
        left = done.offset
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            progress.take(chunk)
            left -= len(chunk)
        while line := file.readline(MAX_LINE):
            progress.take(line)
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                self._pass_over(file, progress)
                continue
            if not line.strip():
                continue
            progress.lines += 1
            try:
                signal, body = request_of(line)
                items = count(signal, body)
            except UnreadableLine as error:
                _complain(progress, line, str(error))
                continue
            except Exception as error:  # numbers and nesting that protobuf cannot hold
                _complain(progress, line, f"no OTLP: {type(error).__name__}")
                continue
            progress.items += items
            yield Item(name, signal, body, items, line, file.tell())
        progress.ended = True

    def _pass_over(self, file: BinaryIO, progress: Progress) -> None:
        """The rest of a line that is too long."""
        progress.lines += 1
        rest = b"-"
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(_CHUNK)
            progress.take(rest)
        _complain(progress, b"\n", f"longer than {MAX_LINE} bytes")

    def complaints(self, *, so_far: bool = False) -> list[str]:
        """What is wrong with the files that were read, a line each.

        Args:
            so_far: Whether not all was read, so that nothing can be missing yet.
        """
        found: list[str] = []
        for name, progress in self.progress.items():
            found += _of_lines(name, progress)
        if self.manifest is not None and not so_far:
            for name, progress in self.progress.items():
                found += self._of_manifest(name, progress, self.manifest)
        return found

    def _of_manifest(self, name: str, progress: Progress, manifest: Manifest) -> list[str]:
        entry = manifest.files[name]
        if not progress.ended:
            return [f"{name} is in the manifest and cannot be found"]
        if progress.digest.hexdigest() == entry.sha256:
            return []
        what = ITEMS.get(entry.signal, "items")  # type: ignore[call-overload]
        if (progress.items, progress.lines) == (entry.items, entry.lines):
            return [f"{name} is not what was backed up (its SHA-256 is another one)"]
        return [
            (
                f"{name}: {progress.items} of {entry.items} {what} "
                f"({progress.lines - progress.unreadable_count} of {entry.lines} lines) are whole"
            )
        ]


def files_in(directory: Path) -> list[Path]:
    """Files of OTLP lines in a directory without a manifest, the oldest first.

    Raises:
        OSError: It cannot be read.
    """
    found = [
        path
        for path in directory.iterdir()
        if path.suffix in SUFFIXES
        and path.name != NAME
        and not path.name.startswith(".")
        and path.is_file()
    ]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _ordered(manifest: Manifest, *, state: bool) -> list[str]:
    """Traces first, then metrics and logs: what logs point to is there when they come."""
    order = list(ITEMS)
    names = [name for name, entry in manifest.files.items() if state or entry.role != STATE]
    signals = {name: manifest.files[name].signal for name in names}
    return sorted(names, key=lambda name: (order.index(signals[name]), name))  # type: ignore[arg-type]


def _complain(progress: Progress, line: bytes, why: str) -> None:
    if not line.endswith(b"\n"):
        progress.torn, progress.torn_why = len(line), why
        progress.lines -= 1
        return
    progress.unreadable_count += 1
    if len(progress.unreadable) < 3:
        progress.unreadable[progress.lines] = why


def _of_lines(name: str, progress: Progress) -> list[str]:
    found = []
    if progress.unreadable_count:
        number, why = next(iter(progress.unreadable.items()))
        found.append(
            f"{name}: {progress.unreadable_count} lines cannot be read, "
            f"the first one is line {number} ({why})"
        )
    if progress.torn:
        found.append(
            f"{name} is cut off: {progress.torn} bytes behind line {progress.lines} "
            "are no whole line"
        )
    return found
