from __future__ import annotations

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.delivery.otlp import wire
from tests.delivery.otlp.strategies import PATIENT


def slow_varint(number: int) -> bytes:
    """By the book."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


@PATIENT
@given(st.integers(0, 2**64 - 1) | st.integers(0, 70).map(lambda bits: (1 << bits) % 2**64))
def test_any_number_is_a_varint_and_comes_back(number: int) -> None:
    """Of as few bytes as it takes."""
    assert wire.varint(number) == slow_varint(number)
    assert list(wire.read_fields(b"\x08" + wire.varint(number))) == [(1, number)]


@pytest.mark.parametrize("edge", [0, 127, 128, 4095, 4096, 2**14, 2**19, 2**33, 2**63, 2**64 - 1])
def test_the_edges_between_lengths_are_right(edge: int) -> None:
    """Where the ready-made ones end, too."""
    for number in range(max(edge - 2, 0), min(edge + 3, 2**64)):
        assert wire.varint(number) == slow_varint(number)


@PATIENT
@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_numbers_come_back(number: int) -> None:
    """Negative ones are very large on the wire."""
    assert wire.signed(number % 2**64) == number


def test_all_wire_types_are_read() -> None:
    """Numbers of three sizes, and bytes; fields that nobody knows among them."""
    data = b"\x08\x05" + b"\x15\x01\x00\x00\x00" + b"\x19" + b"\x02" * 8 + b"\x22\x02ab"
    number = int.from_bytes(b"\x02" * 8, "little")
    assert list(wire.read_fields(data)) == [(1, 5), (2, 1), (3, number), (4, b"ab")]


def test_a_real_message_is_read() -> None:
    """As protobuf writes it."""
    data = Status(code=3, message="nö").SerializeToString()
    assert list(wire.read_fields(data)) == [(1, 3), (2, "nö".encode())]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x08", "cut off"),
        (b"\x08\x80", "cut off"),
        (b"\x0a\x05ab", "cut off"),
        (b"\x09\x01", "cut off"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "ten bytes"),
        (b"\x00\x01", "number 0"),
        (b"\x0b\x0c", "wire type 3"),
        (b"<html>", "wire type 4"),
    ],
)
def test_what_is_no_message_is_told(data: bytes, problem: str) -> None:
    """By a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=problem):
        list(wire.read_fields(data))
