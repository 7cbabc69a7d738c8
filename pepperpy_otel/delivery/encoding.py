"""From SDK records to the bytes of an OTLP request, and from its answer to a count.

The bytes come from the stock encoder. One poisonous item must not cost the batch it is in: when a
batch cannot be encoded, its items are tried one by one and only those that fail are dropped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from pepperpy_otel import _compat
from pepperpy_otel.delivery.collection import measure
from pepperpy_otel.delivery.outcome import Outcome, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.counts import Signal

#: Where each signal's OTLP/gRPC service lives, and what its answer is called.
SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
_REJECTED: dict[Signal, str] = {
    "traces": "rejected_spans",
    "metrics": "rejected_data_points",
    "logs": "rejected_log_records",
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
    """Encodes batches of one signal; loads protobuf with the first one."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._encode: Callable[[Any], Any] = _compat.stock_encoder(signal)

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The bytes of one request with all of ``items`` that can be encoded."""
        if self._signal == "metrics":
            return self._encode_metrics(items)
        try:
            return Encoded(self._bytes(items), len(items))
        except Exception as error:
            good = [item for item in items if self._encodes([item])]
            return self._without(len(items) - len(good), error, self._bytes(good), len(good))

    def _encode_metrics(self, items: Sequence[Any]) -> Encoded:
        """Requests are merged by writing one after the other: their only field is repeated."""
        count = sum(measure(data)[0] for data in items)
        try:
            return Encoded(b"".join(self._bytes(data) for data in items), count)
        except Exception as error:
            good = [self._healthy_points(data) for data in items]
            left = sum(measure(data)[0] for data in good)
            body = b"".join(self._bytes(data) for data in good)
            return self._without(count - left, error, body, left)

    def _healthy_points(self, data: Any) -> Any:
        """``data`` with those data points only that can be encoded."""

        def keep_points(resource: Any, scope: Any, metric: Any) -> Any:
            def single(point: Any) -> Any:
                alone = _replace(metric, data=_replace(metric.data, data_points=[point]))
                inner = _replace(scope, metrics=[alone])
                return _replace(data, resource_metrics=[_replace(resource, scope_metrics=[inner])])

            points = [p for p in metric.data.data_points if self._encodes(single(p))]
            return _replace(metric, data=_replace(metric.data, data_points=points))

        resources = []
        for resource in data.resource_metrics:
            scopes = []
            for scope in resource.scope_metrics:
                metrics = [keep_points(resource, scope, metric) for metric in scope.metrics]
                metrics = [metric for metric in metrics if metric.data.data_points]
                scopes.append(_replace(scope, metrics=metrics))
            resources.append(_replace(resource, scope_metrics=scopes))
        return _replace(data, resource_metrics=resources)

    def _bytes(self, items: Any) -> bytes:
        body: bytes = self._encode(items).SerializeToString()
        return body

    def _encodes(self, items: Any) -> bool:
        try:
            self._bytes(items)
        except Exception:
            return False
        return True

    def _without(self, lost: int, error: Exception, body: bytes, count: int) -> Encoded:
        why = one_line(f"cannot be encoded: {type(error).__name__}: {error}")
        return Encoded(body, count, lost, why)


def read_answer(signal: Signal, body: bytes, count: int) -> Outcome:
    """The outcome of a batch of ``count`` items that was answered with success and ``body``.

    An answer that cannot be read is a success all the same: the status said so.
    """
    try:
        answer = _answer_type(signal).FromString(body)
    except Exception:
        return Outcome(delivered=count)
    partial = answer.partial_success
    rejected = min(max(getattr(partial, _REJECTED[signal]), 0), count)
    message = one_line(partial.error_message)
    if rejected:
        message = f"partial success: {message or 'no reason given'}"
    return Outcome(delivered=count - rejected, rejected=rejected, error=message or None)


def _answer_type(signal: Signal) -> Any:
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

        return trace_service_pb2.ExportTraceServiceResponse
    if signal == "metrics":
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

        return metrics_service_pb2.ExportMetricsServiceResponse
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

    return logs_service_pb2.ExportLogsServiceResponse


def _replace(thing: Any, **changes: Any) -> Any:
    return dataclasses.replace(thing, **changes)
