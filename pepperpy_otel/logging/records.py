"""What a ``logging.LogRecord`` holds, read without trusting it.

Anything can make a record (``logging.makeLogRecord``, a factory, a socket), so neither its
attributes nor its message are sure to be what the documentation says.
"""

from __future__ import annotations

import logging
from typing import Any

from pepperpy_otel.logging.values import bounded, safe_text

#: The attributes that every record has by itself; what else there is came with ``extra=``.
STANDARD = frozenset(
    {
        *vars(logging.LogRecord("", 0, "", 0, "", (), None)),
        *("asctime", "message", "taskName", "getMessage"),
    }
)


def extras(record: logging.LogRecord) -> dict[Any, Any]:
    """What the app added to the record, in the order in which it did."""
    fields = vars(record)
    added = fields.keys() - STANDARD
    return {key: value for key, value in fields.copy().items() if key in added} if added else {}


def message_of(record: logging.LogRecord) -> str:
    """The formatted message; of a bad format string the string itself and its arguments."""
    try:
        return safe_text(record.getMessage())
    except Exception:
        arguments = bounded(safe_text(record.args))
        text = safe_text(record.msg)
        return text if arguments in ("()", "None") else f"{text} {arguments}"


def nanoseconds_of(record: logging.LogRecord) -> int | None:
    """When it was made, in nanoseconds since 1970, or ``None`` if that makes no sense."""
    try:
        return int(record.created * 1e9)
    except (TypeError, ValueError, OverflowError):
        return None


def is_at_least(record: logging.LogRecord, level: int) -> bool:
    """Whether the record has this level or a higher one; one without a number has none."""
    return isinstance(record.levelno, int) and record.levelno >= level


def own_exc_info(record: logging.LogRecord) -> tuple[Any, Any, Any]:
    """The record's exception as ``(type, value, traceback)``; three times ``None`` without one."""
    info: Any = record.exc_info
    kind = type(info)  # what an object says of its own class is not to be trusted
    if issubclass(kind, BaseException):
        return kind, info, info.__traceback__
    if kind is not tuple or len(info) != 3 or not issubclass(type(info[0]), type):
        return None, None, None
    error = info[1] if issubclass(type(info[1]), BaseException) else None
    return info[0], error, info[2]
