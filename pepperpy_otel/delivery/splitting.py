"""Divides an OTLP request that is too large, or has something bad in it, in two.

Works on the bytes of the request, so that what waits on disk can be divided like what has just
been encoded. Rare, hence by protobuf: parsed twice, and from each copy the other half is cut away.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from pepperpy_otel.delivery.forks import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.delivery.counts import Signal


class Part(NamedTuple):
    """An OTLP request, uncompressed, and the number of spans, records or data points in it."""

    body: bytes
    items: int


def split(signal: Signal, body: bytes) -> tuple[Part, Part] | None:
    """Two requests with half the items each, in order, everything around them kept.

    Args:
        signal: What is in it.
        body: The bytes of the request.

    Returns:
        ``None`` if there are not two items in it, or it is not a request.
    """
    try:
        total = sum(len(leaves) for *_, leaves in _lists(signal, _parse(signal, body)))
    except Exception:
        return None
    if total < 2:
        return None
    half = total // 2
    return (
        Part(_cut(signal, body, 0, half), half),
        Part(_cut(signal, body, half, total), total - half),
    )


def _cut(signal: Signal, body: bytes, start: int, stop: int) -> bytes:
    """The request with the items from ``start`` up to ``stop`` alone."""
    request = _parse(signal, body)
    position = 0
    for _, _, leaves in _lists(signal, request):
        count = len(leaves)
        low = min(max(start - position, 0), count)
        high = min(max(stop - position, 0), count)
        del leaves[high:]
        del leaves[:low]
        position += count
    resources = _resources(signal, request)
    for resource in resources:
        scopes = _scopes(signal, resource)
        if signal == "metrics":
            for scope in scopes:
                _keep(scope.metrics, [bool(_points(metric)) for metric in scope.metrics])
        _keep(scopes, [bool(_records(signal, scope)) for scope in scopes])
    _keep(resources, [bool(_scopes(signal, resource)) for resource in resources])
    result: bytes = request.SerializeToString()
    return result


def _keep(repeated: Any, wanted: list[bool]) -> None:
    for index in reversed(range(len(wanted))):
        if not wanted[index]:
            del repeated[index]


def _lists(signal: Signal, request: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each list of items in the request, with the resource and the scope that it belongs to."""
    for resource in _resources(signal, request):
        for scope in _scopes(signal, resource):
            if signal == "metrics":
                for metric in scope.metrics:
                    yield resource, scope, _points(metric)
            else:
                yield resource, scope, _records(signal, scope)


def _points(metric: Any) -> Any:
    kind = metric.WhichOneof("data")
    return [] if kind is None else getattr(metric, kind).data_points


def _resources(signal: Signal, request: Any) -> Any:
    return getattr(request, _FIELDS[signal][0])


def _scopes(signal: Signal, resource: Any) -> Any:
    return getattr(resource, _FIELDS[signal][1])


def _records(signal: Signal, scope: Any) -> Any:
    return getattr(scope, _FIELDS[signal][2])


_FIELDS: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}


#: Where the messages are, and which: loaded one by one, so that a fork waits for one of them only.
_MODULES: dict[str, tuple[str, str]] = {
    signal: (
        f"opentelemetry.proto.collector.{package}.v1.{package}_service_pb2",
        f"Export{package.capitalize()}ServiceRequest",
    )
    for signal, package in (("traces", "trace"), ("metrics", "metrics"), ("logs", "logs"))
}


def _parse(signal: Signal, body: bytes) -> Any:
    module, message = _MODULES[signal]
    load("google.protobuf.descriptor_pool", module)
    return getattr(sys.modules[module], message).FromString(body)
