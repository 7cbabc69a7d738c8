"""From the events of a window to the answer of ``LogAggregator.aggregate()``."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.logging.events import Event

#: How many of the newest events and of the most frequent errors an answer shows in full.
SHOWN = 100
#: How many of the most frequent events.
TOP = 20
#: Numbers up to here are summed up.
_MAX_NUMBER = 1e300
#: Parts of an event's words that differ each time.
_VARIABLE = re.compile(
    r"'[^']{0,200}'|\"[^\"]{0,200}\"|\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-"
    r"[0-9a-fA-F]{12}\b|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{6,}\b|\d+"
)


def answer_of(
    window: float, now: float, entries: list[tuple[float, Event]], evicted: int, complete: bool
) -> dict[str, Any]:
    """What ``LogAggregator.aggregate()`` says.

    Args:
        window: Seconds.
        now: By the clock.
        entries: Events with their times, oldest first.
        evicted: Events that had to make room since the start.
        complete: Whether none of these belongs to the window.
    """
    events = [event for _, event in entries]
    span = window if math.isfinite(window) else now - entries[0][0] if entries else 0.0
    return {
        "window": window,
        "total": len(events),
        "rate": _rate(len(events), span),
        "by_level": _counts(event.level for event in events),
        "by_logger": _counts(event.logger for event in events),
        "by_event": _counts(event.event for event in events),
        "values": _values(events),
        "top": _top(entries, now, span),
        "errors": _errors(events),
        "error_groups": _groups(entries, now, span),
        "events": [_shown(event, now - at) for at, event in entries[-SHOWN:]],
        "evicted": evicted,
        "complete": complete,
    }


def _rate(count: int, span: float) -> float:
    return count / span if span > 0 else 0.0


def _counts(names: Any) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _values(events: list[Event]) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for event in events:
        for name, value in event.fields.items():
            if not _is_number(value):
                continue
            seen = found.setdefault(event.event, {}).get(name)
            if seen is None:
                seen = {"count": 0, "sum": 0, "min": value, "max": value, "last": value}
                found[event.event][name] = seen
            seen["count"] += 1
            seen["sum"] += value
            seen["min"] = min(seen["min"], value)
            seen["max"] = max(seen["max"], value)
            seen["last"] = value
    return found


def _is_number(value: object) -> bool:
    """Whether it can be summed up: what is too large would make the sum an infinity."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _MAX_NUMBER


def _errors(events: list[Event]) -> list[dict[str, Any]]:
    grouped: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        if event.is_error:
            error = grouped.setdefault((event.logger, event.event), {"count": 0})
            error.update(
                event=event.event,
                logger=event.logger,
                count=error["count"] + 1,
                message=event.message,
                error=event.error,
                trace_id=event.trace_id or error.get("trace_id"),
            )
    return sorted(grouped.values(), key=lambda error: -error["count"])[:SHOWN]


def _top(entries: list[tuple[float, Event]], now: float, span: float) -> list[dict[str, Any]]:
    """The most frequent events."""
    last: dict[str, tuple[float, Event]] = {event.event: (at, event) for at, event in entries}
    counted = Counter(event.event for _, event in entries).most_common(TOP)
    return [
        {
            "event": name,
            "count": count,
            "rate": _rate(count, span),
            "share": count / len(entries),
            "level": last[name][1].level,
            "logger": last[name][1].logger,
            "age": now - last[name][0],
        }
        for name, count in counted
    ]


def _groups(entries: list[tuple[float, Event]], now: float, span: float) -> list[dict[str, Any]]:
    """Errors that are one and the same, whatever numbers and names are in their words."""
    groups: dict[str, dict[str, Any]] = {}
    for at, event in entries:
        if not event.is_error:
            continue
        key = fingerprint(event)
        group = groups.get(key)
        if group is None:
            group = groups[key] = {
                "fingerprint": key,
                "count": 0,
                "first_trace_id": None,
                "last_trace_id": None,
                "first_age": now - at,
            }
        group.update(
            count=group["count"] + 1,
            rate=_rate(group["count"] + 1, span),
            event=event.event,
            logger=event.logger,
            message=event.message,
            error=event.error,
            origin=event.origin,
            first_trace_id=group["first_trace_id"] or event.trace_id,
            last_trace_id=event.trace_id or group["last_trace_id"],
            last_age=now - at,
        )
    return sorted(groups.values(), key=lambda group: -group["count"])[:SHOWN]


def fingerprint(event: Event) -> str:
    """What like errors have in common, as 16 hexadecimal digits; the same in every process.

    The logger, the event without its numbers, ids and quoted parts, the exception's type and the
    function that raised it. Not the line: a new version of the program has the same error.
    """
    kind = (event.error or "").partition(":")[0]
    parts = (event.logger, without_variables(event.event), kind, event.origin or "")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def without_variables(text: str) -> str:
    """``text`` with ``#`` in place of numbers, ids, addresses and quoted parts."""
    return _VARIABLE.sub("#", text)


def _shown(event: Event, age: float) -> dict[str, Any]:
    return {
        "event": event.event,
        "level": event.level,
        "logger": event.logger,
        "message": event.message,
        "fields": dict(event.fields),
        "trace_id": event.trace_id,
        "age": age,
    }
