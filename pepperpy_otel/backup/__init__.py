"""Backup and replay: what was collected, in files that any OTLP tool reads, and back again.

``writing`` makes the directory and its ``manifest``; ``sources`` (a running process), ``spooled``,
``gathered`` (files) and ``legacy`` (what was there before) give the lines; ``replaying`` sends
them to a Collector, ``importing`` brings health history and log events back into a process. None
of it runs unless it is asked for.

    >>> from pepperpy_otel.backup import Legacy, backup, import_backup  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.backup.importing import ImportReport, import_backup
    from pepperpy_otel.backup.manifest import Manifest
    from pepperpy_otel.backup.process import backup
    from pepperpy_otel.backup.replaying import Replay
    from pepperpy_otel.backup.report import BackupReport
    from pepperpy_otel.legacy import Legacy

__all__ = [
    "BackupReport",
    "ImportReport",
    "Legacy",
    "Manifest",
    "Replay",
    "backup",
    "import_backup",
]

_HOME = {
    "BackupReport": "backup.report",
    "ImportReport": "backup.importing",
    "Legacy": "legacy",
    "Manifest": "backup.manifest",
    "Replay": "backup.replaying",
    "backup": "backup.process",
    "import_backup": "backup.importing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"pepperpy_otel.{_HOME[name]}"), name)
    globals()[name] = value
    return value
