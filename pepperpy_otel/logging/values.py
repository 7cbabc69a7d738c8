"""Text of any value, whatever the value does about it.

What an application logs is not ours to trust: ``__str__`` may raise or recurse, text may hold lone
surrogates that no encoder takes, a value may be a gigabyte. Everything that leaves through logs
goes through here, so that one bad value costs itself and not the record, the batch or the app.
"""

from __future__ import annotations

import re

#: Characters that one value may have in a JSON line and in the aggregator.
MAX_TEXT = 64 * 1024

_SURROGATES = re.compile("[\ud800-\udfff]")


def class_name(kind: type) -> str:
    """The name of a class, also of one whose metaclass raises."""
    try:
        return scrub(exact(kind.__name__))
    except Exception:
        return "object"


def type_name(value: object) -> str:
    """The name of the value's type."""
    return class_name(type(value))


def unprintable(value: object) -> str:
    """What stands for a value that has no text."""
    return f"<unprintable {type_name(value)}>"


def scrub(text: str) -> str:
    """``text`` with each lone surrogate replaced by U+FFFD: UTF-8 and JSON have none."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def exact(text: str) -> str:
    """The same text as a ``str`` proper: a subclass may override what encoders call."""
    return text if type(text) is str else str.__str__(text)


def safe_text(value: object) -> str:
    """``str(value)`` as an encodable string; never raises."""
    try:
        return scrub(exact(value if isinstance(value, str) else str(value)))
    except Exception:
        return unprintable(value)


def bounded(text: str, limit: int = MAX_TEXT) -> str:
    """At most ``limit`` characters; three dots stand for what is cut off at the end."""
    return text if len(text) <= limit else text[: max(0, limit - 3)] + "..."[:limit]


def bounded_tail(text: str, limit: int = MAX_TEXT) -> str:
    """At most ``limit`` characters from the end: of a stack trace the end says what happened."""
    return text if len(text) <= limit else "..."[:limit] + text[len(text) - max(0, limit - 3) :]
