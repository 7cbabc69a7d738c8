"""The Huffman code of HTTP/2 headers (RFC 7541, appendix B), for reading.

It is canonical: ordered by length and then by symbol the codes are consecutive numbers, so that
the lengths say everything.
"""

from __future__ import annotations

from functools import cache

#: The length of the code of each byte, and of the end of a string: A for 5 bits up to Z for 30.
_LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXX"
    "BFFHIBDGFFDGDBBBAAABBBBBBBCDKBHF"
    "IBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJB"
    "KABABABBBACCBBBABCBAABCCCCCKGJIX"
    "PRPPRRRSRSSSSSTSTTRSTSSSSQRSRSST"
    "RQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRS"
    "VVPORSRUVVVWWVTUOQVWWVWTQQVVXWWW"
    "PTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV"
    "Z"
)
_END = 256
_SHORTEST = 5


@cache
def _symbols() -> dict[tuple[int, int], int]:
    """What a length and a code stand for."""
    lengths = [ord(letter) - ord("A") + _SHORTEST for letter in _LENGTHS]
    found: dict[tuple[int, int], int] = {}
    code = length = 0
    for symbol in sorted(range(len(lengths)), key=lambda symbol: (lengths[symbol], symbol)):
        code <<= lengths[symbol] - length
        length = lengths[symbol]
        found[length, code] = symbol
        code += 1
    return found


def decode(data: bytes) -> bytes:
    """The text behind ``data``.

    Raises:
        ValueError: It is no such code.
    """
    symbols = _symbols()
    text = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = symbols.get((length, code))
            if symbol == _END:
                raise ValueError("the end of a string in its middle")
            if symbol is not None:
                text.append(symbol)
                code = length = 0
    if length > 7 or code != (1 << length) - 1:  # what is left over are ones, less than a byte
        raise ValueError("a Huffman code that stops half-way")
    return bytes(text)
