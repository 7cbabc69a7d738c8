"""Header blocks of HTTP/2 (RFC 7541): written in the plainest form, read in every form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.delivery.http2 import huffman

if TYPE_CHECKING:
    from collections.abc import Iterable

    Header = tuple[bytes, bytes]

#: Appendix A: the names, with the values that some of them have there, separated by ``=``.
_STATIC = (
    ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|"
    ":status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|"
    "accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|"
    "access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|"
    "content-encoding|content-language|content-length|content-location|content-range|"
    "content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|"
    "if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|"
    "proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|"
    "strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"
)
_TABLE: tuple[Header, ...] = tuple(
    (name.encode(), value.encode())
    for name, _, value in (entry.partition("=") for entry in _STATIC.split("|"))
)
#: Bytes that the dynamic table of a reader may take unless said otherwise.
TABLE_BYTES = 4096
_OVERHEAD = 32


def encode(headers: Iterable[Header]) -> bytes:
    """A header block that asks nothing of its reader: literal, neither indexed nor compressed."""
    block = bytearray()
    for name, value in headers:
        block += b"\x00" + _integer(len(name), 7) + name + _integer(len(value), 7) + value
    return bytes(block)


def _integer(number: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if number < limit:
        return bytes([number])
    number -= limit
    written = bytearray([limit])
    while number >= 128:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


class Decoder:
    """Reads the header blocks of one connection, one after the other."""

    def __init__(self) -> None:
        self._recent: list[Header] = []  # the newest first
        self._limit = TABLE_BYTES

    def decode(self, block: bytes) -> list[Header]:
        """The headers in ``block``.

        Raises:
            ValueError: It is no header block.
        """
        try:
            return self._decode(_Reader(block))
        except IndexError:
            raise ValueError("a header block that stops half-way") from None

    def _decode(self, reader: _Reader) -> list[Header]:
        headers: list[Header] = []
        while reader.left():
            first = reader.peek()
            if first & 0x80:
                headers.append(self._entry(reader.integer(7)))
            elif first & 0xE0 == 0x20:
                self._shrink(reader.integer(5))
            else:
                indexed = bool(first & 0x40)
                index = reader.integer(6 if indexed else 4)
                name = self._entry(index)[0] if index else reader.string()
                headers.append((name, reader.string()))
                if indexed:
                    self._recent.insert(0, headers[-1])
                    self._shrink(self._limit)
        return headers

    def _entry(self, index: int) -> Header:
        if index == 0:
            raise ValueError("a header without a number")
        if index <= len(_TABLE):
            return _TABLE[index - 1]
        return self._recent[index - len(_TABLE) - 1]

    def _shrink(self, limit: int) -> None:
        if limit > TABLE_BYTES:
            raise ValueError("a header table larger than allowed")
        self._limit = limit
        while sum(len(name) + len(value) + _OVERHEAD for name, value in self._recent) > limit:
            self._recent.pop()


class _Reader:
    """Walks through a block; an IndexError means that it is too short."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    def left(self) -> bool:
        return self._at < len(self._block)

    def peek(self) -> int:
        return self._block[self._at]

    def integer(self, bits: int) -> int:
        limit = (1 << bits) - 1
        number = self._next() & limit
        if number < limit:
            return number
        for shift in range(0, 29, 7):
            byte = self._next()
            number += (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("a number that is too large")

    def _next(self) -> int:
        byte = self._block[self._at]
        self._at += 1
        return byte

    def string(self) -> bytes:
        compressed = self.peek() & 0x80
        length = self.integer(7)
        text = self._block[self._at : self._at + length]
        if len(text) < length:
            raise ValueError("a string that stops half-way")
        self._at += length
        return huffman.decode(text) if compressed else text
