"""Metrics without secrets: attributes, exemplars, names, units, descriptions, resource, scope.

Looked through when they are collected, not at each measurement: an app adds to a counter a million
times and is scraped four times a minute. Streams that differ only in what was taken out are one
stream afterwards and are added up: two of the same name would be refused or, worse, believed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricsData

from pepperpy_otel.redaction.merging import merge_points
from pepperpy_otel.redaction.records import Headers, plain

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric

    from pepperpy_otel.redaction.redactor import Redactor

#: What stands for a name: brackets are not allowed in it.
NAME = "redacted"


class MetricRedactor:
    """Makes collected metrics fit to leave.

    Args:
        redactor: Looks at texts and attributes.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._headers = Headers(redactor)

    def __call__(self, data: MetricsData) -> MetricsData:
        """The same data, or a copy without secrets; none at all if it cannot be looked through."""
        try:
            return MetricsData([self._resource(each) for each in data.resource_metrics])
        except Exception as error:  # what it says may quote an attribute
            self._redactor.failed("metrics", error)
            return MetricsData([])

    def _resource(self, resource: Any) -> Any:
        return replace(
            resource,
            resource=self._headers.resource(resource.resource),
            schema_url=self._text(resource.schema_url),
            scope_metrics=[
                replace(
                    scope,
                    scope=self._headers.scope(scope.scope),
                    schema_url=self._text(scope.schema_url),
                    metrics=[self._metric(metric) for metric in scope.metrics],
                )
                for scope in resource.scope_metrics
            ],
        )

    def _text(self, text: Any) -> Any:
        return self._redactor.text(text) if text else text

    def _metric(self, metric: Metric) -> Metric:
        text = self._redactor.text
        name = metric.name if text(metric.name) == metric.name else NAME
        unit = text(metric.unit, "metric.unit") if metric.unit else metric.unit
        described = metric.description
        description = text(described, "metric.description") if described else described
        data: Any = metric.data
        points = self._points(data)
        if points is not None:
            data = replace(data, data_points=points)
        elif (name, unit, description) == (metric.name, metric.unit, metric.description):
            return metric
        return replace(metric, name=name, unit=unit, description=description, data=data)

    def _points(self, data: Any) -> list[Any] | None:
        """``None`` if there is nothing to take out."""
        found = [self._point(point) for point in data.data_points]
        if all(one is other for one, other in zip(found, data.data_points, strict=True)):
            return None
        return merge_points(found, added=hasattr(data, "aggregation_temporality"))

    def _point(self, point: Any) -> Any:
        attributes = plain(point.attributes)
        shown = self._redactor.attributes(attributes)
        given = list(point.exemplars or ())
        exemplars = [self._exemplar(exemplar) for exemplar in given]
        if shown is not attributes:
            point = replace(point, attributes=dict(shown))
        if any(one is not other for one, other in zip(exemplars, given, strict=True)):
            point = replace(point, exemplars=exemplars)
        return point

    def _exemplar(self, exemplar: Any) -> Any:
        attributes = plain(exemplar.filtered_attributes)
        shown = self._redactor.attributes(attributes)
        if shown is attributes:
            return exemplar
        return replace(exemplar, filtered_attributes=dict(shown))
