"""Numbers as OTLP can carry them: times and counts never cost the item that they belong to."""

from __future__ import annotations

from typing import Any

from pepperpy_otel.delivery.otlp.wire import VARINT, tag, varint

MAX_UINT32 = (1 << 32) - 1
MAX_UINT64 = (1 << 64) - 1


def whole(value: Any, most: int) -> int:
    """A whole number from 0 to ``most``; 0, which stands for unknown, for what is no number."""
    try:
        return min(max(int(value), 0), most)
    except Exception:  # None, NaN, an object with a will of its own
        return 0


def nanoseconds(value: Any) -> int:
    """A time since the epoch as a ``fixed64``: ``None`` is 0, and a float is a whole number."""
    return whole(value, MAX_UINT64)


class CountField:
    """A ``uint32`` field of a message, left out for 0."""

    def __init__(self, field: int) -> None:
        self._tag = tag(field, VARINT)

    def of(self, value: Any) -> bytes:
        """The field's bytes."""
        number = whole(value, MAX_UINT32)
        return self._tag + varint(number) if number else b""
