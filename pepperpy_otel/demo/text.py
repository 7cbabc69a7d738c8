"""Lines made of styled parts, and what fits on them: shared by everything that is laid out."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, NamedTuple


class Part(NamedTuple):
    """A piece of text and the name of its style (``render`` knows what that looks like)."""

    text: str
    style: str = ""


Line = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Symbols:
    """The characters beyond ASCII, replaced on terminals that cannot show them."""

    branch: str = "├─ "
    last: str = "└─ "
    through: str = "│  "
    nothing: str = "   "
    bar: str = "━"
    rule: str = "─"
    good: str = "✓"
    bad: str = "✗"
    arrow: str = "→"
    ellipsis: str = "…"
    dot: str = "·"
    micro: str = "µ"

    @classmethod
    def for_encoding(cls, encoding: str | None) -> Symbols:
        """These, or plain ones where the encoding has no such characters."""
        try:
            "".join(astuple(symbols := cls())).encode(encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return ASCII
        return symbols


ASCII = Symbols(
    branch="|- ",
    last="`- ",
    through="|  ",
    bar="#",
    rule="-",
    good="ok",
    bad="!!",
    arrow="->",
    ellipsis="~",
    dot="-",
    micro="u",
)


def fit(parts: Line, width: int, ellipsis: str) -> Line:
    """Exactly ``width`` characters: cut with an ellipsis, or filled with spaces."""
    taken: list[Part] = []
    left = width
    for part in parts:
        if len(part.text) > left:
            cut = part.text[: max(0, left - len(ellipsis))] + ellipsis
            taken.append(part._replace(text=cut[:left]))
            return tuple(taken)
        taken.append(part)
        left -= len(part.text)
    return (*taken, Part(" " * left))


def one_line(value: Any) -> str:
    """A received value as text that can only ever take one line, and cannot steer a terminal."""
    return "".join(
        character if character.isprintable() else " " for character in str(value)
    ).strip()


def duration(seconds: float, symbols: Symbols) -> str:
    """``312 µs``, ``24.3 ms``, ``1.24 s``."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} {symbols.micro}s"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s"
