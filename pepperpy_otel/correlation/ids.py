"""What a correlation id may be: short, and of characters that mean nothing to anybody.

An id from outside ends up in headers, log lines, queries and dashboards. One that is longer, or
has a character that starts something in one of these places, is not taken at all: half of an id
finds nothing.
"""

from __future__ import annotations

import os
import re

#: Baggage key and attribute.
KEY = "correlation.id"
#: Characters that an id has at most; a UUID has 36.
MAX_LENGTH = 128
_CHARACTERS = r"A-Za-z0-9._:/+=@~#\-"
_VALID = re.compile(f"[{_CHARACTERS}]{{1,{MAX_LENGTH}}}").fullmatch
_OTHERS = re.compile(f"[^{_CHARACTERS}]").sub


def valid(value: object) -> str | None:
    """The value if it can be an id, else ``None``; spaces around it do not count."""
    if isinstance(value, bytes):
        value = value[: MAX_LENGTH * 2].decode("latin-1")
    if not isinstance(value, str) or len(value) > MAX_LENGTH * 2:
        return None
    value = value.strip(" \t")
    return value if _VALID(value) else None


def known(value: object) -> str | None:
    """The id that a value in the baggage is, exactly as it is, or ``None``.

    An app may put a number or a UUID there; in a header that is sent it is its text.
    """
    if type(value) is not str:
        if value is None:
            return None
        try:
            value = str(value)
        except Exception:
            return None
    return value if len(value) <= MAX_LENGTH and _VALID(value) else None


def made() -> str:
    """A new id: 32 hexadecimal digits, unlike any other, also in forked processes."""
    return os.urandom(16).hex()


def cleaned(value: object) -> str:
    """An id from what the app gives: what cannot stand in one becomes ``_``, the rest is cut off.

    Nothing at all, or what cannot be read, gets a new id.
    """
    try:
        text = str(value)[:MAX_LENGTH].strip()
    except Exception:
        text = ""
    return _OTHERS("_", text) or made()
