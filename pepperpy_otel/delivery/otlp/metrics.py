"""Metrics as a request, by the stock encoder: there are few points beside spans and records.

One poisonous data point must not cost the batch: when it cannot be encoded, its points are tried
one by one and only those that fail are left out.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat
from pepperpy_otel.delivery.collection import measure
from pepperpy_otel.delivery.otlp.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class MetricsEncoder:
    """Encodes what collections gave; loads protobuf when it is made."""

    def __init__(self) -> None:
        self._encode: Callable[[Any], Any] = _compat.stock_encoder("metrics")

    def encode(self, items: Sequence[Any]) -> Request:
        """One request with all data points that can be encoded.

        Requests are merged by writing one after the other: their only field is repeated.
        """
        count = sum(measure(data)[0] for data in items)
        try:
            return Request(b"".join(self._bytes(data) for data in items), count, 0, None)
        except Exception as error:
            good = [self._healthy_points(data) for data in items]
            left = sum(measure(data)[0] for data in good)
            body = b"".join(self._bytes(data) for data in good)
            return Request(body, left, count - left, error)

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

    def _bytes(self, data: Any) -> bytes:
        body: bytes = self._encode(data).SerializeToString()
        return body

    def _encodes(self, data: Any) -> bool:
        try:
            self._bytes(data)
        except Exception:
            return False
        return True


def _replace(thing: Any, **changes: Any) -> Any:
    return dataclasses.replace(thing, **changes)
