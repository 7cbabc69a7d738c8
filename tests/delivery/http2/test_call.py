from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.delivery.http2.call import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    GOAWAY,
    HEADERS,
    MAX_ANSWER,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW,
    WINDOW_UPDATE,
    Answer,
    Call,
    Http2Error,
    StreamReset,
    _frame,
)
from pepperpy_otel.delivery.http2.hpack import Decoder, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Window for everything, then an answer and its trailers.
ROOM = _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**24)) + _frame(
    WINDOW_UPDATE, 0, 1, struct.pack(">I", 2**24)
)
STATUS = [(b":status", b"200")]
ENDING = _frame(HEADERS, END_HEADERS | END_STREAM, 1, encode([(b"grpc-status", b"0")]))
GREETING = _frame(SETTINGS, 0, 0, b"")


class Wire:
    """Gives what the server would say; keeps what it is told."""

    def __init__(self, *said: bytes) -> None:
        self._said = bytearray(b"".join(said))
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, count: int) -> bytes:
        if count > len(self._said):
            raise ConnectionResetError("no more")
        data = bytes(self._said[:count])
        del self._said[:count]
        return data

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        rest = bytes(self.written)[24:]
        while rest:
            length = int.from_bytes(rest[:3], "big")
            yield rest[3], rest[4], int.from_bytes(rest[5:9], "big"), rest[9 : 9 + length]
            rest = rest[9 + length :]


def _call(
    wire: Wire, body: bytes = b"hello", headers: list[tuple[bytes, bytes]] | None = None
) -> Answer:
    return Call(wire).make(headers or [(b":method", b"POST")], body)


def test_a_request_and_its_answer() -> None:
    """Preface, settings, headers, data; headers and trailers come back as one."""
    wire = Wire(
        GREETING, _frame(HEADERS, END_HEADERS, 1, encode(STATUS)), _frame(DATA, 0, 1, b"hi"), ENDING
    )
    assert _call(wire) == Answer({b":status": b"200", b"grpc-status": b"0"}, b"hi")
    assert wire.written.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    settings, headers, data, ack = wire.frames()
    assert settings == (SETTINGS, 0, 0, struct.pack(">HI", 2, 0))
    assert headers[:3] == (HEADERS, END_HEADERS, 1)
    assert Decoder().decode(headers[3]) == [(b":method", b"POST")]
    assert data == (DATA, END_STREAM, 1, b"hello")
    assert ack == (SETTINGS, ACK, 0, b"")


def test_an_answer_may_end_with_data() -> None:
    """A server that is no gRPC server."""
    wire = Wire(_frame(HEADERS, END_HEADERS, 1, encode(STATUS)), _frame(DATA, END_STREAM, 1, b"x"))
    assert _call(wire).body == b"x"


def test_a_large_body_waits_for_room() -> None:
    """First what every receiver takes, then what it grants, for the stream and the connection."""
    body = bytes(range(256)) * 1024
    wire = Wire(GREETING, ROOM, ENDING)
    _call(wire, body)
    sent = [frame for frame in wire.frames() if frame[0] == DATA]
    assert b"".join(payload for _, _, _, payload in sent) == body
    assert max(len(payload) for _, _, _, payload in sent) == FRAME_BYTES
    assert [flags for _, flags, _, _ in sent][-2:] == [0, END_STREAM]
    before = sum(len(p) for kind, _, _, p in list(wire.frames())[: len(sent)] if kind == DATA)
    assert before >= WINDOW


def test_the_server_may_narrow_and_widen_the_window() -> None:
    """The initial window counts for an open stream, too; other settings are none of ours."""
    small = _frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 10, 3, 100))
    wide = _frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 2**20))
    more = _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**20))
    wire = Wire(small, more, wide, ENDING)
    _call(wire, b"x" * 200_000)
    assert sum(len(p) for kind, _, _, p in wire.frames() if kind == DATA) == 200_000


