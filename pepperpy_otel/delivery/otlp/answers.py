"""What a server says about a request that it took.

``ExportTraceServiceResponse`` and its like for logs and metrics have one layout: a
``partial_success`` (1) of a count of rejected items (1) and an error message (2).
https://opentelemetry.io/docs/specs/otlp/#partial-success
"""

from __future__ import annotations

from pepperpy_otel.delivery.otlp.wire import read_fields, signed
from pepperpy_otel.delivery.outcome import Outcome, one_line


def read_answer(body: bytes, count: int) -> Outcome:
    """The outcome of a batch of ``count`` items that was answered with success and ``body``.

    An answer that cannot be read is a success all the same: the status said so.
    """
    rejected, message = 0, b""
    try:
        for field, partial in read_fields(body):
            if field != 1 or not isinstance(partial, bytes):
                continue
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
