"""Parsers of ``key=value,key=value`` and of mappings: resource attributes and headers.

A bad pair is one complaint, and the good ones stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pepperpy_otel._settings_values import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel._settings_given import Given

_NAME = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+")  # token of RFC 9110
#: As the SDK reads it: W3C Baggage without metadata, and spaces allowed.
_ENCODED = re.compile(r'[^\x00-\x1f\x7f-\U0010ffff",;\\]*')
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HEADERS = "write name=value pairs separated by commas, such as 'authorization=Bearer%20TOKEN'"
_PAIRS = "write key=value pairs separated by commas, values URL-encoded"


def attributes(given: Given) -> dict[str, Any]:
    """Resource attributes; texts in the environment are URL-encoded."""
    found: dict[str, Any] = {}
    if isinstance(given.raw, str):
        for item in _items(given.raw):
            key, equals, value = item.partition("=")
            if key.strip() and equals:
                found[unquote(key.strip())] = unquote(value.strip())
            else:
                given.complain("is not a key=value pair", _PAIRS, value=item)
    elif isinstance(given.raw, Mapping):
        for key, value in _flat(given):
            if not isinstance(key, str) or not key.strip():
                given.complain(
                    "has a key that is not text", "use text for keys", value={key: value}
                )
            elif not _is_attribute(value):
                given.complain(
                    "is not an attribute value",
                    "use text, a number, a boolean or a list of one of these",
                    value=value,
                    setting=_member(given, key),
                )
            else:
                found[key] = value
    else:
        raise given.reject("is not a mapping of attributes", _mapping_fix(given))
    return found


def _flat(given: Given) -> Iterator[tuple[Any, Any]]:
    """The pairs; in TOML ``service.namespace = "x"`` is a table within a table."""
    raw: Any = given.raw
    nested = given.source.kind == "pyproject.toml"

    def walk(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[Any, Any]]:
        for key, value in table.items():
            if nested and isinstance(value, Mapping):
                yield from walk(value, f"{prefix}{key}.")
            else:
                yield (f"{prefix}{key}" if nested else key), value

    return walk(raw, "")


def _is_attribute(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, (str, bool, int, float)) for item in value)
    return isinstance(value, (str, bool, int, float))


def headers(given: Given) -> dict[str, str]:
    """Headers: names in lower case (gRPC takes no others), values decoded, never shown."""
    found: dict[str, str] = {}
    if isinstance(given.raw, str):
        for item in _items(given.raw):
            name, equals, value = item.partition("=")
            name = unquote(name.strip()).lower()
            if not equals:
                given.complain("is not a name=value pair", _HEADERS, value=MASK)
            elif not _NAME.fullmatch(name):
                given.complain("has no valid header name", _HEADERS, value=f"{name}={MASK}")
            elif (decoded := _decoded(value.strip())) is None:
                given.complain(
                    "has a value with characters that must be URL-encoded",
                    "write %22 for a double quote, %3B for a semicolon, %5C for a backslash",
                    value=f"{name}={MASK}",
                )
            else:
                found[name] = decoded
    elif isinstance(given.raw, Mapping):
        for key, value in given.raw.items():
            name = key.strip().lower() if isinstance(key, str) else ""
            if not _NAME.fullmatch(name):
                given.complain("has no valid header name", _HEADERS, value={key: MASK})
            elif not isinstance(value, str) or not _SENDABLE.fullmatch(value):
                given.complain(
                    "is not a header value",
                    "use text without line breaks and other control characters",
                    value=MASK,
                    setting=_member(given, key),
                )
            else:
                found[name] = value
    else:
        raise given.reject("is not a mapping of headers", _mapping_fix(given), value=MASK)
    return found


def _decoded(value: str) -> str | None:
    if not _ENCODED.fullmatch(value):
        return None
    decoded = value if " " in value else unquote(value)
    return decoded if _SENDABLE.fullmatch(decoded) else None


def _items(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def _member(given: Given, key: object) -> str:
    if given.source.kind == "argument":
        return f"{given.source.name}[{key!r}]"
    return f"{given.source.name}.{key}"


def _mapping_fix(given: Given) -> str:
    if given.source.kind == "argument":
        return "pass a mapping of text to values"
    return "write a table, or key=value pairs separated by commas"
