"""From the bytes of an OTLP request to one line of JSON."""

from __future__ import annotations

import functools
import json
import math
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.files.fields import Field, fields_of, message_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.delivery.counts import Signal

    Convert = Callable[[Any], Any]

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False
).encode


def line_of(signal: Signal, body: bytes) -> bytes:
    """The OTLP JSON line of one request.

    Args:
        signal: Which signal's request it is.
        body: An export request in the protobuf encoding, not compressed.

    Returns:
        UTF-8 with a newline at the end, and none in between.

    Raises:
        google.protobuf.message.DecodeError: ``body`` is no such request, or it is nested more
            deeply than protobuf reads (100 messages).
    """
    message = message_class(signal).FromString(body)
    return _encode(_object(message, _plan(message.DESCRIPTOR))).encode() + b"\n"


def _object(message: Any, plan: Mapping[int, tuple[str, Convert | None]]) -> dict[str, Any]:
    found = {}
    for field, value in message.ListFields():  # those that are set, as the specification has it
        name, convert = plan[field.number]
        found[name] = value if convert is None else convert(value)
    return found


@functools.cache
def _plan(descriptor: Any) -> Mapping[int, tuple[str, Convert | None]]:
    return {field.number: (field.json_name, _converter(field)) for field in fields_of(descriptor)}


def _converter(field: Field) -> Convert | None:
    """What turns the field's value into JSON; ``None`` where it is JSON already."""
    if field.kind == "message":
        # The plan of the inner message is looked up late: messages contain their own kind.
        one: Convert | None = functools.partial(_message, field.message)
    else:
        one = _SCALARS.get(field.kind)
    if not field.repeated:
        return one
    return list if one is None else functools.partial(_list, one)


def _message(descriptor: Any, message: Any) -> dict[str, Any]:
    return _object(message, _plan(descriptor))


def _list(convert: Convert, values: Any) -> list[Any]:
    return [convert(value) for value in values]


def _float(value: float) -> float | str:
    """JSON has no other numbers than finite ones."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


_SCALARS: dict[str, Convert] = {
    "int64": str,
    "float": _float,
    "base64": _base64,
    "hex": bytes.hex,
}
