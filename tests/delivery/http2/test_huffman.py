from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.delivery.http2 import huffman


def encode(text: bytes) -> bytes:
    """The way there, from the same table."""
    codes = {symbol: key for key, symbol in huffman._symbols().items()}
    bits = "".join(f"{code:0{length}b}" for length, code in (codes[byte] for byte in text))
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"),
        ("a8eb10649cbf", b"no-cache"),
        ("25a849e95ba97d7f", b"custom-key"),
        ("25a849e95bb8e8b4bf", b"custom-value"),
        ("6402", b"302"),
        ("d07abe941054d444a8200595040b8166e082a62d1bff", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        ("9d29ad171863c78f0b97c8e9ae82ae43d3", b"https://www.example.com"),
        ("", b""),
    ],
)
def test_the_examples_of_the_rfc(code: str, text: bytes) -> None:
    """RFC 7541, appendix C."""
    assert huffman.decode(bytes.fromhex(code)) == text


def test_the_code_is_complete() -> None:
    """Each byte and the end have a code, and together they leave no gap (Kraft's sum is 1)."""
    lengths = [length for length, _ in huffman._symbols()]
    assert len(lengths) == 257
    assert sum(2**-length for length in lengths) == 1.0


@given(st.binary())
def test_every_text_survives(text: bytes) -> None:
    """All 256 bytes."""
    assert huffman.decode(encode(text)) == text


@pytest.mark.parametrize("code", ["ff", "fffffffc", "fffffffffc", "1e"])
def test_what_is_no_code_is_refused(code: str) -> None:
    """Padding that is too long or not of ones, the end in the middle."""
    with pytest.raises(ValueError):
        huffman.decode(bytes.fromhex(code))
