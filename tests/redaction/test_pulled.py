"""Exporters of others that serve metrics by themselves are handed what was looked through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import pepperpy_otel
from pepperpy_otel import _compat, _entry_points

if TYPE_CHECKING:
    from tests.delivery.sinks import HttpSink


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> list[InMemoryMetricReader]:
    """The readers that an installed exporter ``pulling`` makes."""
    made: list[InMemoryMetricReader] = []

    class Pulling(InMemoryMetricReader):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    load = _entry_points.load
    monkeypatch.setattr(
        _entry_points, "load", lambda g, n: Pulling if n == "pulling" else load(g, n)
    )
    from pepperpy_otel import _settings_names

    installed = _settings_names.installed
    monkeypatch.setattr(_settings_names, "installed", lambda group: [*installed(group), "pulling"])
    return made


def test_a_pull_exporter_serves_no_secret(
    sink: HttpSink, pulled: list[InMemoryMetricReader]
) -> None:
    """What is collected for it went through redaction first."""
    telemetry = pepperpy_otel.configure(
        "x", endpoint=sink.url, instrument=False, health=False, redact=True, metrics="otlp,pulling"
    )
    try:
        telemetry.meter_provider.get_meter("m").create_counter("c").add(1, {"token": "hunter2"})
        data: Any = pulled[0].get_metrics_data()
    finally:
        pepperpy_otel.rollback()
    assert "hunter2" not in data.to_json()
    assert "[redacted:key]" in data.to_json()


def test_readers_receive_by_the_name_that_we_know() -> None:
    """The private method that is replaced is the one that collect() calls."""
    from opentelemetry.sdk.metrics import MeterProvider

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("m").create_counter("c").add(1)
    _compat.edit_received(reader, lambda data: ["edited", data])
    received: Any = reader.get_metrics_data()
    assert received[0] == "edited"
    provider.shutdown()
