"""Attribute values and bodies as the SDK keeps them, without its warnings and its errors.

The SDK cleans attributes by itself (``opentelemetry.attributes``), but it warns about every value
that is not an OpenTelemetry type, through a logger whose output lands on the app's stderr, and a
raising ``__str__`` goes up into the app. This gives the same values for everything that the SDK
handles; what it would raise for, or pass on to an encoder that then loses the whole batch (lone
surrogates, integers of more than 64 bits), becomes text.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pepperpy_otel.logging.values import class_name, exact, safe_text, scrub, unprintable

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

#: Levels of nesting, and values altogether, that one attribute or body may have.
MAX_DEPTH = 32
MAX_VALUES = 10_000
TOO_MUCH = "<truncated>"

_INT64 = 1 << 63
_SCALARS = frozenset({bool, float, bytes, type(None)})


def clean_attributes(
    attributes: Mapping[Any, Any], max_count: int | None = None, max_length: int | None = None
) -> tuple[dict[str, AnyValue], int]:
    """What may stay of ``attributes``, and how many were dropped.

    Args:
        attributes: Any mapping.
        max_count: How many are kept; the oldest go first, as in the SDK.
        max_length: Characters that are kept of each string.
    """
    cleaned: dict[str, AnyValue] = {}
    given = 0
    for key, value in attributes.items():
        given += 1
        name = key if type(key) is str and key.isascii() else _key(key)
        if name:
            if type(value) not in _SCALARS:
                value = clean_value(value, max_length)
            cleaned[name] = value
    if max_count is not None:
        for name in list(cleaned)[: max(0, len(cleaned) - max_count)]:
            del cleaned[name]
    return cleaned, given - len(cleaned)


def clean_value(value: Any, max_length: int | None = None) -> AnyValue:
    """``value`` as an OpenTelemetry ``AnyValue``; never raises."""
    kind = type(value)
    if kind is str:
        text = value if value.isascii() else scrub(value)
        return text if max_length is None else text[:max_length]
    if kind is int and -_INT64 <= value < _INT64:
        return value  # type: ignore[no-any-return]
    return _Cleaner(max_length).clean(value, 0)


class _Cleaner:
    """Cleans one value with all that is in it, up to a limit of both depth and size."""

    def __init__(self, max_length: int | None) -> None:
        self._max_length = max_length
        self._left = MAX_VALUES

    def clean(self, value: Any, depth: int) -> AnyValue:
        self._left -= 1
        try:
            if value is None or isinstance(value, (bool, float, int, bytes)):
                return self._scalar(value)
            if isinstance(value, str):
                return self._text(exact(value))
            if isinstance(value, Sequence):
                return self._sequence(value, depth)
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return self._text(safe_text(value)) if _has_text(value) else None
        except Exception:
            return unprintable(value)

    def _scalar(self, value: bool | float | int | bytes | None) -> AnyValue:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, bytes):
            return bytes(value)
        if isinstance(value, float):
            return float(value)
        return int(value) if -_INT64 <= value < _INT64 else self._text(safe_text(int(value)))

    def _text(self, text: str) -> str:
        text = scrub(text)
        return text if self._max_length is None else text[: self._max_length]

    def _sequence(self, values: Sequence[Any], depth: int) -> AnyValue:
        if depth >= MAX_DEPTH:
            return TOO_MUCH
        kept: list[AnyValue] = []
        for value in values:
            if self._left <= 0:
                kept.append(TOO_MUCH)
                break
            kept.append(self.clean(value, depth + 1))
        return tuple(kept)

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> AnyValue:
        if depth >= MAX_DEPTH:
            return TOO_MUCH
        kept: dict[str, AnyValue] = {}
        for key, value in values.items():
            if self._left <= 0:
                kept[TOO_MUCH] = TOO_MUCH
                break
            if name := _key(key):
                kept[name] = self.clean(value, depth + 1)
        return kept


def _key(key: Any) -> str | None:
    """A mapping's key as the SDK keeps it: as text where it has one, else not at all."""
    try:
        return safe_text(key) if key and (isinstance(key, str) or _has_text(key)) else None
    except Exception:
        return None


def _has_text(value: object) -> bool:
    """Whether the type says how to show itself; ``<object at 0x…>`` is no attribute value."""
    kind = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__


def exception_attributes(error: Any) -> dict[str, AnyValue]:
    """``exception.*`` as the SDK fills them for ``Logger.emit(exception=…)``.

    Empty for what is no exception; never raises.
    """
    kind = type(error)
    if not issubclass(kind, BaseException):
        return {}
    try:
        qualified = f"{kind.__module__}.{kind.__qualname__}"
        trace = error.__traceback__
    except Exception:  # a metaclass or a __getattribute__ that raises
        qualified, trace = class_name(kind), None
    return {
        "exception.type": scrub(qualified.removeprefix("builtins.")),
        "exception.message": safe_text(error),
        "exception.stacktrace": stacktrace(kind, error, trace),
    }


def stacktrace(kind: Any, error: Any, trace: Any) -> str:
    """The text of a traceback; never raises."""
    try:
        return scrub("".join(traceback.format_exception(kind, error, trace)))
    except Exception:
        return unprintable(error)
