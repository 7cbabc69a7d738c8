"""Parsers of single values: text, flags, numbers, ports, hosts, levels, choices."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from pepperpy_otel._settings_given import one_of

if TYPE_CHECKING:
    from pepperpy_otel._settings_given import Given

_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_LEVELS = "use 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL' or a number of 0 or more"


def text(given: Given) -> str:
    """Text that says something."""
    if not isinstance(given.raw, str):
        raise given.reject("is not text", "write it as a string")
    if not (value := given.raw.strip()):
        raise given.reject("is empty", "write a text or leave it out")
    return value


def flag(given: Given) -> bool:
    """A boolean of ours; in the environment also 1/0, yes/no, on/off."""
    if isinstance(given.raw, bool):
        return given.raw
    value = word(given.raw) if given.from_environment else None
    if value is None:
        raise given.reject("is not a boolean", _boolean_fix(given))
    return value


def word(raw: object) -> bool | None:
    """The boolean that a word stands for, if it does."""
    return _WORDS.get(raw.strip().lower()) if isinstance(raw, str) else None


def specified_flag(given: Given) -> bool:
    """A boolean as the specification defines it: nothing but ``true`` and ``false``."""
    if isinstance(given.raw, bool):
        return given.raw
    value = given.raw.strip().lower() if isinstance(given.raw, str) else ""
    if not given.from_environment or value not in {"true", "false"}:
        raise given.reject("is not a boolean", _boolean_fix(given))
    return value == "true"


def _boolean_fix(given: Given) -> str:
    if given.from_environment:
        return "use 'true' or 'false'"
    return "use True or False" if given.source.kind == "argument" else "use true or false"


def number(given: Given) -> float | None:
    """The finite number that was given, as such or as text; ``None`` if it is none."""
    raw = given.raw
    if isinstance(raw, str):
        try:
            raw = float(raw.strip().replace("_", "?"))
        except ValueError:
            return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def integer(given: Given, *, minimum: int = 0, unit: str = "") -> int:
    """A whole number of at least ``minimum``."""
    value = number(given)
    fix = f"use a whole number of {unit}{', ' if unit else ''}{minimum} or more"
    if value is None or not value.is_integer():
        raise given.reject("is not a whole number", fix)
    if value < minimum:
        raise given.reject("is negative" if value < 0 else "is too small", fix)
    return int(value)


def port(given: Given) -> int:
    """A port number; 0 stands for any free one."""
    value = number(given)
    if value is None or not value.is_integer() or not 0 <= value <= 65535:
        raise given.reject("is not a port", "use a whole number from 0 (any free port) to 65535")
    return int(value)


def host(given: Given) -> str:
    """A host name or an address, without scheme and port."""
    value = text(given)
    if value.startswith("[") and value.endswith("]"):  # an IPv6 address as in a URL
        value = value[1:-1]
    if any(char in "/@" or char.isspace() for char in value) or value.count(":") == 1:
        raise given.reject(
            "is not a host", "use a host name or an address, such as 'localhost' or '0.0.0.0'"
        )
    return value


def choice(given: Given, *, what: str, among: tuple[str, ...]) -> str:
    """One of a few words, in any case."""
    value = given.raw.strip().lower() if isinstance(given.raw, str) else ""
    if value not in among:
        raise given.reject(f"is not {what}", f"use {one_of(among, value)}")
    return value


def level(given: Given) -> int:
    """A level of the ``logging`` module: a name in any case, or a number."""
    if isinstance(given.raw, str):
        named = logging.getLevelName(given.raw.strip().upper())
        if isinstance(named, int):
            return named
    value = number(given)
    if value is None or not value.is_integer() or value < 0:
        raise given.reject("is not a log level", _LEVELS)
    return int(value)
