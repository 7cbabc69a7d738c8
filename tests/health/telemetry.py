"""What the tests of health as telemetry look at: records, spans, series, the port."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]

STATES = {"healthy", "degraded", "unhealthy", "unknown"}


@pytest.fixture
def db() -> Iterator[list[Any]]:
    """A check named ``db`` that answers with what the test puts into the list."""
    answers: list[Any] = [True]

    def check() -> Any:
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    health.register("db", check, interval=30.0)
    yield answers
    health.unregister("db")


class Records(LogRecordProcessor):
    def __init__(self) -> None:
        self.records: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        record = log_record.log_record
        if record.attributes.get("health.check.name") == "db":  # not the pipeline's own
            self.records.append(record)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


class Spans(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[Any] = []

    def on_end(self, span: Any) -> None:
        self.spans.append(span)


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return value


def points(telemetry: Telemetry, name: str) -> list[tuple[dict[str, Any], Any]]:
    """Attributes and point of each series of one metric, and its data's type in the first."""
    data = telemetry.metrics_snapshot()
    assert data is not None
    return [
        (dict(point.attributes), point)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def states(telemetry: Telemetry, check: str) -> dict[str, int]:
    return {
        attributes["health.check.state"]: point.value
        for attributes, point in points(telemetry, "health.check.status")
        if attributes["health.check.name"] == check
    }


def kind_of(telemetry: Telemetry, name: str) -> tuple[str, str]:
    data = telemetry.metrics_snapshot()
    assert data is not None
    return next(
        (type(metric.data).__name__, metric.unit)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
    )


def get(telemetry: Telemetry, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    assert telemetry.health.address is not None
    host, port = telemetry.health.address
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
