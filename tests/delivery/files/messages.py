"""Any OTLP message, for hypothesis: every field of every message, by the protobuf descriptors."""

from __future__ import annotations

from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as F
from hypothesis import strategies as st

from pepperpy_otel.delivery.files.fields import IDS, fields_of, message_class

SIGNALS = ("traces", "metrics", "logs")
#: How deep messages are nested; protobuf itself refuses beyond 100.
DEPTH = 11
_RANGES = {
    F.TYPE_INT64: (-(2**63), 2**63 - 1),
    F.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    F.TYPE_SINT64: (-(2**63), 2**63 - 1),
    F.TYPE_UINT64: (0, 2**64 - 1),
    F.TYPE_FIXED64: (0, 2**64 - 1),
    F.TYPE_INT32: (-(2**31), 2**31 - 1),
    F.TYPE_SINT32: (-(2**31), 2**31 - 1),
    F.TYPE_UINT32: (0, 2**32 - 1),
    F.TYPE_FIXED32: (0, 2**32 - 1),
    F.TYPE_ENUM: (0, 5),
}
_FLOATS = (0.0, -0.0, 1.5, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"))
_TEXTS = ("", "a", "größe", '\u2028\x00\n"\\', "\U0001f600" * 3)


def requests(signal: str) -> st.SearchStrategy[Any]:
    """Top-level messages; a seed stands for each, since drawing every field takes seconds."""
    return st.integers(0, 2**64).map(lambda seed: make_request(signal, seed))


def make_request(signal: Any, seed: int) -> Any:
    """The message that a number stands for."""
    random = Random(seed)
    message = message_class(signal)()
    (top,) = fields_of(message.DESCRIPTOR)
    _fill(random, getattr(message, top.name).add(), 0)
    return message


def _fill(random: Random, message: Any, depth: int) -> None:
    pairs = list(zip(fields_of(message.DESCRIPTOR), message.DESCRIPTOR.fields, strict=True))
    random.shuffle(pairs)  # of those that exclude each other the last one stays
    for known, field in pairs:
        if depth > DEPTH and known.message is not None:
            continue
        for _ in range(random.choice((0, 1, 1, 2) if known.repeated else (0, 1, 1))):
            held = getattr(message, known.name)
            if known.message is not None:
                inner = held.add() if known.repeated else held
                inner.SetInParent()
                _fill(random, inner, depth + 1)
            elif known.repeated:
                held.append(_scalar(random, field))
            else:
                setattr(message, known.name, _scalar(random, field))


def _scalar(random: Random, field: Any) -> Any:
    if field.type in _RANGES:
        low, high = _RANGES[field.type]
        return random.choice((low, high, 0, 1, random.randint(low, high)))
    if field.type == F.TYPE_BOOL:
        return random.random() < 0.5
    if field.type == F.TYPE_DOUBLE:
        return random.choice((*_FLOATS, random.random()))
    if field.type == F.TYPE_STRING:
        return random.choice(_TEXTS)
    return random.randbytes(random.choice((0, 1, 8, 16) if field.name in IDS else (0, 1, 2, 3)))
