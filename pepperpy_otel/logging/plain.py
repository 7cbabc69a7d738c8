"""Any value as something that ``json.dumps`` takes and that has a bounded size.

python-json-logger's encoder knows dates, enums, dataclasses and the like; what it does not do is
survive a raising ``__str__``, a structure without end, or a key that is no string.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

from pythonjsonlogger.json import JsonEncoder

from pepperpy_otel.logging.values import MAX_TEXT, bounded, safe_text, type_name, unprintable

#: Levels of nesting and number of values that one field may have.
MAX_DEPTH = 16
MAX_VALUES = 5_000
TOO_MUCH = "<truncated>"
#: Integers of more bits are described: Python itself refuses to print very long ones.
MAX_BITS = 1024

_encoder = JsonEncoder()
#: What python-json-logger says when neither ``str()`` nor ``repr()`` works.
_NO_TEXT = "__could_not_encode__"


def plain(value: Any, limit: int = MAX_TEXT) -> Any:
    """``value`` made of dict, list, str, int, finite float, bool and None; never raises.

    Args:
        value: Anything.
        limit: Characters that all strings in it may have together.
    """
    kind = type(value)
    if kind is str and len(value) <= limit and value.isascii():
        return value
    if kind is bool or value is None:
        return value
    return _Plainer(limit).plain(value, 0)


class _Plainer:
    def __init__(self, limit: int) -> None:
        self._characters = limit
        self._values = MAX_VALUES

    def plain(self, value: Any, depth: int) -> Any:
        self._values -= 1
        try:
            if depth > MAX_DEPTH:
                return TOO_MUCH
            return self._convert(value, depth)
        except Exception:
            return unprintable(value)

    def _convert(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (int, float)):
            return _number(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (Sequence, Set)) and not isinstance(value, (bytes, bytearray)):
            return self._values_of(value, depth)
        known = _encoder.default(value)
        if known == _NO_TEXT:
            return unprintable(value)
        return self._text(known) if isinstance(known, str) else self.plain(known, depth + 1)

    def _text(self, value: object) -> str:
        text = bounded(safe_text(value), self._characters)
        self._characters -= len(text)
        return text

    def _values_of(self, values: Sequence[Any] | Set[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for value in values:
            if self._is_full():
                kept.append(TOO_MUCH)
                break
            kept.append(self.plain(value, depth + 1))
        return kept

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in values.items():
            if self._is_full():
                kept[TOO_MUCH] = TOO_MUCH
                break
            kept[free_name(self._text(key), kept)] = self.plain(value, depth + 1)
        return kept

    def _is_full(self) -> bool:
        return self._values <= 0 or self._characters <= 0


def free_name(name: str, taken: Mapping[str, Any] | Set[str]) -> str:
    """``name``, with as many ``_`` behind it as it takes to clash with nothing."""
    while name in taken:
        name += "_"
    return name


def _number(value: int | float) -> int | float | str:
    if isinstance(value, float):
        number = float(value)
        if math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
    whole = int(value)
    bits = whole.bit_length()
    return whole if bits <= MAX_BITS else f"<{type_name(value)} of {bits} bits>"
