"""The processors that look out for expected spans and log records; loaded with the first one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from pepperpy_otel.expectations import Names


class SpanWatch(SpanProcessor):
    """Marks operations whose spans end."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """It was seen, if it is expected."""
        name = span.name
        if type(name) is str and name in self._names.seen:  # the SDK takes what has no hash, too
            self._names.mark(name, (span.end_time or time.time_ns()) / 1e9)

    def shutdown(self) -> None:
        """Nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do."""
        return True


class RecordWatch(LogRecordProcessor):
    """Marks events that are logged."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """It was seen, if it is expected."""
        record, now = log_record.log_record, time.time()
        if not self._names.mark(record.event_name, now):
            self._names.mark_message(record.body, now)

    def shutdown(self) -> None:
        """Nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do."""
        return True


def leave_spans(provider: Any, watch: SpanWatch) -> None:
    """Take it out of a provider, ours or a foreign one."""
    own: Any = getattr(provider, "processor", None)
    if hasattr(own, "remove_span_processor"):
        own.remove_span_processor(watch)
    else:
        _compat.remove_span_processor(provider, watch)


def leave_records(provider: Any, watch: RecordWatch) -> None:
    """Take it out of a foreign provider; ours has forgotten it when it was disarmed."""
    if not hasattr(provider, "fan_out"):
        _compat.remove_log_record_processor(provider, watch)
