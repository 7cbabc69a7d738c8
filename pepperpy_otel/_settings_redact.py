"""Parser of ``redact``: whether, which detectors, which keys, and the user's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_given import one_of, quoted
from pepperpy_otel._settings_redaction import ALL, ALLOW, DETECTORS, KEY
from pepperpy_otel._settings_scalars import word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel._settings_given import Given


def redact(given: Given) -> tuple[Any, ...]:
    """What is to be redacted: nothing, or names, ``-name``, ``key:…``, ``allow:…`` and functions.

    A bad part is one complaint, and then all defaults are on: what must not leave does not leave
    because of a typing error.
    """
    raw = given.raw
    if isinstance(raw, bool):
        return (ALL,) if raw else ()
    if isinstance(raw, str) and (value := word(raw)) is not None:
        return (ALL,) if value else ()
    if isinstance(raw, str) and raw.strip().lower() == "none":
        return ()
    items, bad = [], False
    for item in _items(given):
        good = _good(given, item)
        bad = bad or not good
        if good:
            items.append(item)
    return tuple(dict.fromkeys([ALL, *items] if bad or not items else items))


def _items(given: Given) -> Iterator[Any]:
    raw = given.raw
    if isinstance(raw, str):
        parts: list[Any] = raw.split(",")
    elif callable(raw):
        parts = [raw]
    elif isinstance(raw, (list, tuple, set, frozenset)):
        parts = list(raw)
    else:
        given.complain("says nothing about redaction", "use true, false, or a list of names")
        parts = []
    for part in parts:
        if not isinstance(part, str):
            yield part
        elif part := part.strip():
            prefix, colon, pattern = part.partition(":")
            yield f"{prefix.lower()}:{pattern}" if colon else part.lower()


def _good(given: Given, item: Any) -> bool:
    if not isinstance(item, str):
        if callable(item) and not isinstance(item, type):
            return True
        given.complain(
            "holds what is neither a name nor a function",
            "pass names of detectors, 'key:pattern', or a function of key and value",
            value=type(item).__name__,
        )
        return False
    if item.startswith((KEY, ALLOW)) and item.partition(":")[2]:
        return True
    if item == ALL or item.removeprefix("-") in DETECTORS:
        return True
    given.complain(
        f"holds {quoted(item)}, which is no detector",
        f"use {one_of(DETECTORS, item)}, 'key:pattern' or 'allow:pattern'; all of the default"
        " ones are on meanwhile",
    )
    return False
