"""A log record of the SDK as the bytes of an OTLP ``LogRecord``.

https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
"""

from __future__ import annotations

import struct
from operator import getitem
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.attributes import BoundedAttributes

from pepperpy_otel.delivery.otlp.memo import AttributeTable, TextTable
from pepperpy_otel.delivery.otlp.numbers import MAX_UINT32, CountField, nanoseconds, whole
from pepperpy_otel.delivery.otlp.values import any_value
from pepperpy_otel.delivery.otlp.wire import varint

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

#: By identity: the hash of an enum's member is Python code, and members live for ever.
_SEVERITIES = {id(number): number.value for number in SeverityNumber} | {id(None): 0}

#: What stands before a body of so many ASCII characters.
_SHORT_BODIES = tuple(
    b"\x2a%b\x0a%b" % (varint(size + 1 + len(varint(size))), varint(size)) for size in range(512)
)
_SHORT = len(_SHORT_BODIES)

_LOW = (1 << 64) - 1
_pack_numbers = struct.Struct("<BQBQBBBI").pack
_pack_ids = struct.Struct(">HQQHQ").pack
_pack_trace_id = struct.Struct(">HQQ").pack
_pack_span_id = struct.Struct(">HQ").pack


class LogEncoder:
    """Encodes one record after the other; what it has seen makes the next one cheaper."""

    def __init__(self) -> None:
        self._texts = TextTable(3, 64)
        self._event_names = TextTable(12)
        self._attributes = AttributeTable(6)
        self._dropped = CountField(7)

    def encode(self, item: ReadableLogRecord) -> bytes:
        """The ``LogRecord`` message.

        Raises:
            Exception: It lacks something that a record has.
        """
        record = item.log_record
        made, observed, flags = record.timestamp, record.observed_timestamp, record.trace_flags
        severity, text, name = record.severity_number, record.severity_text, record.event_name
        trace_id, span_id, body = record.trace_id, record.span_id, record.body
        try:
            numbers = _pack_numbers(
                0x09, made, 0x59, observed, 0x10, _SEVERITIES[id(severity)], 0x45, flags
            )
            ids = _pack_ids(0x4A10, trace_id >> 64, trace_id & _LOW, 0x5208, span_id)
        except (KeyError, TypeError, struct.error):
            numbers = _careful_numbers(made, observed, severity, flags)
            ids = _careful_ids(trace_id, span_id)
        parts = [
            numbers,
            ids if trace_id and span_id else _careful_ids(trace_id, span_id),
            self._texts[text] if type(text) is str else self._texts.of(text),
        ]
        if type(body) is str and len(body) < _SHORT and body.isascii():
            parts += (_SHORT_BODIES[len(body)], body.encode())
        else:
            data = any_value(body)
            parts += (b"\x2a", varint(len(data)), data)
        attributes = record.attributes
        if type(attributes) is BoundedAttributes:
            dropped, attributes = attributes.dropped, attributes.copy()
            try:  # clean_fields(), without the call
                fields = map(
                    getitem, map(self._attributes.__getitem__, attributes), attributes.values()
                )
                parts += list(fields)
            except Exception:
                parts += self._attributes.fields(attributes)
        else:
            dropped = item.dropped_attributes
            parts += self._attributes.fields(attributes)
        if name is not None:
            parts.append(self._event_names.of(name))
        if dropped:
            parts.append(self._dropped.of(dropped))
        return b"".join(parts)


def _careful_numbers(made: Any, observed: Any, severity: Any, flags: Any) -> bytes:
    """Times, severity and flags where one of them is none that OTLP knows."""
    number = _SEVERITIES.get(id(severity))
    if number is None:  # none, or a number that is no member
        number = whole(severity, 24)
    made, observed, flags = nanoseconds(made), nanoseconds(observed), whole(flags, MAX_UINT32)
    return _pack_numbers(0x09, made, 0x59, observed, 0x10, number, 0x45, flags)


def _careful_ids(trace_id: Any, span_id: Any) -> bytes:
    """``trace_id`` and ``span_id``, each if there is one.

    Ids that do not fit are left out: the record is worth more than its trace.
    """
    try:
        if trace_id and span_id:
            return _pack_ids(0x4A10, trace_id >> 64, trace_id & _LOW, 0x5208, span_id)
        if trace_id:
            return _pack_trace_id(0x4A10, trace_id >> 64, trace_id & _LOW)
        return _pack_span_id(0x5208, span_id) if span_id else b""
    except (struct.error, TypeError):
        return b""
