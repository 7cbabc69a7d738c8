from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.delivery.http2.hpack import TABLE_BYTES, Decoder, encode

FIRST = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":path", b"/"),
    (b":authority", b"www.example.com"),
]


@pytest.mark.parametrize(
    "blocks",
    [
        (
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ),
        (
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ),
    ],
)
def test_the_examples_of_the_rfc(blocks: tuple[str, ...]) -> None:
    """RFC 7541, appendices C.3 and C.4: plain and compressed, with a table that grows."""
    decoder = Decoder()
    first, second, third = (decoder.decode(bytes.fromhex(block)) for block in blocks)
    assert first == FIRST
    assert second == [*FIRST, (b"cache-control", b"no-cache")]
    assert third == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ]


headers = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)))


@given(headers)
def test_what_is_written_can_be_read(given: list[tuple[bytes, bytes]]) -> None:
    """Names and values of any length."""
    assert Decoder().decode(encode(given)) == given


def _indexed(name: bytes, value: bytes) -> bytes:
    return b"\x40" + encode([(name, value)])[1:]


def test_the_oldest_make_room() -> None:
    """The table is bounded, by default and by what the server says."""
    decoder = Decoder()
    long = b"x" * (TABLE_BYTES // 2)
    decoder.decode(_indexed(b"a", long) + _indexed(b"b", long))
    assert decoder.decode(b"\xbe") == [(b"b", long)]
    with pytest.raises(ValueError):
        decoder.decode(b"\xbf")
    assert decoder.decode(b"\x20") == []  # the table has no bytes any more
    with pytest.raises(ValueError):
        decoder.decode(b"\xbe")


def test_a_long_number() -> None:
    """RFC 7541, appendix C.1.2: 1337 with five bits."""
    decoder = Decoder()
    assert decoder.decode(bytes([0x3F, 0x9A, 0x0A])) == []
    assert decoder._limit == 1337


@pytest.mark.parametrize(
    "block",
    [
        "80",  # number 0
        "ff00",  # beyond the tables
        "ff",  # a number that stops
        "00",  # a name that stops
        "000561",  # a name that is too short
        "3fffffff7f",  # a table of many bytes
        "7fffffffffffff",  # a number without end
    ],
)
def test_what_is_no_header_block_is_refused(block: str) -> None:
    """Whatever a server sends, it is one kind of error."""
    with pytest.raises(ValueError):
        Decoder().decode(bytes.fromhex(block))
