"""Lines of a log file as log records: of JSON lines level, time and message, of others the text."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.records import BATCH, Record, request
from pepperpy_otel.logging.severity import severity_number, severity_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pepperpy_otel.backup.writing import Writer

NAME = "before-logs"
SCOPE = "pepperpy_otel.backup.before"
#: Characters of a line that are kept: the rest of a longer one is another record.
LONGEST_LINE = 64 * 1024
#: Levels of a JSON line; a deeper one stays text: protobuf would refuse all that go with it.
DEEPEST = 20
#: Under which names JSON lines have what, the first one counts.
_TIME = ("timestamp", "time", "ts", "asctime", "@timestamp")
_LEVEL = ("level", "levelname", "severity", "log.level")
_MESSAGE = ("message", "msg", "event", "body")
#: Nanoseconds in the year 5000: no number is a later time.
_LATEST = 1e20
_FRACTION = re.compile(r"[.,](\d+)")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def add(writer: Writer, path: Path) -> None:
    """Add the lines of a file.

    Raises:
        OSError: It cannot be read, or the backup not be written.
    """
    resource = {"log.file.name": path.name, "log.file.path": str(path)}
    batch: list[Record] = []
    for record in _records(path):
        batch.append(record)
        if len(batch) == BATCH:
            writer.add("logs", request(batch, SCOPE, resource), name=NAME)
            batch.clear()
    if batch:
        writer.add("logs", request(batch, SCOPE, resource), name=NAME)


def _records(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        while line := file.readline(LONGEST_LINE):
            text = line.rstrip("\r\n")
            if text:
                yield _record(text)


def _record(text: str) -> Record:
    if text.startswith("{"):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if isinstance(given, dict) and _is_shallow(given, DEEPEST):
            return _structured(given)
    return Record(0.0, body=text)


def _is_shallow(given: Any, levels: int) -> bool:
    if isinstance(given, (dict, list)):
        members = given.values() if isinstance(given, dict) else given
        return levels > 0 and all(_is_shallow(each, levels - 1) for each in members)
    return True


def _structured(given: dict[str, Any]) -> Record:
    rest = dict(given)
    at, level, message = (_take(rest, names) for names in (_TIME, _LEVEL, _MESSAGE))
    name = str(level).upper() if level is not None else ""
    trace_id = rest.get("trace_id")
    is_id = isinstance(trace_id, str) and len(trace_id) == 32 and _is_hex(trace_id)
    return Record(
        seconds(at),
        body="" if message is None else str(message),
        level=severity_text(name),
        severity=severity_number(_LEVELS[name]).value if name in _LEVELS else 0,
        attributes=rest,
        trace_id=str(trace_id) if is_id else "",
    )


def _take(given: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in given:
            return given.pop(name)
    return None


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def seconds(given: Any) -> float:
    """UNIX seconds of what stands for a time: a number (s, ms, µs or ns) or ISO 8601; else 0."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        value = float(given) if 0 <= given <= _LATEST else 0.0  # JSON has infinities, too
        while value > 1e11:  # after the year 5000: it is in a smaller unit
            value /= 1000
        return value
    # Python 3.10 knows no Z, no comma before the fraction, and only fractions of six digits.
    text = _FRACTION.sub(lambda match: f".{match[1]:0<6.6}", str(given).replace("Z", "+00:00"))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
