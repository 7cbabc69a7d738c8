"""``import_backup()``: the history of health and the log events of a backup, back in a process.

Verdicts stay what the checks of this process say: one of yesterday is no verdict. What comes back
is the history behind them, and what ``LogAggregator.aggregate()`` counts. Spans, metrics and logs
are brought to a Collector by ``pepperpy-otel replay``; here they are only counted.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup import state
from pepperpy_otel.backup.manifest import BadManifest, Manifest
from pepperpy_otel.backup.reading import Reader
from pepperpy_otel.backup.records import Record, records_in
from pepperpy_otel.errors import warn
from pepperpy_otel.health import current as current_health
from pepperpy_otel.health import names
from pepperpy_otel.health.history import Change
from pepperpy_otel.logging.events import restored_event

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pepperpy_otel.health import HealthChecker
    from pepperpy_otel.logging.events import Event


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What ``import_backup()`` did; truthy if the backup is whole and all of it found its place.

    Attributes:
        events: Log events that log aggregators have now and had not; those that there is no room
            for are left out.
        runs: Runs of health checks that are in the history now.
        changes: Changes of states that ``telemetry.health.changes`` has now and had not.
        verdicts: Component → its state when the backup was made.
        unknown: Components of which this process has no check: register it, and import again.
        counts: Signal → items in the backup's files, as they were really read.
        error: Why nothing could be read, in one line; empty if it could.
        complaints: What is not as the manifest says, or has no place here, a line each.
    """

    events: int = 0
    runs: int = 0
    changes: int = 0
    verdicts: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    complaints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not (self.error or self.complaints or self.unknown)


def import_backup(
    path: str | os.PathLike[str], checker: HealthChecker | None = None
) -> ImportReport:
    """Bring back what a backup knows of health and of log events; never raises.

    Args:
        path: The directory of a backup.
        checker: Gets the history; by default the current one.
    """
    place = Path("?")
    try:
        place = Path(path)
        if not place.is_dir():
            return _failed(place, "there is no such directory")
        if Manifest.read(place) is None:
            return _failed(place, "there is no manifest in it, so it is no finished backup")
        return _import(place, current_health() if checker is None else checker)
    except BadManifest as error:
        return _failed(place, str(error))
    except Exception as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return _failed(place, str(why))


def _failed(place: Path, why: str) -> ImportReport:
    warn("nothing imported from %s: %s", place, why)
    return ImportReport(error=why)


def _import(place: Path, checker: HealthChecker) -> ImportReport:
    counts: dict[str, int] = defaultdict(int)
    events: list[tuple[float, Event]] = []
    verdicts: dict[str, str] = {}
    runs: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    changes: list[Change] = []
    now = time.time()
    reader = Reader(place, state=True)
    for item in reader:
        if item.name == f"{state.EVENTS}.jsonl":
            events += [(now - each.time, _event(each)) for each in records_in(item.body)]
        elif item.name == f"{state.HEALTH}.jsonl":
            for record in records_in(item.body):
                _take(record, now, verdicts, runs, changes)
        else:
            counts[item.signal] += item.items
    complaints = reader.complaints()
    aggregators = state.aggregators()
    restored = [each.restore(events) for each in aggregators]
    if events and not aggregators:
        complaints.append("no LogAggregator is alive that could take the log events")
    # What is built in is judged anew whenever somebody asks: it has no history.
    known = [name for name in runs if checker.restore(name, runs[name])]
    return ImportReport(
        events=max(restored, default=0),
        runs=sum(len(runs[name]) for name in known),
        changes=checker.changes.restore(changes),
        verdicts=verdicts,
        unknown=tuple(sorted(set(runs) - set(known))),
        counts=dict(counts),
        complaints=tuple(complaints),
    )


def _take(
    record: Record,
    now: float,
    verdicts: dict[str, str],
    runs: dict[str, list[tuple[float, str, str]]],
    changes: list[Change],
) -> None:
    name = str(record.attributes.get(names.CHECK_NAME, ""))
    if record.event == state.VERDICT_EVENT:
        verdicts[name] = str(record.attributes.get(names.CHECK_STATE, ""))
    elif record.event == state.RUN_EVENT:
        result = str(record.attributes.get(names.CHECK_RESULT, ""))
        runs[name].append((now - record.time, result, record.body))
    elif record.event == names.TRANSITION_EVENT:
        before, after = (
            str(record.attributes.get(key)) for key in (names.STATE_FROM, names.STATE_TO)
        )
        changes.append(Change(record.time, name, before, after, record.body))


def _event(record: Record) -> Event:
    attributes: Mapping[str, Any] = record.attributes
    fields, error = attributes.get(state.FIELDS), attributes.get(state.ERROR)
    return restored_event(
        level=record.level,
        is_error=bool(attributes.get(state.IS_ERROR)),
        logger=str(attributes.get(state.LOGGER, "")),
        event=record.event,
        message=record.body,
        fields=fields if isinstance(fields, dict) else {},
        error=None if error is None else str(error),
        trace_id=record.trace_id or None,
    )
