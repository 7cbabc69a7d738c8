"""A backup of what lies in directories: spools, files of ``otlp-file``, earlier backups.

For a process that is gone or not to be touched: everything is only read, and may grow meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.backup import spooled
from pepperpy_otel.backup.manifest import STATE, TELEMETRY, Manifest
from pepperpy_otel.backup.process import add_spool
from pepperpy_otel.backup.reading import Reader, files_in
from pepperpy_otel.backup.report import BackupReport
from pepperpy_otel.backup.writing import SUFFIX, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def gather(output: Path, sources: Sequence[Path]) -> BackupReport:
    """Write a backup of everything in some directories.

    Args:
        output: Where to; see ``Writer``.
        sources: Directories.

    Raises:
        BadManifest: A source is a backup whose manifest cannot be used.
        OSError: Something cannot be read or written.
    """
    with Writer(output) as writer:
        # Named twice, as by settings that put both into one directory, it is there once.
        for source in {source.resolve(): source for source in sources}.values():
            if spooled.segments(source):
                add_spool(writer, source)
            if (manifest := Manifest.read(source)) is not None or files_in(source):
                _add_lines(writer, source, manifest)
        manifest = writer.finish()
        return BackupReport(output, manifest, complaints=tuple(writer.complaints))


def _add_lines(writer: Writer, source: Path, manifest: Manifest | None) -> None:
    """Copy the lines that hold requests, as they are."""
    reader = Reader(source, state=True)
    for item in reader:
        known = None if manifest is None else manifest.files.get(item.name)
        role = TELEMETRY if known is None else known.role
        name = item.name.removesuffix(SUFFIX) if role == STATE else ""
        line = item.line if item.line.endswith(b"\n") else item.line + b"\n"
        writer.add_line(item.signal, line, item.items, name=name, role=role)
    writer.complaints += [f"{source}: {line}" for line in reader.complaints()]
