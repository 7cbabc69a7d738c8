"""``LogAggregator``: what was logged in the last while, counted.

For a health check that asks "how many errors in the last minute", a status page, a test. It keeps
its own copy of everything that passes through our handler and of what is logged through it, in a
bounded number of bytes; nothing of it is exported.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _current
from pepperpy_otel.errors import guarded, never_raises, report_internal
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.attributes import clean_attributes
from pepperpy_otel.logging.events import Event, make_event
from pepperpy_otel.logging.guard import handling
from pepperpy_otel.logging.plain import free_name, plain
from pepperpy_otel.logging.records import STANDARD
from pepperpy_otel.logging.ring import Ring
from pepperpy_otel.logging.severity import severity_number, severity_text
from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

#: Logger and scope of the events that are logged through an aggregator.
EVENT_LOGGER = "pepperpy.events"
DEFAULT_MAX_BYTES = 4 * 1024 * 1024
#: How many of the newest events and of the most frequent errors an answer shows in full.
SHOWN = 100
#: Numbers up to here are summed up.
_MAX_NUMBER = 1e300


class LogAggregator:
    """Logs events and counts what was logged, by this object or by any logger of the process.

    Works before ``configure()`` (then it hears only its own events and those of other
    aggregators), while telemetry runs, and after ``rollback()``. No method raises.

    Args:
        name: The logger under which its events appear.
        max_bytes: Memory that it may take, in bytes; the oldest events go first.
        clock: Seconds, from any start; a test brings its own.

    Example:
        >>> aggregator = LogAggregator(clock=lambda: 0.0)
        >>> aggregator.log("order placed", items=3)
        >>> answer = aggregator.aggregate(60)
        >>> answer["by_event"], answer["values"]["order placed"]["items"]["sum"]
        ({'order placed': 1}, 3)
    """

    def __init__(
        self,
        name: str = EVENT_LOGGER,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._clock = clock
        self._ring = Ring(max_bytes, clock)
        bus.add(self)

    @never_raises("LogAggregator.log", None)
    def log(self, /, event: str, **fields: Any) -> None:
        """Log an event at level INFO.

        It is counted once and reaches the telemetry once, whatever levels the app has set; the
        app's own handlers show it if its levels allow.

        Args:
            event: What happened; the same words each time, so that they count together.
            **fields: The values of this time; attributes of the log record.
        """
        self._log(logging.INFO, event, fields)

    @never_raises("LogAggregator.error", None)
    def error(self, /, event: str, **fields: Any) -> None:
        """Log an event at level ERROR; with the exception that is being handled, if any."""
        self._log(logging.ERROR, event, fields)

    def aggregate(self, time_window: float) -> dict[str, Any]:
        """Count what was logged in the last ``time_window`` seconds.

        Args:
            time_window: Seconds; ``math.inf`` for everything that is kept.

        Returns:
            ``window``: the seconds, as a number. ``total``: how many events. ``rate``: events per
            second of the window. ``by_level``, ``by_logger``, ``by_event``: dicts of counts, the
            highest first; the event of a stdlib record is its message without the arguments.
            ``values``: for each event and each numeric field ``count``, ``sum``, ``min``, ``max``
            and ``last``. ``errors``: a list, the most frequent first, of ``event``, ``logger``,
            ``count`` and, of the last one, ``message``, ``error`` (type and text of the exception)
            and ``trace_id``. ``events``: the newest ones, oldest first, each with ``event``,
            ``level``, ``logger``, ``message``, ``fields``, ``trace_id`` and ``age`` in seconds.
            ``evicted``: events that had to make room since the start; ``complete``: whether none
            of them belongs to this window.
        """
        window = _seconds(time_window)
        try:
            now = self._clock()
            return _answer(window, now, *self._ring.since(now - window))
        except Exception as error:  # only a clock can fail here
            report_internal("LogAggregator.aggregate", error)
            return _answer(window, 0.0, [], 0, complete=False)

    def hear(self, event: Event) -> None:
        """Take an event from the bus."""
        self._ring.append(event)

    def after_fork(self) -> None:
        """Start empty in a forked process: what the parent counted is the parent's."""
        self._ring.clear()

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        text = safe_text(event)
        error = sys.exc_info()[1] if level >= logging.ERROR else None
        bus.publish(
            make_event(
                level=logging.getLevelName(level),
                is_error=level >= logging.ERROR,
                logger=safe_text(self._name),
                event=text,
                message=text,
                fields=fields,
                error=error,
            )
        )
        with guarded("LogAggregator, to telemetry"):
            self._send(level, text, fields, error)
        with guarded("LogAggregator, to the app's handlers"):
            self._show(level, text, fields, error)

    def _send(
        self, level: int, event: str, fields: dict[str, Any], error: BaseException | None
    ) -> None:
        """To the telemetry, past the standard library and its levels."""
        telemetry = _current.get()
        if telemetry is None:
            return
        telemetry.logger_provider.get_logger(self._name).emit(
            timestamp=time.time_ns(),
            severity_number=severity_number(level),
            severity_text=severity_text(logging.getLevelName(level)),
            body=event,
            attributes=clean_attributes(fields)[0],
            event_name=event,
            exception=error,
        )

    def _show(
        self, level: int, event: str, fields: dict[str, Any], error: BaseException | None
    ) -> None:
        """To the app's handlers, past ours: it has the event already."""
        logger = logging.getLogger(self._name)
        if not logger.isEnabledFor(level):
            return
        values = {free_name(key, STANDARD): value for key, value in plain(fields).items()}
        text = " ".join([event, *(f"{key}={value}" for key, value in values.items())])
        was_busy, handling.busy = handling.busy, True
        try:
            logger.log(level, text, extra=values, exc_info=error, stacklevel=_CALLER)
        finally:
            handling.busy = was_busy


#: Frames from ``logger.log()`` up to the app's call: _show, _log, log or error, never_raises.
_CALLER = 5


def _seconds(time_window: float) -> float:
    try:
        seconds = float(time_window)
    except Exception:  # of the object's own
        return 0.0
    return max(0.0, seconds) if not math.isnan(seconds) else 0.0


def _answer(
    window: float, now: float, entries: list[tuple[float, Event]], evicted: int, complete: bool
) -> dict[str, Any]:
    events = [event for _, event in entries]
    span = window if math.isfinite(window) else now - entries[0][0] if entries else 0.0
    return {
        "window": window,
        "total": len(events),
        "rate": len(events) / span if span > 0 else 0.0,
        "by_level": _counts(event.level for event in events),
        "by_logger": _counts(event.logger for event in events),
        "by_event": _counts(event.event for event in events),
        "values": _values(events),
        "errors": _errors(events),
        "events": [_shown(event, now - at) for at, event in entries[-SHOWN:]],
        "evicted": evicted,
        "complete": complete,
    }


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
