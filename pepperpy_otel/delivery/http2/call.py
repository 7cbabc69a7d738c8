"""One request over one HTTP/2 connection: the frames of RFC 9113 that it takes.

One connection for each call, every few seconds one: so there is no other stream to mind, nothing
idle that the server may have closed, and nothing that a fork could share.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from pepperpy_otel.delivery.http2.hpack import Decoder, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class Wire(Protocol):
        """A connection that is there; both raise OSError, TimeoutError at the deadline."""

        def write(self, data: bytes) -> None:
            """Send all of it."""

        def read(self, count: int) -> bytes:
            """Exactly so many bytes."""


DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 3, 4, 5, 6, 7, 8, 9,
)  # fmt: skip
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_ENABLE_PUSH, _INITIAL_WINDOW_SIZE = 2, 4
#: Bytes of a frame, and of the first window, that every receiver takes.
FRAME_BYTES, WINDOW = 16384, 65535
STREAM = 1
#: Bytes of an answer that are read; less than a window, so that none has to be granted.
MAX_ANSWER = WINDOW


class Http2Error(Exception):
    """The server did not answer as HTTP/2 wants it."""


class StreamReset(Http2Error):
    """The server broke off the request.

    Args:
        code: Why, as in RFC 9113, section 7.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the server reset the stream (code {code})")
        self.code = code


class Answer(NamedTuple):
    """What the server said.

    Args:
        headers: Headers and trailers together, the last one of a name.
        body: What lay between them.
    """

    headers: Mapping[bytes, bytes]
    body: bytes


class Call:
    """One request.

    Args:
        wire: A new connection.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._decoder = Decoder()
        self._window = WINDOW  # of the connection
        self._stream_window = WINDOW
        self._initial = WINDOW
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._ended = False

    def make(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
        """Send the request and read the answer.

        Raises:
            Http2Error: The other end speaks something else, or broke it off.
            OSError: The connection failed, or the time is over.
        """
        self._wire.write(_PREFACE + _frame(SETTINGS, 0, 0, struct.pack(">HI", _ENABLE_PUSH, 0)))
        self._send_headers(encode(headers))
        self._send_body(memoryview(body))
        while not self._ended:
            self._take_frame()
        return Answer(self._headers, bytes(self._body))

    def _send_headers(self, block: bytes) -> None:
        kind = HEADERS
        parts = [block[at : at + FRAME_BYTES] for at in range(0, len(block), FRAME_BYTES)]
        for number, part in enumerate(parts, 1):
            flags = END_HEADERS if number == len(parts) else 0
            self._wire.write(_frame(kind, flags, STREAM, part))
            kind = CONTINUATION

    def _send_body(self, rest: memoryview) -> None:
        """As fast as the server grants room; one that has seen enough may answer before."""
        while not self._ended:
            room = min(self._window, self._stream_window, FRAME_BYTES)
            if rest and room <= 0:
                self._take_frame()
                continue
            part, rest = rest[:room], rest[room:]
            self._window -= len(part)
            self._stream_window -= len(part)
            flags = 0 if rest else END_STREAM
            self._wire.write(_frame(DATA, flags, STREAM, bytes(part)))
            if not rest:
                return

    def _take_frame(self) -> None:
        kind, flags, stream, payload = self._read_frame()
        if stream not in (0, STREAM) or kind == PUSH_PROMISE:
            raise Http2Error("the server spoke of a request that was not made")
        if stream == 0:
            self._mind_connection(kind, flags, payload)
        elif kind == WINDOW_UPDATE:
            self._stream_window += _number(payload)
        elif kind == RST_STREAM:
            raise StreamReset(_number(payload))
        elif kind == HEADERS:
            self._take_headers(flags, payload)
        elif kind == DATA:
            self._body += _unpadded(flags, payload)
            if len(self._body) > MAX_ANSWER:
                raise Http2Error("the answer is too long")
            self._ended = bool(flags & END_STREAM)

    def _mind_connection(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._apply(payload)
        elif kind == PING and not flags & ACK:
            self._wire.write(_frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._window += _number(payload)
        elif kind == GOAWAY and _number(payload) < STREAM:
            raise ConnectionResetError("the server takes no more requests")

    def _read_frame(self) -> tuple[int, int, int, bytes]:
        head = self._wire.read(9)
        length = int.from_bytes(head[:3], "big")
        if length > FRAME_BYTES:
            raise Http2Error("the answer is not HTTP/2")
        return head[3], head[4], _number(head[5:]), self._wire.read(length)

    def _apply(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            name, value = struct.unpack_from(">HI", payload, at)
            if name == _INITIAL_WINDOW_SIZE:
                self._stream_window += value - self._initial
                self._initial = value
        self._wire.write(_frame(SETTINGS, ACK, 0, b""))

    def _take_headers(self, flags: int, payload: bytes) -> None:
        block = _unpadded(flags, payload)
        if flags & PRIORITY:
            block = block[5:]
        ended = flags & END_STREAM
        while not flags & END_HEADERS:
            kind, flags, _, more = self._read_frame()
            if kind != CONTINUATION or len(block) > MAX_ANSWER:
                raise Http2Error("the server's headers do not end")
            block += more
        try:
            headers = self._decoder.decode(block)
        except ValueError as error:
            raise Http2Error(f"the server's headers cannot be read: {error}") from None
        self._headers.update(headers)
        self._ended = bool(ended)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _number(data: bytes) -> int:
    return int.from_bytes(data[:4], "big") & 0x7FFFFFFF


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    return payload[1 : len(payload) - payload[0]] if payload else payload
