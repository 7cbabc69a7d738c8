"""A batch of spans or records as one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pepperpy_otel.delivery.otlp.groups import Groups, Headers
from pepperpy_otel.delivery.otlp.logs import LogEncoder
from pepperpy_otel.delivery.otlp.spans import SpanEncoder
from pepperpy_otel.delivery.otlp.wire import SMALL, VARINTS, varint

if TYPE_CHECKING:
    from collections.abc import Iterable


#: What stands before a span in ``ScopeSpans`` and a record in ``ScopeLogs``, by its size.
_STARTS = tuple(b"\x12" + size for size in VARINTS)


class Request(NamedTuple):
    """The request's bytes, how many items are in it, how many could not be, and why the first."""

    body: bytes
    items: int
    left_out: int
    error: Exception | None


class RequestEncoder:
    """Encodes batches of one signal, ``"traces"`` or ``"logs"``."""

    def __init__(self, signal: str) -> None:
        self._encode: Any = (SpanEncoder() if signal == "traces" else LogEncoder()).encode
        self._headers = Headers()

    def encode(self, items: Iterable[Any]) -> Request:
        """One request; an item that cannot be encoded does not cost the others."""
        encode = self._encode
        groups = Groups(self._headers)
        group: list[bytes] = []
        resource = scope = groups  # nobody's
        done = left_out = 0
        first: Exception | None = None
        for item in items:
            try:
                body = encode(item)
                if item.resource is not resource or item.instrumentation_scope is not scope:
                    resource, scope = item.resource, item.instrumentation_scope
                    group = groups.of(resource, scope)
            except Exception as error:
                resource = scope = groups
                first = error if first is None else first
                left_out += 1
                continue
            size = len(body)
            group += (_STARTS[size] if size < SMALL else b"\x12" + varint(size), body)
            done += 1
        return Request(groups.body(), done, left_out, first)
