"""Writes a backup: lines go to files that only their owner can read, and appear all at once.

A new directory is written beside its place and renamed into it. In one that is there, files are
renamed into place and the manifest comes last; only an older backup is ever replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pepperpy_otel._version import __version__
from pepperpy_otel.backup.counting import count
from pepperpy_otel.backup.manifest import NAME, TELEMETRY, Entry, Manifest
from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.files.lines import line_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from pepperpy_otel.delivery.counts import Signal

SUFFIX = ".jsonl"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Refused(OSError):
    """The directory holds files that a backup would overwrite and that are none."""


class _Out:
    """One file that is being written."""

    def __init__(self, path: Path, signal: Signal, role: str) -> None:
        self.signal = signal
        self.role = role
        self.lines = self.items = self.size = 0
        self.digest = hashlib.sha256()
        self.file: IO[bytes] = os.fdopen(os.open(path, _FLAGS, 0o600), "wb")

    def entry(self) -> Entry:
        return Entry(
            *(self.signal, self.role, self.lines, self.items, self.size, self.digest.hexdigest())
        )


class Writer:
    """A backup in the making; as a context manager it is given up unless ``finish()`` was called.

    Args:
        directory: Where it will be.
        service: ``service.name`` of what is backed up.

    Attributes:
        lost: What could not be kept, by reason.
        complaints: Lines for a person about what could not be read.

    Raises:
        OSError: Nothing can be written there. ``Refused`` if other files are in the way.
    """

    def __init__(self, directory: Path, service: str = "") -> None:
        self.lost: dict[str, int] = {}
        self.complaints: list[str] = []
        self._directory = directory.absolute()
        self._service = service
        self._outs: dict[str, _Out] = {}
        self._new = not self._directory.is_dir()
        if self._directory.exists() and self._new:
            raise NotADirectoryError(errno.ENOTDIR, "is not a directory", str(directory))
        place = self._directory.parent if self._new else self._directory
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stage = Path(tempfile.mkdtemp(prefix=".backup-", dir=place))  # with rights 0700

    def add(self, signal: Signal, body: bytes, *, name: str = "", role: str = TELEMETRY) -> None:
        """Add one request.

        Args:
            signal: Which signal's.
            body: In the protobuf encoding; one that has no line is counted as lost.
            name: Of the file, without suffix; by default that of the signal.
            role: ``telemetry`` or ``state``.

        Raises:
            OSError: It cannot be written.
        """
        try:
            items, line = count(signal, body), line_of(signal, body)
        except Exception:  # protobuf refuses what is damaged, or nested too deeply
            self.lose("unreadable requests", 1)
        else:
            self.add_line(signal, line, items, name=name, role=role)

    def add_line(
        self, signal: Signal, line: bytes, items: int, *, name: str = "", role: str = TELEMETRY
    ) -> None:
        """Add a line of OTLP JSON, its newline included, with so many items in it.

        Raises:
            OSError: It cannot be written.
        """
        out = self._out(f"{name or signal}{SUFFIX}", signal, role)
        out.file.write(line)
        out.digest.update(line)
        out.lines += 1
        out.items += items
        out.size += len(line)

    def lose(self, reason: str, number: int) -> None:
        """Take note of what could not be kept."""
        if number:
            self.lost[reason] = self.lost.get(reason, 0) + number

    def finish(self) -> Manifest:
        """Put everything in its place.

        Raises:
            OSError: That cannot be done; then nothing is there that was not before.
        """
        for signal in SIGNALS:  # also what is empty is there to be found
            self._out(f"{signal}{SUFFIX}", signal, TELEMETRY)
        for out in self._outs.values():
            out.file.flush()
            os.fsync(out.file.fileno())
            out.file.close()
        manifest = Manifest(
            created_at=datetime.now(timezone.utc).isoformat(),
            created_by=f"pepperpy-otel/{__version__}",
            service=self._service,
            files={name: out.entry() for name, out in sorted(self._outs.items())},
            lost=self.lost,
        )
        descriptor = os.open(self._stage / NAME, _FLAGS, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(manifest.text())
            file.flush()
            os.fsync(file.fileno())
        if self._new:
            self._stage.rename(self._directory)
        else:
            self._move_in()
        return manifest

    def _out(self, name: str, signal: Signal, role: str) -> _Out:
        if name not in self._outs:
            self._outs[name] = _Out(self._stage / name, signal, role)
        return self._outs[name]

    def _move_in(self) -> None:
        """Replace an older backup, or settle beside files that are not in the way."""
        before = Manifest.read(self._directory)
        names = [NAME, *self._outs]
        if before is None:
            taken = [name for name in names if (self._directory / name).exists()]
            if taken:
                what = f"holds {', '.join(taken)}, which is no backup"
                raise Refused(errno.EEXIST, what, str(self._directory))
        else:
            (self._directory / NAME).unlink()
            for name in before.files:
                if name not in self._outs:
                    (self._directory / name).unlink(missing_ok=True)
        for name in [*self._outs, NAME]:
            (self._stage / name).replace(self._directory / name)
        self._stage.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for out in self._outs.values():
            with contextlib.suppress(OSError):
                out.file.close()
        shutil.rmtree(self._stage, ignore_errors=True)
