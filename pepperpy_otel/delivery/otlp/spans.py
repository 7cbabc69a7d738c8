"""A span of the SDK as the bytes of an OTLP ``Span``.

Any subclass or look-alike of ``ReadableSpan`` will do: its public properties are read. Those of the
SDK's own finished spans are slow, so that these alone are looked into (``_compat``).

Upstream's encoder leaves out the W3C trace flags and the trace state of links; the specification
has both: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan as SdkSpan
from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, SpanKind, StatusCode

from pepperpy_otel import _compat
from pepperpy_otel.delivery.otlp.memo import AttributeTable, TextTable
from pepperpy_otel.delivery.otlp.numbers import CountField, nanoseconds
from pepperpy_otel.delivery.otlp.values import text_of
from pepperpy_otel.delivery.otlp.wire import delimited, varint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import ReadableSpan

#: ``SpanFlags``: the W3C bits; that we know where the context is from; that it is from elsewhere.
TRACE_FLAGS, HAS_IS_REMOTE, IS_REMOTE = 0xFF, 0x100, 0x200

#: By identity: the hash of an enum's member is Python code, and members live for ever.
_KINDS = {id(kind): kind.value + 1 for kind in SpanKind}
_UNSET = StatusCode.UNSET
_STATUS_CODES = {id(code): b"\x18%c" % code.value for code in StatusCode}
_NO_STATUS = delimited(b"\x7a", b"")

#: Events and links of other classes need not have it.
_DROPPED = "dropped_attributes"

_LOW = (1 << 64) - 1
_pack_ids = struct.Struct(">HQQHQ").pack
_pack_parent = struct.Struct(">HQ").pack
_pack_numbers = struct.Struct("<BBBQBQHI").pack
_pack_time = struct.Struct("<BQ").pack
_pack_flags = struct.Struct("<BI").pack


class SpanEncoder:
    """Encodes one span after the other; what it has seen makes the next one cheaper."""

    def __init__(self) -> None:
        self._names = TextTable(5)
        self._attributes = AttributeTable(9)
        self._event_names = TextTable(2, 256)
        self._event_attributes = AttributeTable(3, 512)
        self._link_attributes = AttributeTable(4, 512)
        self._trace_states = TextTable(3, 64)
        self._messages = TextTable(2, 64)
        self._attributes_dropped = CountField(10)
        self._events_dropped = CountField(12)
        self._links_dropped = CountField(14)
        self._event_dropped = CountField(4)
        self._link_dropped = CountField(5)

    def encode(self, span: ReadableSpan) -> bytes:  # noqa: C901 (a call is 3 % of the whole)
        """The ``Span`` message.

        Raises:
            Exception: It has no context, or one without usable ids.
        """
        (
            context,
            parent,
            name,
            kind,
            start,
            end,
            attributes,
            events,
            links,
            status,
            attributes_dropped,
            events_dropped,
            links_dropped,
        ) = _contents(span)
        if type(context) is SpanContext:  # a tuple, which is quicker to take apart than to ask
            trace_id, span_id, _, flags, state, _ = context
        else:
            trace_id, span_id, flags, state = _context(context)
        span_flags: int = flags & TRACE_FLAGS | HAS_IS_REMOTE
        if parent is not None and parent.is_remote:
            span_flags |= IS_REMOTE
        try:
            numbers = _pack_numbers(
                0x30, _KINDS[id(kind)], 0x39, start, 0x41, end, 0x0185, span_flags
            )
        except (KeyError, struct.error):
            numbers = _careful_numbers(kind, start, end, span_flags)
        parts = [
            _pack_ids(0x0A10, trace_id >> 64, trace_id & _LOW, 0x1208, span_id),
            self._names[name] if type(name) is str else self._names.of(name),
            numbers,
        ]
        if type(attributes) is not dict:
            parts += self._attributes.fields(attributes)
        elif attributes:
            parts += self._attributes.clean_fields(attributes)
        parts.append(self._status(status))
        if parent is not None and parent.span_id:
            parts.append(_pack_parent(0x2208, parent.span_id))
        if state is not DEFAULT_TRACE_STATE and state:
            parts.append(self._trace_state(state))
        if events:
            parts += self._events(events)
        if links:
            parts += self._links(links)
        if attributes_dropped or events_dropped or links_dropped:
            parts.append(self._attributes_dropped.of(attributes_dropped))
            parts.append(self._events_dropped.of(events_dropped))
            parts.append(self._links_dropped.of(links_dropped))
        return b"".join(parts)

    def _status(self, status: Any) -> bytes:
        if status is None:
            return b""
        code, message = status.status_code, status.description
        if code is _UNSET and not message:
            return _NO_STATUS
        return delimited(b"\x7a", self._messages.of(message) + _STATUS_CODES.get(id(code), b""))

    def _trace_state(self, state: Any) -> bytes:
        members = ",".join([f"{text_of(key)}={text_of(value)}" for key, value in state.items()])
        return self._trace_states[members]

    def _events(self, events: Iterable[Any]) -> list[bytes]:
        parts: list[bytes] = []
        for event in events:
            name, time, dropped = event.name, event.timestamp, getattr(event, _DROPPED, 0)
            try:
                start = _pack_time(0x09, time)
            except struct.error:
                start = _pack_time(0x09, nanoseconds(time))
            fields = [
                start,
                self._event_names[name] if type(name) is str else self._event_names.of(name),
            ]
            fields += self._event_attributes.fields(event.attributes)
            if dropped:
                fields.append(self._event_dropped.of(dropped))
            body = b"".join(fields)
            parts += (b"\x5a", varint(len(body)), body)
        return parts

    def _links(self, links: Iterable[Any]) -> list[bytes]:
        parts: list[bytes] = []
        for link in links:
            context, dropped = link.context, getattr(link, _DROPPED, 0)
            trace_id, span_id, flags, state = _context(context)
            flags = flags & TRACE_FLAGS | HAS_IS_REMOTE
            if context.is_remote:
                flags |= IS_REMOTE
            fields = [_pack_ids(0x0A10, trace_id >> 64, trace_id & _LOW, 0x1208, span_id)]
            if state is not DEFAULT_TRACE_STATE and state:
                fields.append(self._trace_state(state))
            fields += self._link_attributes.fields(link.attributes)
            if dropped:
                fields.append(self._link_dropped.of(dropped))
            fields.append(_pack_flags(0x35, flags))
            body = b"".join(fields)
            parts += (b"\x6a", varint(len(body)), body)
        return parts


def _contents(span: ReadableSpan) -> tuple[Any, ...]:
    """See ``_compat.span_contents``, which is for the SDK's own, finished spans.

    Attributes that are a plain dictionary have been through the SDK; others come wrapped.
    """
    if type(span) is SdkSpan:
        try:
            return _compat.span_contents(span)
        except AttributeError:  # it was put together by hand
            pass
    attributes = span.attributes
    return (
        span.context,
        span.parent,
        span.name,
        span.kind,
        span.start_time,
        span.end_time,
        MappingProxyType(attributes) if type(attributes) is dict else attributes,
        span.events,
        span.links,
        span.status,
        span.dropped_attributes,
        span.dropped_events,
        span.dropped_links,
    )


def _context(context: Any) -> tuple[int, int, Any, Any]:
    """Ids, flags and trace state of a context that need not be the API's."""
    return context.trace_id, context.span_id, context.trace_flags, context.trace_state


def _careful_numbers(kind: Any, start: Any, end: Any, flags: int) -> bytes:
    """Kind, times and flags where one of them is none that OTLP knows."""
    start, end = nanoseconds(start), nanoseconds(end)
    return _pack_numbers(0x30, _KINDS.get(id(kind), 0), 0x39, start, 0x41, end, 0x0185, flags)
