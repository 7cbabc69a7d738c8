"""Where the SDK hands over: one append for each ended span and each log record.

Like ``BatchSpanProcessor`` and ``BatchLogRecordProcessor`` to the SDK, without their queue and
thread: both belong to the pipeline, which serves all signals.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from pepperpy_otel.delivery.pipeline import Pipeline
    from pepperpy_otel.delivery.queue import RecordQueue

#: Estimated bytes in memory: of a span or record without its contents, of an attribute without
#: its value, and of a value of fixed size. Rough on purpose: counting exactly would cost more
#: than appending.
RECORD_BYTES = 1024
ATTRIBUTE_BYTES = 96
VALUE_BYTES = 32
#: Seconds that a processor's own flush and shutdown may take when the caller does not say.
DEFAULT_TIMEOUT = 5.0


class PipelineSpanProcessor(SpanProcessor):
    """Hands sampled spans to the pipeline when they end."""

    def __init__(self, pipeline: Pipeline, queues: Sequence[RecordQueue]) -> None:
        self._pipeline = pipeline
        self._queues = tuple(queues)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue ``span`` for every destination, if it is sampled."""
        try:
            context = span.context
            if context is not None and context.trace_flags.sampled:
                size = span_bytes(span)
                for queue in self._queues:
                    queue.append(span, size)
        except Exception as error:
            errors.report_internal("the end of a span", error)

    def shutdown(self) -> None:
        """Deliver what is there; the pipeline itself ends with its owner."""
        self.force_flush()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Deliver everything, all signals; whether all of it arrived."""
        return _flush(self._pipeline, timeout_millis)


class PipelineLogRecordProcessor(LogRecordProcessor):
    """Hands log records to the pipeline."""

    def __init__(self, pipeline: Pipeline, queues: Sequence[RecordQueue]) -> None:
        self._pipeline = pipeline
        self._queues = tuple(queues)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue the record for every destination, without the context it was made in.

        The context may be large, and what is needed of it is in the record's ids.
        """
        try:
            if not self._queues:
                return
            record = _without_context(log_record.log_record)
            readable = ReadableLogRecord(
                log_record=record,
                resource=log_record.resource or Resource.get_empty(),
                instrumentation_scope=log_record.instrumentation_scope,
                limits=log_record.limits,
            )
            size = record_bytes(record)
            for queue in self._queues:
                queue.append(readable, size)
        except Exception as error:
            errors.report_internal("a log record", error)

    def shutdown(self) -> None:
        """Deliver what is there; the pipeline itself ends with its owner."""
        self.force_flush()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Deliver everything, all signals; whether all of it arrived."""
        return _flush(self._pipeline, timeout_millis)


@errors.never_raises("a flush", default=False)
def _flush(pipeline: Pipeline, timeout_millis: float | None) -> bool:
    seconds = DEFAULT_TIMEOUT if timeout_millis is None else timeout_millis / 1000
    return bool(pipeline.flush(seconds))


def _without_context(record: LogRecord) -> LogRecord:
    """A copy that shares everything but the context; other processors still want that."""
    duplicate = copy.copy(record)
    duplicate.context = Context()
    return duplicate


def span_bytes(span: ReadableSpan) -> int:
    """Estimated bytes that ``span`` holds in memory."""
    size = RECORD_BYTES + len(span.name) + attribute_bytes(span.attributes)
    for event in span.events:
        size += RECORD_BYTES + attribute_bytes(event.attributes)
    for link in span.links:
        size += RECORD_BYTES + attribute_bytes(link.attributes)
    return size


def record_bytes(record: LogRecord) -> int:
    """Estimated bytes that ``record`` holds in memory."""
    return RECORD_BYTES + value_bytes(record.body) + attribute_bytes(record.attributes)


def attribute_bytes(attributes: Mapping[str, Any] | None) -> int:
    """Estimated bytes of attributes."""
    if not attributes:
        return 0
    try:
        values = attributes.copy().values()  # type: ignore[attr-defined]
    except AttributeError:  # the SDK's have copy(), which is a quarter of the price of iterating
        values = attributes.values()
    size = ATTRIBUTE_BYTES * len(values)
    for value in values:
        size += VALUE_BYTES + len(value) if type(value) is str else value_bytes(value)
    return size


def value_bytes(value: Any, depth: int = 0) -> int:
    """Estimated bytes of a value; only built-in types are looked into, and only so deep."""
    kind = type(value)
    if kind is str or kind is bytes:
        return VALUE_BYTES + len(value)
    if depth < 8:
        if kind is tuple or kind is list:
            return VALUE_BYTES + sum(value_bytes(each, depth + 1) for each in value)
        if kind is dict:
            return VALUE_BYTES + sum(value_bytes(each, depth + 1) for each in value.values())
    return VALUE_BYTES
