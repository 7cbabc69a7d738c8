"""What the aggregator keeps of one thing that was logged."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_trace_id, get_current_span

from pepperpy_otel.logging.plain import plain
from pepperpy_otel.logging.records import extras, is_at_least, message_of, own_exc_info
from pepperpy_otel.logging.values import bounded, safe_text, type_name
from pepperpy_otel.redaction import active as redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

#: Characters that are kept of an event's name and of its message.
MAX_NAME = 256
MAX_MESSAGE = 2048
#: Characters that are kept of all its fields together.
MAX_FIELDS = 8192


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was logged, as the aggregator keeps it.

    Attributes:
        level: The level's name.
        is_error: Whether the level is ERROR or above.
        logger: Who logged it.
        event: What happened; what is counted together has the same one.
        message: With the details of this very time.
        fields: Its values, made of plain JSON types.
        error: Type and message of the exception, if there was one.
        trace_id: Of the span in which it was logged, 32 hexadecimal digits.
        size: Bytes that it takes in memory, nearly.
        origin: Module and function that raised the exception.
    """

    level: str
    is_error: bool
    logger: str
    event: str
    message: str
    fields: dict[str, Any]
    error: str | None
    trace_id: str | None
    size: int
    origin: str | None = None


def make_event(
    *,
    level: str,
    is_error: bool,
    logger: str,
    event: str,
    message: str,
    fields: Mapping[Any, Any],
    error: BaseException | None = None,
    context: Context | None = None,
) -> Event:
    """Make an event of bounded size; never raises for any field."""
    span = get_current_span(context).get_span_context()
    return restored_event(
        level=level,
        is_error=is_error,
        logger=logger,
        event=event,
        message=message,
        fields=fields,
        error=None if error is None else f"{type_name(error)}: {safe_text(error)}",
        trace_id=format_trace_id(span.trace_id) if span.is_valid else None,
        origin=None if error is None else _origin(error),
    )


def restored_event(
    *,
    level: str,
    is_error: bool,
    logger: str,
    event: str,
    message: str,
    fields: Mapping[Any, Any],
    error: str | None,
    trace_id: str | None,
    origin: str | None = None,
) -> Event:
    """Make an event of bounded size from its parts, as they come out of a backup."""
    texts = [
        bounded(level, MAX_NAME),
        bounded(redaction.text(logger), MAX_NAME),
        bounded(redaction.text(event), MAX_NAME),
        bounded(redaction.text(message), MAX_MESSAGE),
    ]
    kept = plain(redaction.fields(fields), MAX_FIELDS) if fields else {}
    raised = None if error is None else bounded(redaction.text(error), MAX_MESSAGE)
    size = sum(map(_size, (*texts, kept, raised, trace_id, origin))) + _OVERHEAD
    level, logger, event, message = texts
    return Event(level, is_error, logger, event, message, kept, raised, trace_id, size, origin)


def event_of(record: logging.LogRecord, context: Context | None = None) -> Event:
    """The event of a record of the standard library.

    What is counted together is the message before its arguments went in: ``user %s logged in`` is
    one event, whoever it was.
    """
    fields = extras(record)
    named = fields.pop("otel.event.name", None)
    return make_event(
        level=safe_text(record.levelname),
        is_error=is_at_least(record, logging.ERROR),
        logger=safe_text(record.name),
        event=safe_text(record.msg if named is None else named),
        message=message_of(record),
        fields=fields,
        error=own_exc_info(record)[1],
        context=context,
    )


def _origin(error: BaseException) -> str | None:
    """Module and function of the frame in which it was raised."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    module = safe_text(frame.f_globals.get("__name__", ""))
    return bounded(f"{module}.{frame.f_code.co_name}", MAX_NAME)


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(_size(k) + _size(v) for k, v in value.items())
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(map(_size, value))
    return sys.getsizeof(value)


#: The event object itself, the tuple with its time, and its place in the queue.
_OVERHEAD = 240
