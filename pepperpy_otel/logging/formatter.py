"""One record, one line: JSON for machines, text for people; both with the ids of the trace.

Any logging set-up of the app can use them (``"()": "pepperpy_otel.logging.JsonFormatter"`` in a
``dictConfig``); ``console_logs`` does by itself.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

from pepperpy_otel import _current
from pepperpy_otel.correlation.current import correlation_id
from pepperpy_otel.errors import report_internal
from pepperpy_otel.logging.attributes import stacktrace
from pepperpy_otel.logging.plain import free_name, plain
from pepperpy_otel.logging.records import extras, message_of, own_exc_info
from pepperpy_otel.logging.values import (
    MAX_TEXT,
    bounded,
    bounded_tail,
    class_name,
    safe_text,
)
from pepperpy_otel.redaction import active as redaction

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Names of the line that are ours, also where a record has none: ``exception`` is always an object.
RESERVED = frozenset(
    {
        *("timestamp", "level", "logger", "message", "trace_id", "span_id", "service"),
        *("correlation_id", "exception", "stack_info"),
    }
)
#: Where a format string of the app names what the line has already under another name.
_SAME = frozenset({"asctime", "levelname", "name", "message", "msg", "exc_info", "exc_text"})

#: Everything that ends a line somewhere, or makes a terminal do something; tabs may stay.
_CONTROL = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
    if code != 0x09
} | {0x0A: "\\n", 0x0D: "\\r"}


#: What turns the direction of the text behind it, so that a line reads as another one
#: (https://trojansource.codes), and what is not there to the eye.
_DIRECTION = {
    code: f"\\u{code:04x}"
    for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
}
_CONTROL |= _DIRECTION
#: In a line of JSON without ``ensure_ascii``: an escape of JSON for each of these.
_IN_JSON = _DIRECTION | {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}


class JsonFormatter(BaseJsonFormatter):
    """A record as one line of JSON.

    ``timestamp`` (ISO 8601 with offset), ``level``, ``logger``, ``message``, ``trace_id`` and
    ``span_id`` (``null`` outside of a span), ``service``; ``correlation_id``, ``exception``
    (``type``, ``message``, ``stacktrace``) and ``stack_info`` where there is one; then what the
    app gave as ``extra=``, or logged as a dict in place of a message. A name that is taken gets
    the suffix ``_``. Never raises, whatever the values; each field is at most 64 Ki characters.

    Args:
        fmt: As for python-json-logger: further attributes of the record to show
            (``"%(process)d %(funcName)s"``).
        datefmt: Not used; here for ``dictConfig`` and ``fileConfig``.
        style: Of ``fmt``.
        validate: Whether ``fmt`` is checked.
        service_name: For ``service``; by default the ``service.name`` that configure() was given.
        **options: Of python-json-logger's formatter: ``json_ensure_ascii``, ``json_indent``,
            ``prefix``, ``rename_fields``, ``static_fields``.
    """

    def __init__(
        self,
        fmt: str | Sequence[str] | None = None,
        datefmt: str | None = None,
        style: str = "%",
        validate: bool = True,
        *,
        service_name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(fmt, datefmt, style, validate, **options)
        self._service_name = service_name
        asked = () if fmt is None else fmt if not isinstance(fmt, str) else self.parse()
        self._asked = [name for name in asked if name not in _SAME]

    def format(self, record: logging.LogRecord) -> str:
        """The line; without a newline at the end, and with none in it."""
        try:
            line = self._line(record)
            if self.rename_fields:
                line = {self.rename_fields.get(name, name): value for name, value in line.items()}
            return _shown(str(self.serialize_log_record(line)))
        except Exception as error:
            report_internal("JsonFormatter", error)
            return _shown(str(self.serialize_log_record(_emergency(record))))

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        trace_id, span_id = _ids()
        line: dict[str, Any] = {
            "timestamp": _time(record).isoformat(timespec="microseconds"),
            "level": _short(record.levelname),
            "logger": _short(record.name),
            "message": bounded(redaction.text(message_of(record))),
            "trace_id": trace_id,
            "span_id": span_id,
            "service": self._service(),
        }
        if (found := correlation_id()) is not None:
            line["correlation_id"] = redaction.text(found)
        if (exception := _exception(record)) is not None:
            line["exception"] = exception
        if record.stack_info:
            line["stack_info"] = bounded_tail(redaction.text(safe_text(record.stack_info)))
        self._add(line, record)
        return line

    def _add(self, line: dict[str, Any], record: logging.LogRecord) -> None:
        fields = {name: vars(record).get(name) for name in self._asked}
        fields |= self.static_fields
        if isinstance(record.msg, dict):
            fields |= record.msg
        fields = dict(redaction.fields(fields | extras(record)))
        clashing: list[tuple[str, Any]] = []
        for key, value in fields.items():
            name = bounded(safe_text(key), 256)
            if name in RESERVED or name in line:
                clashing.append((name, value))
            else:
                line[name] = plain(value)
        for name, value in clashing:
            line[free_name(name, line.keys() | RESERVED)] = plain(value)

    def _service(self) -> str | None:
        if self._service_name is not None:
            return self._service_name
        telemetry = _current.get()
        name = None if telemetry is None else telemetry.resource.attributes.get("service.name")
        return None if name is None else _short(name)


class TextFormatter(logging.Formatter):
    """A record as one line of text: local time, level, logger, message, extras, exception, ids.

    Control characters are escaped, so that what a stranger sent neither starts a new line nor
    speaks to the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line; never raises."""
        try:
            return self._line(record).translate(_CONTROL)
        except Exception as error:
            report_internal("TextFormatter", error)
            return redaction.text(message_of(record)).translate(_CONTROL)

    def _line(self, record: logging.LogRecord) -> str:
        when = _time(record).astimezone().isoformat(timespec="milliseconds")
        level = _short(record.levelname)
        message = bounded(redaction.text(message_of(record)))
        fields = redaction.fields(extras(record))
        parts = [f"{when} {level:<8} {_short(record.name)}: {message}"]
        parts += [f"{_short(key)}={_value(value)}" for key, value in fields.items()]
        if (exception := _exception(record)) is not None:
            parts.append(f"exception={exception['type']}: {exception['message']}")
        trace_id, span_id = _ids()
        if trace_id is not None:
            parts.append(f"trace_id={trace_id} span_id={span_id}")
        if (found := correlation_id()) is not None:
            parts.append(f"correlation_id={redaction.text(found)}")
        return " ".join(parts)


def _shown(line: str) -> str:
    return line if line.isascii() and line.isprintable() else line.translate(_IN_JSON)


def _value(value: Any) -> str:
    return bounded(safe_text(plain(value)), 1024)


def _short(value: Any) -> str:
    return bounded(redaction.text(safe_text(value)), 1024)


def _ids() -> tuple[str | None, str | None]:
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return None, None
    return format_trace_id(span.trace_id), format_span_id(span.span_id)


def _time(record: logging.LogRecord) -> datetime:
    try:
        return datetime.fromtimestamp(record.created, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):  # a record that somebody made by hand
        return datetime.fromtimestamp(time.time(), timezone.utc)


def _exception(record: logging.LogRecord) -> dict[str, str] | None:
    kind, error, trace = own_exc_info(record)
    if kind is None:
        return None
    return {
        "type": class_name(kind),
        "message": bounded(redaction.text(safe_text(error))),
        "stacktrace": bounded_tail(redaction.text(stacktrace(kind, error, trace)), MAX_TEXT),
    }


def _emergency(record: logging.LogRecord) -> dict[str, Any]:
    """What can be said of a record that could not be read."""
    return {
        "timestamp": datetime.fromtimestamp(time.time(), timezone.utc).isoformat(),
        "level": safe_text(vars(record).get("levelname")),
        "logger": redaction.text(safe_text(vars(record).get("name"))),
        "message": redaction.text(safe_text(vars(record).get("msg"))),
        "trace_id": None,
        "span_id": None,
        "service": None,
    }
