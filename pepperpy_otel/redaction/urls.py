"""Secrets in URLs: ``scheme://user:password@host``, tokens before the ``@``, encoded ones.

The semantic conventions ask for it: ``url.full`` must not hold credentials.
https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from pepperpy_otel.redaction.marks import IN_URL, NOT_YET

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.redaction.marks import Count

#: A password may hold an unescaped ``@`` or ``/``; digits and a slash behind the colon are a port.
#: The ``@`` is part of each match: a repetition before a character is given up quickly.
_USERINFO = re.compile(
    r"(?P<start>://[^\s/:@'\"<>]{0,256}:(?!\d{1,5}(?:/|$)))"
    rf"{NOT_YET}[^\s@'\"<>]{{1,1024}}@(?:[^\s@/'\"<>:]{{0,256}}@)*(?=[\w.\-\[(%*])"
)
_TOKEN = re.compile(rf"(?P<start>://){NOT_YET}[^\s/:@'\"<>]{{16,1024}}@")
#: Oracle's way, and Go's: ``user/password@//host``, ``user:password@tcp(host)``.
_DSN = re.compile(
    r"(?P<start>:(?:thin|oci):[\w.$#-]{1,64}/|\b[\w.-]{1,64}:)"
    rf"{NOT_YET}[^\s@/'\"]{{1,256}}@(?=//|tcp\(|unix\(|udp\()"
)
_PIECES = re.compile(r"([&;?#\s,'\"<>]+)")


def redact_urls(text: str, count: Count) -> str:
    """``text`` without passwords and tokens in URLs and data source names."""
    if "@" not in text:
        return text

    def replaced(match: re.Match[str]) -> str:
        count("url")
        return f"{match['start']}{IN_URL}@"

    for pattern in (_USERINFO, _TOKEN, _DSN):
        text = pattern.sub(replaced, text)
    return text


def redact_encoded(text: str, finds: Callable[[str], bool]) -> str:
    """``text`` without the percent-encoded pieces in which, decoded, something is found.

    Args:
        text: Any.
        finds: Whether a piece, decoded, holds something that must go.
    """
    if "%" not in text:
        return text
    return "".join([_piece(piece, finds) for piece in _PIECES.split(text)])


def _piece(piece: str, finds: Callable[[str], bool]) -> str:
    if "%" not in piece:
        return piece
    decoded = unquote_plus(piece)
    if decoded == piece:
        return piece
    if not finds(decoded) and not ("%" in decoded and finds(unquote_plus(decoded))):
        return piece
    name, sign, _ = piece.partition("=")
    return f"{name}={IN_URL}" if sign and not finds(unquote_plus(name)) else IN_URL