def test_an_answer_before_the_body_is_through_ends_the_call() -> None:
    """A server that has seen enough grants no more room."""
    wire = Wire(_frame(HEADERS, END_HEADERS | END_STREAM, 1, encode([(b"grpc-status", b"8")])))
    assert _call(wire, b"x" * 200_000).headers == {b"grpc-status": b"8"}


def test_an_empty_body_is_a_frame_too() -> None:
    """It says that no more comes."""
    wire = Wire(ENDING)
    _call(wire, b"")
    assert (DATA, END_STREAM, 1, b"") in list(wire.frames())


def test_pings_are_answered() -> None:
    """But not the answers to pings."""
    wire = Wire(_frame(PING, 0, 0, b"12345678"), _frame(PING, ACK, 0, b"87654321"), ENDING)
    _call(wire)
    pings = [frame for frame in wire.frames() if frame[0] == PING]
    assert pings == [(PING, ACK, 0, b"12345678")]


def test_what_concerns_nobody_is_passed_over() -> None:
    """Unknown frames, acknowledged settings, a goodbye to those who come after us, priorities."""
    goodbye = _frame(GOAWAY, 0, 0, struct.pack(">II", 1, 0))
    wire = Wire(
        _frame(99, 0, 0, b"?"),
        _frame(99, 0, 1, b"?"),
        _frame(SETTINGS, ACK, 0, b""),
        goodbye,
        ENDING,
    )
    assert _call(wire).headers == {b"grpc-status": b"0"}


def test_headers_padded_with_priority_and_continued() -> None:
    """Every form that headers and data may come in."""
    block = encode([*STATUS, (b"long", b"x" * 100)])
    padded = bytes([3]) + b"\0\0\0\0\x05" + block[:20] + b"\0\0\0"
    wire = Wire(
        _frame(HEADERS, PADDED | PRIORITY, 1, padded),
        _frame(CONTINUATION, 0, 1, block[20:40]),
        _frame(CONTINUATION, END_HEADERS, 1, block[40:]),
        _frame(DATA, PADDED, 1, b"\x02hi\0\0"),
        _frame(DATA, PADDED, 1, b""),
        ENDING,
    )
    answer = _call(wire)
    assert answer.headers[b"long"] == b"x" * 100
    assert answer.body == b"hi"


def test_long_headers_are_continued() -> None:
    """A token may be larger than a frame."""
    wire = Wire(ENDING)
    given = [(b"token", b"x" * 40_000)]
    _call(wire, headers=given)
    blocks = [frame for frame in wire.frames() if frame[0] in (HEADERS, CONTINUATION)]
    assert [(kind, flags) for kind, flags, _, _ in blocks] == [
        (HEADERS, 0),
        (CONTINUATION, 0),
        (CONTINUATION, END_HEADERS),
    ]
    assert Decoder().decode(b"".join(payload for _, _, _, payload in blocks)) == given


def test_a_reset_says_why() -> None:
    """7 is REFUSED_STREAM."""
    with pytest.raises(StreamReset) as raised:
        _call(Wire(_frame(RST_STREAM, 0, 1, struct.pack(">I", 7))))
    assert raised.value.code == 7


def test_a_server_that_goes_away_before_our_request() -> None:
    """It can be made again elsewhere: a connection error."""
    with pytest.raises(ConnectionResetError):
        _call(Wire(_frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0))))


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        _frame(DATA, 0, 3, b"x"),
        _frame(PUSH_PROMISE, 0, 1, b"\0\0\0\2"),
        _frame(HEADERS, END_HEADERS, 1, b"\x80"),
        _frame(HEADERS, 0, 1, b"") + _frame(DATA, 0, 1, b""),
        _frame(HEADERS, 0, 1, b"") + _frame(CONTINUATION, 0, 1, b"x" * FRAME_BYTES) * 6,
        _frame(DATA, 0, 1, b"x" * FRAME_BYTES) * (MAX_ANSWER // FRAME_BYTES + 1),
    ],
)
def test_nonsense_is_one_kind_of_error(said: bytes) -> None:
    """Another protocol, streams that nobody opened, headers and answers without end."""
    with pytest.raises(Http2Error):
        _call(Wire(said))
