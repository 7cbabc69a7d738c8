"""The protobuf wire format, as much of it as OTLP needs.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

#: The varints of all numbers below: nearly every length in a request is among them.
VARINTS = tuple(
    bytes((number,)) if number < 128 else bytes((number & 127 | 128, number >> 7))
    for number in range(4096)
)
SMALL = len(VARINTS)
MORE = tuple(bytes((number | 128,)) for number in range(128))
_MASK64 = (1 << 64) - 1


def varint(number: int) -> bytes:
    """A number from 0 to 2^64 - 1."""
    if number < SMALL:
        return VARINTS[number]
    encoded = b""
    while number >= SMALL:
        encoded += MORE[number & 127]
        number >>= 7
    return encoded + VARINTS[number]


def tag(field: int, wire_type: int) -> bytes:
    """What stands before a field's value."""
    return varint(field << 3 | wire_type)


def delimited(start: bytes, data: bytes) -> bytes:
    """Bytes, text or a message, after its tag."""
    return b"%b%b%b" % (start, varint(len(data)), data)


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of a message: its number and an unsigned integer, or its bytes.

    Raises:
        ValueError: This is no message, or one with groups, which OTLP does not have.
    """
    position, end = 0, len(data)
    while position < end:
        key, position = _read_varint(data, position)
        field, wire_type = key >> 3, key & 7
        if not field:
            raise ValueError("a field has the number 0")
        if wire_type == VARINT:
            number, position = _read_varint(data, position)
            yield field, number
            continue
        if wire_type == LENGTH:
            length, position = _read_varint(data, position)
        elif wire_type in (FIXED64, FIXED32):
            length = 8 if wire_type == FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire_type} is not known")
        value = data[position : position + length]
        if len(value) < length:
            raise ValueError("the message is cut off")
        position += length
        yield field, value if wire_type == LENGTH else int.from_bytes(value, "little")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("the message is cut off")
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & _MASK64, position
    raise ValueError("a varint has more than ten bytes")


def signed(number: int) -> int:
    """An ``int64`` as it was before it became a varint."""
    return number - (1 << 64) if number >> 63 else number
