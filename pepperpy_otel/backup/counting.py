"""How many spans, data points or log records there are in an export request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.files.fields import message_class

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import Signal

#: What the counted things of each signal are called.
ITEMS: dict[Signal, str] = {"traces": "spans", "metrics": "data points", "logs": "log records"}


def count(signal: Signal, body: bytes) -> int:
    """The number of items in a request.

    Args:
        signal: Which signal's request it is.
        body: The request in the protobuf encoding, not compressed.

    Raises:
        google.protobuf.message.DecodeError: It is no such request.
    """
    message = message_class(signal).FromString(body)
    if signal == "traces":
        return sum(len(scope.spans) for r in message.resource_spans for scope in r.scope_spans)
    if signal == "logs":
        return sum(len(scope.log_records) for r in message.resource_logs for scope in r.scope_logs)
    return sum(
        _points(metric)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return 0 if kind is None else len(getattr(metric, kind).data_points)
