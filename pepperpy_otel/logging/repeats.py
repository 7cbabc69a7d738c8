"""Like records, sent a few times in a while and then counted: in an outage all say one thing.

Only what goes to the destinations is thinned out. The app's own processors and handlers get every
record, and the aggregator counts every one.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LogRecordProcessor

from pepperpy_otel import _forks
from pepperpy_otel.errors import report_internal
from pepperpy_otel.logging.answers import without_variables
from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadWriteLogRecord

    Key = tuple[Any, ...]

#: Seconds in which like records are counted together.
WINDOW = 10.0
#: Kinds of records that are told apart; beyond it all counts are sent and begin anew.
MAX_KINDS = 2048
#: Characters of a body that are looked at.
MAX_TEXT = 512
#: Attribute of a record that stands for others: how many like it were not sent.
SUPPRESSED = "pepperpy.log.suppressed"


class _Kind:
    """What is known of like records in the current window."""

    __slots__ = ("last", "sent", "start", "suppressed")

    def __init__(self, start: float) -> None:
        self.start = start
        self.sent = 1
        self.suppressed = 0
        self.last: ReadWriteLogRecord | None = None


class RepeatLimiter(LogRecordProcessor):
    """Stands before a processor and keeps back what is said again and again.

    Args:
        inner: Gets what passes.
        most: Like records that pass in one window.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        inner: LogRecordProcessor,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._most = max(1, most)
        self._clock = clock
        self.after_fork()
        _forks.follow(self)

    def after_fork(self) -> None:
        """Nothing is held back in a forked child: what there was is the parent's."""
        self._lock = threading.RLock()  # a signal handler may log in the middle of it
        self._kinds: dict[Key, _Kind] = {}
        self._sweep_at = self._clock() + WINDOW

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Hand the record on, or count it."""
        try:
            with self._lock:
                ready = self._passing(log_record)
        except Exception as error:
            report_internal("the limit of repeated records", error)
            ready = [log_record]
        for record in ready:
            self._inner.on_emit(record)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Hand on what is held back, as one record of each kind that knows how many it stands for.

        Returns:
            Always true: whoever sends flushes itself.
        """
        with self._lock:
            held = [record for kind in self._kinds.values() for record in _released(kind)]
        for record in held:
            self._inner.on_emit(record)
        return True

    def shutdown(self) -> None:
        """Hand on what is held back, then end the processor behind."""
        self.force_flush()
        self._inner.shutdown()

    def _passing(self, log_record: ReadWriteLogRecord) -> list[ReadWriteLogRecord]:
        now = self._clock()
        ready = self._sweep(now) if now >= self._sweep_at else []
        key = _key(log_record)
        kind = self._kinds.get(key)
        if kind is None or now - kind.start >= WINDOW:
            if kind is not None and kind.suppressed:
                log_record = _standing_for(log_record, kind.suppressed)
            if len(self._kinds) >= MAX_KINDS:
                ready += self._sweep(now, everything=True)
            self._kinds[key] = _Kind(now)
        elif kind.sent < self._most:
            kind.sent += 1
        else:
            kind.suppressed += 1
            kind.last = log_record
            return ready
        return [*ready, log_record]

    def _sweep(self, now: float, *, everything: bool = False) -> list[ReadWriteLogRecord]:
        """Forget the kinds whose window is over; gives what was held back of them."""
        self._sweep_at = now + WINDOW
        over = [
            key for key, kind in self._kinds.items() if everything or now - kind.start >= WINDOW
        ]
        return [record for key in over for record in _released(self._kinds.pop(key))]


def _released(kind: _Kind) -> list[ReadWriteLogRecord]:
    """The last one of those that were held back, for all of them."""
    last, count = kind.last, kind.suppressed
    kind.last, kind.suppressed = None, 0
    return [] if last is None else [_standing_for(last, count - 1)]


def _standing_for(log_record: ReadWriteLogRecord, others: int) -> ReadWriteLogRecord:
    """A copy that says how many it stands for; the app's own processors have the original."""
    if not others:
        return log_record
    standing, record = copy.copy(log_record), copy.copy(log_record.log_record)
    given = record.attributes
    attributes = BoundedAttributes(attributes={**(given or {}), SUPPRESSED: others})
    attributes.dropped = getattr(given, "dropped", 0)
    record.attributes = attributes
    vars(standing)["log_record"] = record
    return standing


def _key(log_record: ReadWriteLogRecord) -> Key:
    record, scope = log_record.log_record, log_record.instrumentation_scope
    body = record.body if type(record.body) is str else safe_text(record.body)
    return (
        None if scope is None else scope.name,
        record.severity_number,
        record.event_name,
        without_variables(body[:MAX_TEXT]),
    )
