"""Where the SDK hands over: one append for each ended span and each log record.

Like ``BatchSpanProcessor`` and ``BatchLogRecordProcessor`` to the SDK, without their queue and
thread: both belong to the pipeline, which serves all signals. What runs here runs inside the
app's ``end()`` and ``emit()``, hence the care for each nanosecond.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat, errors
from pepperpy_otel.delivery.weight import (
    ATTRIBUTE_BYTES,
    FLAT,
    LARGE,
    RECORD_BYTES,
    VALUE_BYTES,
    record_bytes,
    span_bytes,
    value_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from pepperpy_otel.delivery.pipeline import Pipeline
    from pepperpy_otel.delivery.queue import RecordQueue

#: Seconds that a processor's own flush and shutdown may take when the caller does not say.
DEFAULT_TIMEOUT = 5.0
#: What takes the place of every record's context.
_NO_CONTEXT = Context()


class PipelineSpanProcessor(SpanProcessor):
    """Hands sampled spans to the pipeline when they end.

    Args:
        pipeline: What flushes.
        queues: Of each destination.
        edit: Makes a span fit to leave, without changing it; ``None`` from it withholds the span.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        queues: Sequence[RecordQueue],
        edit: Callable[[ReadableSpan], ReadableSpan | None] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._queues = tuple(queues)
        self._edit = edit
        if len(self._queues) == 1 and edit is None:  # one destination, the usual case
            quick = _compat.span_intake(
                self._queues[0].append,
                base=RECORD_BYTES,
                per_attribute=ATTRIBUTE_BYTES + VALUE_BYTES,
                large=LARGE,
                flat=FLAT,
                weigh=value_bytes,
                otherwise=self.on_end,
            )
            vars(self)["on_end"] = quick

    def on_end(self, span: ReadableSpan) -> None:
        """Queue ``span`` for every destination, if it is sampled."""
        try:
            context = span.context
            if context is not None and context.trace_flags.sampled:
                fit = span if self._edit is None else self._edit(span)
                if fit is None:
                    return
                size = span_bytes(fit)
                for queue in self._queues:
                    queue.append(fit, size)
        except Exception as error:
            errors.report_internal("the end of a span", error)

    def shutdown(self) -> None:
        """Deliver what is there; the pipeline itself ends with its owner."""
        self.force_flush()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Deliver everything, all signals; whether all of it arrived."""
        return _flush(self._pipeline, timeout_millis)


class PipelineLogRecordProcessor(LogRecordProcessor):
    """Hands log records to the pipeline.

    Args:
        pipeline: What flushes.
        queues: Of each destination.
        edit: Makes a record fit to leave; it is given a copy of its own, whose body and
            attributes are shared. ``None`` from it withholds the record.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        queues: Sequence[RecordQueue],
        edit: Callable[[ReadableLogRecord], ReadableLogRecord | None] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._queues = tuple(queues)
        self._edit = edit

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue the record for every destination, without the context it was made in.

        The context may be large, and what is needed of it is in the record's ids.
        """
        try:
            if not self._queues:
                return
            readable = _readable(log_record)
            if self._edit is not None:
                fit = self._edit(readable)
                if fit is None:
                    return
                readable = fit
            size = record_bytes(readable.log_record)
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


def _readable(log_record: ReadWriteLogRecord) -> ReadableLogRecord:
    """The record as exporters get it: a copy that shares everything but the context.

    Other processors still want that. Both copies are made by filling the new object's ``__dict__``
    in one step: ``copy.copy()`` and the constructor of a frozen dataclass took two thirds of what
    ``on_emit`` cost.
    """
    record = log_record.log_record
    try:
        duplicate = object.__new__(type(record))
        fields = vars(duplicate)
        fields.update(vars(record))
        fields["context"] = _NO_CONTEXT
    except TypeError:  # a class of somebody's own, with slots
        duplicate = copy.copy(record)
        duplicate.context = _NO_CONTEXT
    readable = object.__new__(ReadableLogRecord)
    fields = vars(readable)
    fields["log_record"] = duplicate
    fields["resource"] = log_record.resource or Resource.get_empty()
    fields["instrumentation_scope"] = log_record.instrumentation_scope
    fields["limits"] = log_record.limits
    return readable
