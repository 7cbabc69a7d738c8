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
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _current
from pepperpy_otel.errors import guarded, never_raises, report_internal
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.answers import answer_of
from pepperpy_otel.logging.attributes import clean_attributes
from pepperpy_otel.logging.events import Event, make_event
from pepperpy_otel.logging.guard import handling
from pepperpy_otel.logging.plain import free_name, plain
from pepperpy_otel.logging.records import STANDARD
from pepperpy_otel.logging.ring import Ring
from pepperpy_otel.logging.severity import severity_number, severity_text
from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Logger and scope of the events that are logged through an aggregator.
EVENT_LOGGER = "pepperpy.events"
DEFAULT_MAX_BYTES = 4 * 1024 * 1024


#: Seconds of the windows that are shown when nobody says otherwise.
DEFAULT_WINDOWS = (60.0, 300.0, 3600.0)


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
            ``top``: the most frequent events with ``count``, ``rate``, ``share`` of the window, and
            ``level``, ``logger`` and ``age`` of the last one.
            ``values``: for each event and each numeric field ``count``, ``sum``, ``min``, ``max``
            and ``last``. ``errors``: a list, the most frequent first, of ``event``, ``logger``,
            ``count`` and, of the last one, ``message``, ``error`` (type and text of the exception)
            and ``trace_id``. ``error_groups``: the same errors by ``fingerprint``, whatever
            numbers are in their words: ``count``, ``rate``, ``event``, ``logger``, ``message``,
            ``error``, ``origin`` (the function that raised), ``first_trace_id``,
            ``last_trace_id``, ``first_age`` and ``last_age`` in seconds. ``events``: the newest
            ones, oldest first, each with ``event``, ``level``, ``logger``, ``message``,
            ``fields``, ``trace_id`` and ``age`` in seconds.
            ``evicted``: events that had to make room since the start; ``complete``: whether none
            of them belongs to this window.
        """
        window = _seconds(time_window)
        try:
            now = self._clock()
            return answer_of(window, now, *self._ring.since(now - window))
        except Exception as error:  # only a clock can fail here
            report_internal("LogAggregator.aggregate", error)
            return answer_of(window, 0.0, [], 0, complete=False)

    def windows(self, *seconds: float) -> dict[float, dict[str, Any]]:
        """The answers for several windows at once, one after the other.

        Args:
            *seconds: The windows; by default one, five and sixty minutes.
        """
        wanted = seconds or DEFAULT_WINDOWS
        return {_seconds(window): self.aggregate(window) for window in wanted}

    def kept(self) -> list[tuple[float, Event]]:
        """The events that are kept, the oldest first, each with its age in seconds."""
        now = self._clock()
        return [(now - at, event) for at, event in self._ring.since(-math.inf)[0]]

    def restore(self, events: Sequence[tuple[float, Event]]) -> int:
        """Take back events of an earlier process, each with its age in seconds.

        Returns:
            How many were not there before and found room.
        """
        now = self._clock()
        return self._ring.restore([(now - age, event) for age, event in events])

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
