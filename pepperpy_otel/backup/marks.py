"""How far a replay has come, in a file, so that the next run goes on from there.

One mark for each file and destination. It is written after what it speaks of was delivered: a
replay that is killed repeats a little, and leaves nothing out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.reading import HEAD, Place

if TYPE_CHECKING:
    from collections.abc import Mapping


def default_path(source: Path, endpoint: str) -> Path:
    """Beside what is replayed, one for each endpoint."""
    digest = hashlib.sha256(endpoint.encode()).hexdigest()[:12]
    name = f".replay-{digest}.state"
    return source / name if source.is_dir() else source.with_name(f".{source.name}{name}")


class Marks:
    """What is done of each file.

    Args:
        path: Of the file with the marks.
        endpoint: Where to; marks for another one do not count.

    Attributes:
        done: By file name.
        trouble: Why the marks cannot be written, in one line; empty if they can.
    """

    def __init__(self, path: Path, endpoint: str) -> None:
        self._path = path
        self._endpoint = endpoint
        self._heads: dict[str, str] = {}
        self.done: dict[str, Place] = {}
        self.trouble = ""

    def load(self, files: Mapping[str, Path]) -> None:
        """Read the marks of files that are still the same ones; anything else begins anew."""
        given: Any = None
        with contextlib.suppress(OSError, ValueError, RecursionError):
            given = json.loads(self._path.read_bytes())
        if not isinstance(given, dict) or given.get("endpoint") != self._endpoint:
            return
        marks = given.get("files")
        for name, mark in marks.items() if isinstance(marks, dict) else ():
            with contextlib.suppress(OSError, KeyError, TypeError, ValueError):
                place = Place(int(mark["offset"]), int(mark["lines"]), int(mark["items"]))
                whole = place.offset <= files[name].stat().st_size
                if whole and _head(files[name], place.offset) == mark["head"]:
                    self.done[name] = place
                    self._heads[name] = mark["head"]

    def set(self, name: str, place: Place, head: bytes) -> None:
        """Everything before that place is done.

        Args:
            name: Of the file.
            place: How far it was read.
            head: How it begins; the path may be another file's by now.
        """
        known = self.done.get(name, Place())
        self.done[name] = place
        if known.offset < HEAD:
            self._heads[name] = hashlib.sha256(head[: place.offset]).hexdigest()

    def save(self) -> None:
        """Write the marks; where that cannot be, ``trouble`` says why and the replay goes on."""
        files = {
            name: {**place._asdict(), "head": self._heads[name]}
            for name, place in self.done.items()
        }
        text = json.dumps({"endpoint": self._endpoint, "files": files})
        try:
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".replay-")
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._path)
        except OSError as error:
            self.trouble = error.strerror or str(error)
            Path(name).unlink(missing_ok=True)

    def remove(self) -> None:
        """All is done: the next replay is a new one."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def _head(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(min(HEAD, offset))).hexdigest()
