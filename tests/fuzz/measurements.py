"""Metric calls with arguments that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

import pepperpy_otel
from pepperpy_otel.metrics import MetricsCollector

if TYPE_CHECKING:
    from tests.fuzz.arguments import Arguments


class Measurements:
    """Creates instruments and records with them.

    Args:
        arguments: What they are called with.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._a = arguments
        self._meter = pepperpy_otel.get_meter("fuzz")
        self._collector = MetricsCollector()
        self._instruments: list[Any] = [
            (self._meter.create_counter("fuzz.counter"), "add"),
            (self._meter.create_up_down_counter("fuzz.up_down"), "add"),
            (self._meter.create_histogram("fuzz.histogram"), "record"),
            (self._meter.create_gauge("fuzz.gauge"), "set"),
            (self._collector.request_count, "add"),
            (self._collector.response_time, "record"),
            (self._collector.active_connections, "add"),
        ]

    def record(self) -> None:
        instrument, method = self._a.random.choice(self._instruments)
        attributes = (
            self._a.attributes() if self._a.random.random() < 0.3 else self._a.or_any(None, {})
        )
        getattr(instrument, method)(self._a.or_any(1, 2.5, -1), attributes, self._a.context())

    def create_instrument(self) -> None:
        kind, method = self._a.random.choice(
            (
                ("counter", "add"),
                ("up_down_counter", "add"),
                ("histogram", "record"),
                ("gauge", "set"),
            )
        )
        name = self._a.or_any("fuzz.one", "fuzz.two", "9bad", "größe", "a" * 300)
        options: dict[str, Any] = {}
        if kind == "histogram" and self._a.random.random() < 0.5:
            options["explicit_bucket_boundaries_advisory"] = self._a.or_any([1, 2], [2, 1], [])
        create = getattr(self._meter, f"create_{kind}")
        instrument = create(name, self._a.or_any("s", ""), self._a.or_any("text", ""), **options)
        getattr(instrument, method)(1, self._a.attributes())

    def observe(self) -> None:
        value, attributes, callback = self._a.any(), self._a.attributes(), self._a.any()
        kind = self._a.random.choice(("counter", "up_down_counter", "gauge"))
        create = getattr(self._meter, f"create_observable_{kind}")

        def observe(_: Any) -> Any:
            return [Observation(value, attributes), value]

        name = f"fuzz.observed.{self._a.random.randrange(20)}"
        create(name, self._a.or_any([observe], [observe, callback]))

    def collect(self) -> None:
        self._collector.collect()
