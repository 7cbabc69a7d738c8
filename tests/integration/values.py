"""Attribute values, times and texts of OTLP messages as text that two runs can be compared by."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.message import Message

NOW = "now"
# Times that the program sets itself lie in the past; all others are those of the run.
OLDEST_NOW = 1_750_000_000_000_000_000
VOLATILE = (
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:<port>"),
    (re.compile(r"port=\d+"), "port=<port>"),
    (re.compile(r"0x[0-9a-f]{6,}"), "<address>"),
)
# One frame of a traceback: the line with the file, then the code and its markers.
TELEMETRY_FRAME = re.compile(
    r'  File "[^"\n]*/(?:opentelemetry|pepperpy_otel)/[^\n]*\n(?:    [^\n]*\n)*'
)
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def prefixed(prefix: str, items: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Attributes as fields; of a stack trace, the frames of telemetry are only counted."""
    for name, value in attributes(items).items():
        if name == "exception.stacktrace":
            value, number = TELEMETRY_FRAME.subn("", value)
            yield f"{prefix}{name}, frames of telemetry", str(number)
        yield f"{prefix}{name}", value


def attributes(items: Iterable[Any]) -> dict[str, str]:
    """Attributes as text that tells a string from a number."""
    found = {}
    for item in items:
        value = item.value
        if item.key.endswith("port") and value.WhichOneof("value") == "int_value":
            found[item.key] = "<port>"
        elif UUID.match(value.string_value):
            found[item.key] = "<uuid>"
        else:
            found[item.key] = clean(any_value(value))
    return found


def when(nanoseconds: int) -> str:
    """``now`` for the time of the run; what the program has set itself stays."""
    return NOW if nanoseconds > OLDEST_NOW else str(nanoseconds)


def clean(text: str) -> str:
    """Without what differs from run to run."""
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def any_value(value: Message) -> str:
    """An ``AnyValue``: a string is itself, other scalars name their type."""
    kind = value.WhichOneof("value")
    content: Any = getattr(value, kind) if kind else None
    shown: dict[str | None, Callable[[], str]] = {
        "array_value": lambda: f"[{', '.join(any_value(item) for item in content.values)}]",
        "kvlist_value": lambda: (
            "{" + ", ".join(f"{item.key}: {any_value(item.value)}" for item in content.values) + "}"
        ),
        "string_value": lambda: content,
        None: lambda: "(nothing)",
    }
    return shown.get(kind, lambda: f"{kind} {content!r}")()
