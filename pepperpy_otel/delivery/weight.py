"""How many bytes a span or a log record holds in memory, roughly.

Rough on purpose: it is found out inside the app's ``end()`` and ``emit()``, and counting exactly
would cost more than appending. What is looked at is of built-in types only, so that no code of the
app runs; what is large is counted to the byte, so that a queue's bound holds for hostile values.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk.trace import ReadableSpan

#: Bytes of a span or record without its contents, of an attribute without its value, and of a
#: value of fixed size.
RECORD_BYTES = 1024
ATTRIBUTE_BYTES = 96
VALUE_BYTES = 32
#: Types whose values are all of that size.
FLAT: frozenset[type] = frozenset((int, float, bool, type(None)))
#: What was estimated to be larger is counted to the byte: characters may take four.
LARGE = 16 * 1024
#: Levels of nesting that are looked into: as deep as values may be nested.
MAX_DEPTH = 32


def span_bytes(span: ReadableSpan) -> int:
    """Estimated bytes that ``span`` holds in memory."""
    size = RECORD_BYTES + len(span.name) + attribute_bytes(span.attributes)
    for event in span.events:
        size += RECORD_BYTES + len(event.name) + attribute_bytes(event.attributes)
    for link in span.links:
        size += RECORD_BYTES + attribute_bytes(link.attributes)
    return size


def record_bytes(record: LogRecord) -> int:
    """Estimated bytes that ``record`` holds in memory."""
    body: Any = record.body
    plain = type(body) is str and len(body) < LARGE
    size = RECORD_BYTES + (len(body) if plain else value_bytes(body))
    return size + attribute_bytes(record.attributes)


def attribute_bytes(attributes: Mapping[str, Any] | None) -> int:
    """Estimated bytes of attributes."""
    if not attributes:
        return 0
    try:
        values = attributes.copy().values()  # type: ignore[attr-defined]
    except AttributeError:  # the SDK's have copy(), which is a quarter of the price of iterating
        values = attributes.values()
    size = (ATTRIBUTE_BYTES + VALUE_BYTES) * len(values)
    for value in values:
        if type(value) is str:
            size += len(value)
        elif type(value) not in FLAT:
            size += value_bytes(value)
    return size if size < LARGE else ATTRIBUTE_BYTES * len(values) + sum(map(value_bytes, values))


def value_bytes(value: Any, depth: int = 0) -> int:
    """Estimated bytes of a value; only built-in types are looked into, and only so deep."""
    kind = type(value)
    if kind is str or kind is bytes:
        return getsizeof(value)
    if depth < MAX_DEPTH:
        if kind is tuple or kind is list:
            return _members_bytes(value, depth + 1)
        if kind is dict:
            keys = _members_bytes(value.keys(), depth + 1)
            return getsizeof(value) + keys + _members_bytes(value.values(), depth + 1)
    return getsizeof(value) if kind is int else VALUE_BYTES


def _members_bytes(members: Any, depth: int) -> int:
    size = getsizeof(members)
    for member in members:
        kind = type(member)
        if kind is str or kind is bytes:
            size += getsizeof(member)
        else:
            size += VALUE_BYTES if kind is float else value_bytes(member, depth)
    return size
