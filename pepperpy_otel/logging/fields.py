"""The fields of a log record beside body and attributes, made fit for any processor and encoder.

Whoever emits a record by the API may put anything into them: a timestamp that is no number would
cost the record in the encoder, one that raises when it is looked at would cost it here.
"""

from __future__ import annotations

from itertools import islice
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context

from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

#: Attributes that are looked at in what is no dictionary, which may have no end.
MAX_ATTRIBUTES = 10_000
#: OTLP carries nanoseconds in 64 bits without a sign.
_END_OF_TIME = 1 << 64


def make_fit(record: LogRecord) -> None:
    """Put right, in place, what is of the wrong type; a value that means nothing is left out."""
    if type(record.timestamp) is not int or not 0 <= record.timestamp < _END_OF_TIME:
        record.timestamp = None
    observed = record.observed_timestamp
    if type(observed) is not int or not 0 <= observed < _END_OF_TIME:
        record.observed_timestamp = time_ns()
    if type(record.severity_number) is not SeverityNumber:
        record.severity_number = _severity(record.severity_number)
    text = record.severity_text
    if text is not None and not (type(text) is str and text.isascii()):
        record.severity_text = safe_text(text)
    name = record.event_name
    if name is not None and not (type(name) is str and name.isascii()):
        record.event_name = safe_text(name)


def usable_context(context: Any) -> Context | None:
    """The context, or ``None`` (the current one) for what is none."""
    return context if type(context) is Context else None


def items_of(attributes: Any) -> dict[Any, Any]:
    """The attributes as a dict; what is no mapping has none."""
    if type(attributes) is dict:
        return attributes
    try:
        if not attributes:
            return {}
        return dict(islice(getattr(attributes, "items", attributes.__iter__)(), MAX_ATTRIBUTES))
    except Exception:
        return {}


def _severity(number: Any) -> SeverityNumber | None:
    if not issubclass(type(number), int):
        return None
    try:
        return SeverityNumber(int.__int__(number))
    except ValueError:
        return None
