"""``backup()``: everything that a running process holds, without taking anything away from it.

Runs in the thread that asks for it, a batch at a time: the queues are copied, not locked, so that
the app's threads and the delivery go on meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup import spooled, state
from pepperpy_otel.backup.encoding import add_items
from pepperpy_otel.backup.report import BackupReport
from pepperpy_otel.backup.writing import Writer
from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.errors import warn
from pepperpy_otel.health import current as current_health
from pepperpy_otel.legacy import Legacy

if TYPE_CHECKING:
    import os

    from pepperpy_otel.telemetry import Telemetry


def backup(
    directory: str | os.PathLike[str],
    telemetry: Telemetry | None = None,
    *,
    legacy: Any = None,
) -> BackupReport:
    """Write what is in this process into a directory; never raises.

    Spans and log records that are not delivered yet, in memory and in the spool, a snapshot of all
    metrics, the events that log aggregators keep, verdicts on health and their history, and what
    ``legacy`` names.

    Args:
        directory: Made, for its owner alone, if it is missing; an older backup in it is replaced,
            other files are not.
        telemetry: What ``configure()`` returned; ``None`` for a process without it.
        legacy: What was there before, a ``Legacy`` or what can be one; by default what
            ``configure(legacy=…)`` was given.

    Returns:
        Truthy if all of it is safe on disk; else the report says what is not.
    """
    place = Path("?")
    try:
        place = Path(directory)
        given = telemetry.settings.legacy if legacy is None and telemetry is not None else legacy
        old = None if given is None else Legacy.of(given, lambda *_: None)
        with Writer(place, "" if telemetry is None else _service(telemetry)) as writer:
            if telemetry is not None:
                _add_telemetry(writer, telemetry)
            state.add_events(writer)
            state.add_health(writer, current_health() if telemetry is None else telemetry.health)
            if old is not None:
                from pepperpy_otel.backup.before import add_legacy

                add_legacy(writer, old)
            manifest = writer.finish()
        return BackupReport(place, manifest, complaints=tuple(writer.complaints))
    except Exception as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        warn("no backup in %s: %s", place, why)
        return BackupReport(place, error=str(why))


def _service(telemetry: Telemetry) -> str:
    return str(telemetry.resource.attributes.get("service.name", ""))


def _add_telemetry(writer: Writer, telemetry: Telemetry) -> None:
    waiting = telemetry.holding()
    # Memory first, then the disk: what goes from one to the other meanwhile is found twice.
    for signal in SIGNALS:
        found: Any = waiting.get(signal)
        if found is not None:
            add_items(writer, signal, found.items)
            for part in found.parts:
                writer.add(signal, part.body)
    spool = telemetry.settings.spool_directory
    if spool is not None:
        add_spool(writer, telemetry.settings.directory / spool)
    snapshot = telemetry.metrics_snapshot()
    if snapshot is not None:
        add_items(writer, "metrics", [snapshot])


def add_spool(writer: Writer, directory: Path) -> None:
    """Add what waits in a spool's directory.

    Raises:
        OSError: A file is there and cannot be read, or a line not be written.
    """

    def damaged(path: Path) -> None:
        writer.complaints.append(f"{path} is damaged; what is whole in it was kept")

    for batch in spooled.batches(directory, damaged):
        writer.add(batch.signal, batch.body)
