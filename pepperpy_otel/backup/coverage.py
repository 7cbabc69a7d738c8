"""Which expected metrics, operations, log events and components are in files of OTLP lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup import state
from pepperpy_otel.backup.reading import Reader
from pepperpy_otel.backup.records import plain_of
from pepperpy_otel.covered import CoverageReport
from pepperpy_otel.delivery.files.fields import message_class
from pepperpy_otel.expectations import KINDS, Names
from pepperpy_otel.health import names as health

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: What a component's check has said, when it has said something.
_SILENT = "unknown"


def coverage_in(
    sources: Sequence[Path], expected: Mapping[str, Iterable[str]]
) -> tuple[CoverageReport, list[str]]:
    """Look for what is expected.

    Args:
        sources: Files, and directories with such files.
        expected: Names by kind.

    Returns:
        What was found, and lines about what could not be read.

    Raises:
        BadManifest: A source is a backup whose manifest cannot be used.
        OSError: A source cannot be read.
    """
    names = {kind: Names() for kind in KINDS}
    for kind, each in expected.items():
        names[kind].add(each, templates=kind == "log_events")
    complaints: list[str] = []
    for source in sources:
        reader = Reader(source, state=True)
        for item in reader:
            message = message_class(item.signal).FromString(item.body)
            _LOOK[item.signal](message, names)
        complaints += reader.complaints()
    return CoverageReport(**{kind: each.seen for kind, each in names.items()}), complaints


def _look_at_spans(message: Any, names: Mapping[str, Names]) -> None:
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                _mark(names["operations"], span.name, span.end_time_unix_nano)


def _look_at_records(message: Any, names: Mapping[str, Names]) -> None:
    for resource in message.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                at = record.time_unix_nano or record.observed_time_unix_nano
                if record.event_name in (state.VERDICT_EVENT, state.RUN_EVENT):
                    _look_at_component(record, at, names)
                elif not _mark(names["log_events"], record.event_name, at):
                    seen = names["log_events"].seen
                    before = dict(seen)
                    names["log_events"].mark_message(record.body.string_value, at / 1e9)
                    seen.update((n, _later(before[n], seen[n])) for n in before)


def _look_at_component(record: Any, at: int, names: Mapping[str, Names]) -> None:
    attributes = {each.key: plain_of(each.value) for each in record.attributes}
    if attributes.get(health.CHECK_STATE) != _SILENT:
        _mark(names["components"], attributes.get(health.CHECK_NAME), at)


def _look_at_metrics(message: Any, names: Mapping[str, Names]) -> None:
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                points = [] if kind is None else getattr(metric, kind).data_points
                for point in points:
                    _mark(names["metrics"], metric.name, point.time_unix_nano)
                if metric.name == health.CHECK_STATUS:
                    _look_at_states(points, names["components"])


def _look_at_states(points: Any, names: Names) -> None:
    """A component has said something when its state is a known one."""
    for point in points:
        attributes = {each.key: each.value.string_value for each in point.attributes}
        known = attributes.get(health.CHECK_STATE) != _SILENT
        if known and (point.as_int or point.as_double):
            _mark(names, attributes.get(health.CHECK_NAME), point.time_unix_nano)


def _mark(names: Names, name: Any, at: int) -> bool:
    """Seen then; the last time counts, in whatever order the files are."""
    before = names.seen.get(name)
    return names.mark(name, _later(before, at / 1e9))  # type: ignore[arg-type]


def _later(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


_LOOK = {"traces": _look_at_spans, "metrics": _look_at_metrics, "logs": _look_at_records}
