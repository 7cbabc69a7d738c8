"""What was there before telemetry, in a backup: the samples, lines, spans and answers of old parts.

Each comes into a file of its own beside the telemetry, ``before-….jsonl``, and one that cannot be
read costs nothing but a complaint.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup import oldlogs, oldmetrics, oldspans, state
from pepperpy_otel.backup.records import Record
from pepperpy_otel.delivery.outcome import one_line
from pepperpy_otel.health import HealthResult, HealthStatus, names
from pepperpy_otel.lifecycle import call_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.legacy import Legacy

#: Seconds that an old health function has for its answer.
HEALTH_TIMEOUT = 5.0
#: An attribute that tells verdicts of old functions from those of ours.
SOURCE, LEGACY = "source", "legacy"


def add_legacy(writer: Writer, legacy: Legacy) -> None:
    """Add everything that ``legacy`` names."""
    if legacy.registry is not None:
        _attempt(writer, "registry", lambda: oldmetrics.add(writer, legacy.registry))
    for path in map(Path, legacy.log_files):
        _attempt(writer, str(path), lambda path=path: oldlogs.add(writer, path))  # type: ignore[misc]
    for path in map(Path, legacy.span_files):
        _attempt(writer, str(path), lambda path=path: oldspans.add(writer, path))  # type: ignore[misc]
    health = legacy.health
    if health is not None:
        several = health if isinstance(health, Mapping) else {_name(health): health}
        for name, ask in several.items():
            _attempt(writer, name, lambda name=name, ask=ask: _add_verdict(writer, name, ask))  # type: ignore[misc]


def _attempt(writer: Writer, what: str, add: Callable[[], object]) -> None:
    try:
        add()
    except Exception as error:  # whatever lies there, or the registry's collectors do
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        writer.complaints.append(one_line(f"{what} could not be kept ({why})"))


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", "health"))


def _add_verdict(writer: Writer, name: str, ask: Callable[[], Any]) -> None:
    state.add_records(writer, [_verdict(name, ask)])


def _verdict(name: str, ask: Callable[[], Any]) -> Record:
    """What an old function answers; one that raises or hangs has answered, too."""
    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            answers.append(error)

    call_within(HEALTH_TIMEOUT, call, f"the old health function {name}")
    status, reason = _judged(answers)
    data = answers[0] if answers and isinstance(answers[0], dict) else {}
    attributes: dict[str, Any] = {names.CHECK_NAME: name, names.CHECK_STATE: status, SOURCE: LEGACY}
    if data:
        attributes[state.DATA] = data
    return Record(time.time(), state.VERDICT_EVENT, reason, attributes=attributes)


def _judged(answers: list[Any]) -> tuple[str, str]:
    """Status and reason of an answer, in the words of ours where it can be told."""
    if not answers:
        return HealthStatus.UNHEALTHY.value, f"no answer in {HEALTH_TIMEOUT:g} s"
    answer = answers[0]
    if isinstance(answer, Exception):
        return HealthStatus.UNHEALTHY.value, one_line(f"{type(answer).__name__}: {answer}")
    if isinstance(answer, HealthResult):
        return answer.status.value, answer.reason
    if isinstance(answer, HealthStatus):
        return answer.value, ""
    if isinstance(answer, dict):
        return str(answer.get("status", HealthStatus.UNKNOWN.value)), ""
    if answer is None or isinstance(answer, bool):
        good = answer is not False
        return (HealthStatus.HEALTHY if good else HealthStatus.UNHEALTHY).value, ""
    return one_line(str(answer)), ""
