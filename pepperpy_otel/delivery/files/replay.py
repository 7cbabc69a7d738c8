"""From lines of OTLP JSON back to the bytes of requests, to be sent once more.

Reads what this package writes, and what others do by the specification: ids in either case, 64-bit
integers as text or number, members that are not known (they are left out).
"""

from __future__ import annotations

import functools
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from pepperpy_otel.delivery.files.fields import TOP_LEVEL, Field, fields_of, message_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal


class UnreadableLine(ValueError):
    """A line that is no OTLP request in JSON; the message says why."""


class Request(NamedTuple):
    """One request, as it was exported.

    Args:
        signal: Which signal.
        body: The export request in the protobuf encoding, not compressed.
    """

    signal: Signal
    body: bytes


def request_of(line: bytes | str) -> Request:
    """The request that a line holds: the reverse of ``lines.line_of``.

    Raises:
        UnreadableLine: It holds none.
    """
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableLine(f"no JSON: {error}") from None
    if not isinstance(given, dict):
        raise UnreadableLine("no JSON object")
    for signal, name in TOP_LEVEL.items():
        if name in given:
            message = message_class(signal)()
            try:
                _fill(message, given)
                return Request(signal, message.SerializeToString())
            except (TypeError, ValueError, AttributeError, RecursionError) as error:
                raise UnreadableLine(f"no OTLP: {error}") from None
    raise UnreadableLine(f"none of {', '.join(TOP_LEVEL.values())} in it")


def replay(
    path: Path, unreadable: Callable[[int, UnreadableLine], None] | None = None
) -> Iterator[Request]:
    """The requests in a file, from its first line to its last.

    Args:
        path: The file.
        unreadable: Called with number and trouble of a line that holds no request (the last one of
            a file may be torn); such lines are left out.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield request_of(line)
            except UnreadableLine as error:
                if unreadable is not None:
                    unreadable(number, error)


def _fill(message: Any, given: Any) -> None:
    if not isinstance(given, dict):
        raise TypeError(f"{type(given).__name__} where an object should be")
    known = _by_json_name(message.DESCRIPTOR)
    for name, value in given.items():
        field = known.get(name)
        if field is not None and value is not None:  # null stands for "not set"
            _set(message, field, value)


@functools.cache
def _by_json_name(descriptor: Any) -> Mapping[str, Field]:
    return {field.json_name: field for field in fields_of(descriptor)}


def _set(message: Any, field: Field, value: Any) -> None:
    if field.repeated and not isinstance(value, list):
        raise TypeError(f"{field.json_name} is no list")
    if field.kind == "message":
        if field.repeated:
            target = getattr(message, field.name)
            for each in value:
                _fill(target.add(), each)
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()  # an empty object is a message, too
            _fill(inner, value)
        return
    read = _READ[field.kind]
    if field.repeated:
        getattr(message, field.name).extend([read(each) for each in value])
    else:
        setattr(message, field.name, read(value))


def _integer(value: Any) -> int:
    if isinstance(value, str) or type(value) is int:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError(f"{value!r} is no integer")


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _as_is(value: Any) -> Any:
    return value


def _base64(value: str) -> bytes:
    text = value.replace("-", "+").replace("_", "/")  # the alphabet for URLs is allowed, too
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "int64": _integer,
    "int32": _integer,
    "float": _float,
    "bool": _as_is,
    "string": _as_is,
    "hex": bytes.fromhex,
    "base64": _base64,
}
