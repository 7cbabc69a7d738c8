"""``MetricsCollector``: three instruments that every service wants, and the values of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel import _current
from pepperpy_otel.errors import report_internal
from pepperpy_otel.metrics.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.metrics.export import Metric, MetricsData, ScopeMetrics

    from pepperpy_otel.metrics.registry import Counter, Histogram, UpDownCounter

#: Seconds, as the convention for http.server.request.duration has them.
RESPONSE_TIME_BOUNDARIES = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

REQUESTS = "pepperpy.requests"
RESPONSE_TIME = "pepperpy.response_time"
ACTIVE_CONNECTIONS = "pepperpy.active_connections"

#: What HTTP instrumentations give, newest name first: a scope that gives both counts once.
_HTTP_DURATIONS = ("http.server.request.duration", "http.server.duration")
_HTTP_ACTIVE = "http.server.active_requests"


class MetricsCollector:
    """Counts requests, times and connections, and reads the values of every instrument.

    Works before and after ``configure()``; the three instruments stay the same objects. What was
    recorded before ``configure()`` stays on the private provider and is not exported.

    Attributes:
        registry: Further instruments by name.
        request_count: Counter ``pepperpy.requests``.
        response_time: Histogram ``pepperpy.response_time``, in seconds.
        active_connections: Up-down counter ``pepperpy.active_connections``.

    Example:
        >>> collector = MetricsCollector()
        >>> collector.request_count.add(1, {"http.route": "/orders"})
        >>> collector.response_time.record(0.042)
        >>> collector.collect()["requests"]
        1
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.request_count: Counter = self.registry.counter(
            REQUESTS, unit="{request}", description="Requests that were handled."
        )
        self.response_time: Histogram = self.registry.histogram(
            RESPONSE_TIME,
            unit="s",
            description="Time until the response.",
            boundaries=RESPONSE_TIME_BOUNDARIES,
        )
        self.active_connections: UpDownCounter = self.registry.up_down_counter(
            ACTIVE_CONNECTIONS, unit="{connection}", description="Connections that are open."
        )

    def collect(self) -> dict[str, Any]:
        """The current values of all instruments; reading them takes nothing from the exporters.

        Returns:
            ``requests`` and ``connections`` (numbers) and ``response_time`` (sum in seconds), each
            with what the HTTP instrumentations recorded; then every instrument by its name: a
            number where it has one point without attributes, else a list with
            ``{"scope", "attributes", "value"}`` for each point. A histogram has
            ``{"count", "sum", "min", "max"}`` for a value. With telemetry disabled all three
            are zero. An instrument that is called ``requests``, ``connections`` or
            ``response_time`` is found as ``<scope>/<name>``.
        """
        values: dict[str, Any] = {"requests": 0, "response_time": 0, "connections": 0}
        try:
            data = _snapshot()
            scopes = [] if data is None else _scopes(data)
            for scope in scopes:
                _add_totals(values, scope)
            _add_instruments(values, scopes)
        except Exception as error:
            report_internal("MetricsCollector.collect()", error)
        return values


def _snapshot() -> MetricsData | None:
    telemetry = _current.get()
    if telemetry is not None:
        snapshot: MetricsData | None = telemetry.metrics_snapshot()
        return snapshot
    _current.meter_provider()  # the private reader answers once the private provider has it
    local: MetricsData | None = _current.local_metric_reader().get_metrics_data()
    return local


def _scopes(data: MetricsData) -> list[ScopeMetrics]:
    return [scope for resource in data.resource_metrics for scope in resource.scope_metrics]


def _add_totals(values: dict[str, Any], scope: ScopeMetrics) -> None:
    metrics = {metric.name: metric for metric in scope.metrics}
    values["requests"] += sum(_values(metrics.get(REQUESTS)))
    values["connections"] += sum(_values(metrics.get(ACTIVE_CONNECTIONS)))
    values["connections"] += sum(_values(metrics.get(_HTTP_ACTIVE)))
    http = next((metrics[name] for name in _HTTP_DURATIONS if name in metrics), None)
    for metric in (metrics.get(RESPONSE_TIME), http):
        for point in [] if metric is None else metric.data.data_points:
            total = getattr(point, "sum", 0) or getattr(point, "value", 0)
            values["response_time"] += total / 1000 if metric and metric.unit == "ms" else total
            if metric is http:
                values["requests"] += getattr(point, "count", 0)


def _values(metric: Metric | None) -> Iterable[float]:
    if metric is not None:
        for point in metric.data.data_points:
            yield getattr(point, "value", 0)


def _add_instruments(values: dict[str, Any], scopes: list[ScopeMetrics]) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for scope in scopes:
        for metric in scope.metrics:
            name = f"{scope.scope.name}/{metric.name}" if metric.name in values else metric.name
            found.setdefault(name, []).extend(
                {
                    "scope": scope.scope.name,
                    "attributes": dict(point.attributes or {}),
                    "value": _value(point),
                }
                for point in metric.data.data_points
            )
    for name, points in found.items():
        alone = len(points) == 1 and not points[0]["attributes"]
        values[name] = points[0]["value"] if alone else points


def _value(point: Any) -> Any:
    if hasattr(point, "value"):
        return point.value
    return {"count": point.count, "sum": point.sum, "min": point.min, "max": point.max}
