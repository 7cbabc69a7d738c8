"""From SDK records to the bytes of an OTLP request, and from its answer to a count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pepperpy_otel.delivery import otlp
from pepperpy_otel.delivery.otlp.metrics import MetricsEncoder
from pepperpy_otel.delivery.otlp.values import text_of
from pepperpy_otel.delivery.outcome import Outcome, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal

#: Where each signal's OTLP/gRPC service lives.
SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}


class Encoded(NamedTuple):
    """A request: its bytes, the items in it, the items left out, and why."""

    body: bytes
    items: int
    unencodable: int = 0
    error: str | None = None

    def outcome(self) -> Outcome:
        """What became of a batch of which nothing is left to send."""
        return Outcome(unencodable=self.unencodable, error=self.error)


class Encoder:
    """Encodes batches of one signal; one poisonous item does not cost the batch it is in."""

    def __init__(self, signal: Signal) -> None:
        self._requests = MetricsEncoder() if signal == "metrics" else otlp.RequestEncoder(signal)

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The bytes of one request with all of ``items`` that can be encoded."""
        request = self._requests.encode(items)
        error = request.error
        if error is None:
            return Encoded(request.body, request.items)
        why = one_line(f"cannot be encoded: {type(error).__name__}: {text_of(error)}")
        return Encoded(request.body, request.items, request.left_out, why)


def read_answer(signal: Signal, body: bytes, count: int) -> Outcome:
    """The outcome of a batch of ``count`` items that was answered with success and ``body``.

    The answers of all signals have one layout. One that cannot be read is a success all the same:
    the status said so.
    """
    return otlp.read_answer(body, count)
