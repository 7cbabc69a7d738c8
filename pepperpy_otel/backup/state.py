"""What a process knows and no exporter sends: events that aggregators keep, health's history.

Kept as OTLP log records in files of their own, which a replay leaves out unless it is asked for
them: the same events went out as logs before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.manifest import STATE
from pepperpy_otel.backup.records import Record, requests
from pepperpy_otel.health import names
from pepperpy_otel.logging import bus

if TYPE_CHECKING:
    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.health import HealthChecker
    from pepperpy_otel.health.history import Change
    from pepperpy_otel.logging.aggregator import LogAggregator
    from pepperpy_otel.logging.events import Event

EVENTS, HEALTH = "events", "health"
SCOPE = "pepperpy_otel.backup"
#: Names of the records in ``health.jsonl``.
VERDICT_EVENT, RUN_EVENT = "health.check.verdict", "health.check.run"
#: Attributes of the records in ``events.jsonl``.
LOGGER, FIELDS, ERROR, IS_ERROR = "logger", "fields", "error", "is_error"
#: Attributes of the records in ``health.jsonl`` that no telemetry has.
SINCE, GROUPS, FAILURES, DATA = "since", "groups", "consecutive_failures", "data"


def aggregators() -> list[LogAggregator]:
    """Every ``LogAggregator`` that is alive."""
    from pepperpy_otel.logging.aggregator import LogAggregator

    alive = [reference() for reference in bus.listeners]
    return [each for each in alive if isinstance(each, LogAggregator)]


def add_events(writer: Writer) -> None:
    """Add the events that log aggregators keep, each one once.

    Raises:
        OSError: They cannot be written.
    """
    found: dict[int, tuple[float, Event]] = {}
    for aggregator in aggregators():
        for age, event in aggregator.kept():
            found.setdefault(id(event), (age, event))  # all of them hear the same objects
    now = time.time()
    ordered = sorted(found.values(), key=lambda entry: -entry[0])
    for body in requests([_record(event, now - age) for age, event in ordered], SCOPE, {}):
        writer.add("logs", body, name=EVENTS, role=STATE)


def _record(event: Event, at: float) -> Record:
    attributes: dict[str, Any] = {LOGGER: event.logger, IS_ERROR: event.is_error}
    if event.fields:
        attributes[FIELDS] = event.fields
    if event.error is not None:
        attributes[ERROR] = event.error
    return Record(
        time=at,
        event=event.event,
        body=event.message,
        level=event.level,
        attributes=attributes,
        trace_id=event.trace_id or "",
    )


def add_health(writer: Writer, checker: HealthChecker) -> None:
    """Add the verdict on each component, its last runs and changes, secrets masked.

    Raises:
        OSError: They cannot be written.
    """
    records: list[Record] = []
    now = time.time()
    for name, verdict in checker.snapshot().items():
        try:
            shown = checker.get_details(name)
        except KeyError:  # unregistered meanwhile
            continue
        attributes = {
            names.CHECK_NAME: name,
            names.CHECK_STATE: verdict.status.value,
            names.CHECK_REASON: verdict.reason.name,
            names.CHECK_CRITICAL: verdict.critical,
            GROUPS: shown["groups"],
            SINCE: shown["since"],
            FAILURES: verdict.consecutive_failures,
            DATA: shown["data"],
        }
        age = verdict.age or 0.0
        records.append(Record(now - age, VERDICT_EVENT, shown["reason"], attributes=attributes))
        records += [
            Record(
                now - run["age"],
                RUN_EVENT,
                run["reason"],
                attributes={names.CHECK_NAME: name, names.CHECK_RESULT: run["result"]},
            )
            for run in shown.get("history", ())
        ]
    add_records(writer, records + [_changed(change) for change in checker.changes])


def _changed(change: Change) -> Record:
    from pepperpy_otel.health.masking import mask  # its patterns take long to compile

    attributes = {
        names.CHECK_NAME: change.name,
        names.STATE_FROM: change.before,
        names.STATE_TO: change.after,
    }
    return Record(change.at, names.TRANSITION_EVENT, mask(change.summary), attributes=attributes)


def add_records(writer: Writer, records: list[Record]) -> None:
    """Add records about health.

    Raises:
        OSError: They cannot be written.
    """
    for body in requests(records, SCOPE, {}):
        writer.add("logs", body, name=HEALTH, role=STATE)
