"""What a server says about a request: one that it took, and one that it refused.

``ExportTraceServiceResponse`` and its like for logs and metrics have one layout: a
``partial_success`` (1) of a count of rejected items (1) and an error message (2).
https://opentelemetry.io/docs/specs/otlp/#partial-success

A refusal is a ``google.rpc.Status``: a message (2) and details (3), each an ``Any`` of the type's
URL (1) and its bytes (2). One may be a ``RetryInfo``: a duration (1) in seconds (1) and
nanoseconds (2). https://github.com/googleapis/googleapis/tree/master/google/rpc
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.delivery.otlp.wire import read_fields, signed
from pepperpy_otel.delivery.outcome import Outcome, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETRY_INFO = b"/google.rpc.RetryInfo"


def read_answer(body: bytes, count: int) -> Outcome:
    """The outcome of a batch of ``count`` items that was answered with success and ``body``.

    An answer that cannot be read is a success all the same: the status said so.
    """
    rejected, message = 0, b""
    try:
        for partial in _messages(body, 1):
            for inner, value in read_fields(partial):
                if inner == 1 and isinstance(value, int):
                    rejected = signed(value)
                elif inner == 2 and isinstance(value, bytes):
                    message = value
    except ValueError:
        return Outcome(delivered=count)
    rejected = min(max(rejected, 0), count)
    text = one_line(message.decode("utf-8", "replace"))
    if rejected:
        text = f"partial success: {text or 'no reason given'}"
    return Outcome(delivered=count - rejected, rejected=rejected, error=text or None)


def message_in(status: bytes) -> str:
    """The message of a refusal; empty if it has none, or cannot be read."""
    try:
        return one_line(_last(status, 2).decode("utf-8", "replace"))
    except ValueError:
        return ""


def delay_in(status: bytes) -> float | None:
    """Seconds that the server asks us to wait, in a refusal's ``RetryInfo``, if it does."""
    try:
        for detail in _messages(status, 3):
            if _last(detail, 1).endswith(_RETRY_INFO):
                duration = _last(_last(detail, 2), 1)
                numbers = dict(read_fields(duration))
                seconds, nanos = (signed(int(numbers.get(field, 0))) for field in (1, 2))
                return seconds + nanos / 1e9
    except ValueError:  # details that cannot be read are no details
        return None
    return None


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    """Each value of a field that holds bytes."""
    for field, value in read_fields(message):
        if field == number and isinstance(value, bytes):
            yield value


def _last(message: bytes, number: int) -> bytes:
    """The value of a field that is not repeated: the last one counts."""
    return (b"", *_messages(message, number))[-1]
