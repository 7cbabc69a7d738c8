"""The root of an image, written as a tar stream that ``docker import`` reads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import IO


class Tree:
    """The root of an image, written as a tar stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|", dereference=True)  # noqa: SIM115
        self._made: set[str] = set()
        self.directory("tmp", mode=0o1777)

    def directory(self, path: str, *, mode: int = 0o755, owner: int = 0) -> None:
        """A directory; those above it belong to root."""
        for parent in reversed(Path(path).parents[:-1]):
            if str(parent) not in self._made:
                self.directory(str(parent))
        if path in self._made:
            return
        self._made.add(path)
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        self._tar.addfile(entry)

    def text(self, path: str, content: str, *, mode: int = 0o644) -> None:
        """A small file."""
        self.directory(str(Path(path).parent))
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(content.encode()), mode
        self._tar.addfile(entry, io.BytesIO(content.encode()))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def copy(self, path: str, source: Path) -> None:
        """A file of this machine, links followed, readable for everybody."""
        if path in self._made:
            return
        self._made.add(path)
        self.directory(str(Path(path).parent))
        entry = self._tar.gettarinfo(str(source), path)
        entry.uid = entry.gid = 0
        entry.mode |= 0o444
        with source.open("rb") as file:
            self._tar.addfile(entry, file)

    def close(self) -> None:
        """Write the end of the archive."""
        self._tar.close()
