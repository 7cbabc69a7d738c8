from __future__ import annotations

import pytest

from pepperpy_otel.demo.text import ASCII, Part, Symbols, duration, fit, one_line


@pytest.mark.parametrize(
    ("texts", "width", "fitted"),
    [
        (["abc"], 5, "abc  "),
        (["abc", "de"], 5, "abcde"),
        (["abc", "def", "ghi"], 5, "abcd…"),
        (["abcdef"], 1, "…"),
        (["abc"], 0, ""),
        ([], 2, "  "),
    ],
)
def test_fit(texts, width, fitted):
    """A line is cut or filled to its width exactly."""
    parts = tuple(Part(text, "dim") for text in texts)

    assert "".join(part.text for part in fit(parts, width, "…")) == fitted


def test_fit_keeps_the_styles():
    """A part that is cut keeps its style."""
    assert fit((Part("ab", "x"), Part("cdef", "y")), 4, "…") == (Part("ab", "x"), Part("c…", "y"))


@pytest.mark.parametrize(
    ("encoding", "symbols"),
    [
        ("utf-8", Symbols()),
        ("ascii", ASCII),
        ("cp1252", ASCII),
        (None, ASCII),
        ("no such encoding", ASCII),
    ],
)
def test_symbols_for_encoding(encoding, symbols):
    """Characters that the terminal cannot show are replaced by such as any can."""
    assert Symbols.for_encoding(encoding) == symbols


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\nb\x1b[31mc\u202ed", "a b [31mc d"), (5, "5"), (None, "None"), ("  é ", "é")],
)
def test_one_line(value, text):
    """What was received takes one line and cannot steer the terminal."""
    assert one_line(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 µs"), (0.000312, "312 µs"), (0.0243, "24.3 ms"), (1.239, "1.24 s")],
)
def test_duration(seconds, text):
    """A duration has the unit that suits it."""
    assert duration(seconds, Symbols()) == text
