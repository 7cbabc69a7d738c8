"""Baggage as it is read, set and bounded: few entries, short ones, nothing that breaks a line.

The baggage of a request comes from whoever sent it. It may not grow without limit here, and what
of it becomes an attribute has its control and direction characters escaped, since attributes end
up in lines and on screens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current, set_value

from pepperpy_otel import _compat
from pepperpy_otel.correlation import ids
from pepperpy_otel.errors import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

#: As many as the W3C recommendation has everybody pass on, and its limit for all of them.
MAX_ENTRIES = 64
MAX_BYTES = 8192
#: Of one entry: key and value.
MAX_KEY = 256
MAX_VALUE = 4096
#: Characters of an entry's value that an attribute shows.
MAX_ATTRIBUTE = 1024

_KEY = _compat.baggage_key()
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
#: Ends of lines, controls of terminals, and what turns the direction of text (CVE-2021-42574).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NOTHING: Mapping[str, object] = {}


def of(context: Context | None = None) -> Mapping[str, object]:
    """The baggage of a context, by default of the current one; not a copy, not to be changed."""
    found = (get_current() if context is None else context).get(_KEY)
    return found if isinstance(found, dict) else _NOTHING


def replaced(entries: Mapping[str, object], context: Context | None = None) -> Context:
    """A context with this baggage in place of what it had."""
    return set_value(_KEY, dict(entries), context)


def is_key(key: object) -> bool:
    """Whether a baggage key is one by the W3C recommendation, and of a bearable length."""
    return isinstance(key, str) and len(key) <= MAX_KEY and _TOKEN(key) is not None


def merged(before: Mapping[str, object], added: Mapping[Any, Any]) -> dict[str, object]:
    """Baggage with more in it, as far as there is room; what does not fit is named in one line."""
    entries = dict(before)
    size = sum(len(key) + len(text(value)) + 2 for key, value in entries.items())
    refused: list[str] = []
    for key, value in added.items():
        said = text(value)
        larger = size + len(text(key)) + len(said) + 2
        full = key not in entries and len(entries) >= MAX_ENTRIES
        if not is_key(key) or len(said) > MAX_VALUE or larger > MAX_BYTES or full:
            refused.append(escaped(text(key))[:64])
        else:
            entries[key] = ids.cleaned(said) if key == ids.KEY else said
            size = larger
    if refused:
        _say(refused)
    return entries


#: Whether it was said; a lookup, no lock: one line too many does no harm.
_said: set[str] = set()


def _say(refused: list[str]) -> None:
    if not _said:
        _said.add("refused")
        warn(
            "bind() leaves out what is no baggage (said once): %s; a key is of letters, digits and"
            " '._-', and there are at most %d entries of %d bytes together",
            ", ".join(repr(key) for key in refused[:8]),
            MAX_ENTRIES,
            MAX_BYTES,
        )


def text(value: object) -> str:
    """A value as text, whatever it is."""
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def escaped(said: str) -> str:
    r"""Text with ``\x0a`` and the like for characters that would act instead of being shown."""
    if said.isascii() and said.isprintable():
        return said
    said = said.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
    return _UNSAFE.sub(_escape, said)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def attribute(value: object) -> str:
    """What an attribute shows of an entry's value."""
    return escaped(text(value)[:MAX_ATTRIBUTE])
