"""The correlation id, and the baggage that is allowed, as attributes of spans and log records.

Most processes have no baggage most of the time: then this is one look into the context. With some,
what becomes of it is worked out once for all spans and records that have the very same baggage.
What that takes is imported when there is some: configure() is to cost next to nothing, too.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import Span

#: Without this module nobody has put baggage into any context.
_BAGGAGE = "opentelemetry.baggage"
_key = ""


def _find_key() -> str:
    global _key
    if _BAGGAGE in sys.modules:
        _key = _compat.baggage_key()
    return _key


class Attributes:
    """What of the baggage becomes attributes.

    Args:
        allowed: Keys, or prefixes with a ``*`` at the end.
        with_id: Whether the correlation id does, too.
    """

    def __init__(self, allowed: Sequence[str], *, with_id: bool = True) -> None:
        self._with_id = with_id
        self._names = tuple(name for name in allowed if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in allowed if name.endswith("*"))
        # The last baggage and its attributes, in one value: threads may look at the same time.
        self._last: tuple[Any, dict[str, str]] = (None, {})

    def of(self, baggage: Any) -> dict[str, str]:
        """The attributes for some baggage."""
        last, made = self._last
        if last is not baggage:
            made = self._made(baggage) if isinstance(baggage, dict) else {}
            self._last = (baggage, made)
        return made

    def _made(self, baggage: dict[str, object]) -> dict[str, str]:
        from pepperpy_otel.correlation import entries, ids

        made = {name: entries.attribute(baggage[name]) for name in self._names if name in baggage}
        if self._prefixes:
            for name, value in baggage.items():
                if isinstance(name, str) and name.startswith(self._prefixes):
                    made[name] = entries.attribute(value)
        made.pop(ids.KEY, None)
        if self._with_id and (correlation_id := ids.known(baggage.get(ids.KEY))) is not None:
            made[ids.KEY] = correlation_id
        return made


class CorrelationSpanProcessor(SpanProcessor):
    """Puts them on each span when it starts; what the app has set itself stays.

    Args:
        attributes: What becomes of baggage.
    """

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Look at the context in which the span starts."""
        context = get_current() if parent_context is None else parent_context
        if (key := _key or _find_key()) and (baggage := context.get(key)):
            own = span.attributes or ()
            for name, value in self._attributes.of(baggage).items():
                if name not in own:
                    span.set_attribute(name, value)


class CorrelationLogProcessor(LogRecordProcessor):
    """Puts them on each log record; what the app has set itself stays.

    Args:
        attributes: What becomes of baggage.
    """

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Look at the context in which the record was made."""
        record = log_record.log_record
        context = get_current() if record.context is None else record.context
        if (key := _key or _find_key()) and (baggage := context.get(key)):
            attributes: Any = record.attributes
            for name, value in self._attributes.of(baggage).items():
                if name not in attributes:
                    attributes[name] = value

    def shutdown(self) -> None:
        """Nothing to end."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits here."""
        return True
