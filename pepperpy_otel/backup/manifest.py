"""``manifest.json`` of a backup: what is in it, how much, and by which checksum that can be told.

It is written last: a directory without one holds no finished backup.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "manifest.json"
FORMAT = "pepperpy-otel-backup/1"
#: What a file is there for: telemetry is what a replay sends; state (log events that an aggregator
#: kept, verdicts on health) has been sent before and is for ``import_backup()``.
TELEMETRY, STATE = "telemetry", "state"


class BadManifest(ValueError):
    """A file that is no manifest of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a backup.

    Attributes:
        signal: ``traces``, ``metrics`` or ``logs``.
        role: ``telemetry`` or ``state``.
        lines: Requests in it, one a line.
        items: Spans, data points or log records.
        size: Bytes.
        sha256: Of its bytes, in hexadecimal digits.
    """

    signal: str
    role: str
    lines: int
    items: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        created_at: ISO 8601 with offset.
        created_by: Name and version of the writer.
        service: ``service.name`` of the process, where one was backed up.
        files: By file name.
        lost: What could not be kept, by reason, in items or lines.
    """

    created_at: str
    created_by: str
    service: str = ""
    files: Mapping[str, Entry] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)

    def items(self, signal: str) -> int:
        """Items of a signal in the files that a replay sends."""
        found = self.files.values()
        return sum(e.items for e in found if e.signal == signal and e.role == TELEMETRY)

    def text(self) -> str:
        """As JSON."""
        files = {
            name: {
                "signal": entry.signal,
                "role": entry.role,
                "lines": entry.lines,
                "items": entry.items,
                "bytes": entry.size,
                "sha256": entry.sha256,
            }
            for name, entry in self.files.items()
        }
        return json.dumps(
            {
                "format": FORMAT,
                "created_at": self.created_at,
                "created_by": self.created_by,
                "service": self.service,
                "files": files,
                "lost": dict(self.lost),
            },
            indent=2,
        )

    @classmethod
    def read(cls, directory: Path) -> Manifest | None:
        """The manifest in a directory; ``None`` if there is none.

        Raises:
            BadManifest: There is one, and it cannot be used.
            OSError: It cannot be read.
        """
        try:
            text = (directory / NAME).read_bytes()
        except FileNotFoundError:
            return None
        try:
            given = json.loads(text)
            if given["format"] != FORMAT:
                raise BadManifest(f"{directory / NAME} is of the format {given['format']!r}")
            return cls(
                created_at=str(given["created_at"]),
                created_by=str(given["created_by"]),
                service=str(given["service"]),
                files={_plain(name): _entry(value) for name, value in given["files"].items()},
                lost={str(name): int(value) for name, value in given["lost"].items()},
            )
        except BadManifest:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
            raise BadManifest(f"{directory / NAME} is no manifest ({why})") from None


def _plain(name: Any) -> str:
    """A file's name; one that leads out of the directory is none."""
    if not isinstance(name, str) or not name or name.startswith(".") or {"/", "\\"} & set(name):
        raise ValueError(f"{name!r} is no file name")
    return name


def _entry(given: Any) -> Entry:
    return Entry(
        signal=str(given["signal"]),
        role=str(given["role"]),
        lines=int(given["lines"]),
        items=int(given["items"]),
        size=int(given["bytes"]),
        sha256=str(given["sha256"]),
    )
