"""What tests of metrics share: a provider of ours at work, and hostile things to hand to it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource

from pepperpy_otel import _current, errors
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import SharedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.metrics.export import Metric, MetricsData

RESOURCE = Resource({"service.name": "test"})


class Hostile:
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __index__(self) -> int:
        raise RuntimeError("no index")


class Armed:
    """A provider of ours with one shared reader."""

    def __init__(self, **reader: Any) -> None:
        self.provider = MeterProvider()
        self.reader = SharedReader(**reader)
        self.provider.arm(resource=RESOURCE, readers=[self.reader])
        self.meter = self.provider.get_meter("test")

    def collect(self, consumer: str = "push") -> MetricsData | None:
        return self.reader.collect_for(consumer)

    def points(self, name: str, consumer: str = "push") -> list[Any]:
        return points(self.collect(consumer), name)

    def values(self, name: str) -> list[float]:
        return [point.value for point in self.points(name)]


def metric(data: MetricsData | None, name: str) -> Metric | None:
    """The metric ``name``, of whatever scope."""
    for resource in [] if data is None else data.resource_metrics:
        for scope in resource.scope_metrics:
            for found in scope.metrics:
                if found.name == name:
                    return found
    return None


def points(data: MetricsData | None, name: str) -> list[Any]:
    """The points of the metric ``name``."""
    found = metric(data, name)
    return [] if found is None else list(found.data.data_points)


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def armed() -> Iterator[Armed]:
    """A provider at work."""
    armed = Armed()
    yield armed
    armed.provider.disarm()


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are said once in a process are said once in each test."""
    monkeypatch.setattr(errors, "_seen", set())


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """A test leaves no thread of ours behind."""
    yield
    until(lambda: not any(t.name.startswith("pepperpy-otel") for t in threading.enumerate()))


@pytest.fixture
def private_providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fresh providers for facades before configure()."""
    monkeypatch.setattr(_current, "_local", {})
    _current.set_current(None)
    yield
    _current.set_current(None, forget=True)
