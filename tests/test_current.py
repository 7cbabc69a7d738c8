"""Facades have providers before there is a handle, while there is one, and after it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace

import pepperpy_otel
from pepperpy_otel import _current

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_current, "_local", {})
    yield
    _current.set_current(None, forget=True)


def _handle() -> Any:
    return SimpleNamespace(tracer_provider="t", meter_provider="m", logger_provider="l")


def test_without_a_handle_there_are_private_providers_that_record() -> None:
    """They record and are not the global ones."""
    with _current.tracer_provider().get_tracer("x").start_as_current_span("y") as span:
        assert span.is_recording()
    _current.meter_provider().get_meter("x").create_counter("c").add(1)
    data = _current.local_metric_reader().get_metrics_data()
    assert data.resource_metrics[0].scope_metrics[0].metrics[0].name == "c"
    assert _current.logger_provider().get_logger("x") is not None
    assert _current.tracer_provider() is _current.tracer_provider()
    assert trace.get_tracer_provider() is not _current.tracer_provider()
    assert metrics.get_meter_provider() is not _current.meter_provider()


def test_the_samplers_variable_does_not_touch_the_private_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A facade's span records before configure(), whatever the environment says of sampling."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert _current.tracer_provider().get_tracer("x").start_span("y").is_recording()


def test_with_a_handle_its_providers_count() -> None:
    """Every change is a new generation, so that facades see that what they cached is stale."""
    before = _current.generation
    handle = _handle()
    _current.set_current(handle)
    assert _current.get() is _current.last() is handle
    assert _current.tracer_provider() == "t"
    assert _current.meter_provider() == "m"
    assert _current.logger_provider() == "l"
    assert _current.generation == before + 1


def test_after_its_end_a_handle_is_remembered_until_it_is_rolled_back() -> None:
    """shutdown() leaves something to restore, rollback() does not."""
    handle = _handle()
    _current.set_current(handle)
    _current.set_current(None)
    assert _current.get() is None
    assert _current.last() is handle
    _current.set_current(None, forget=True)
    assert _current.last() is None


def test_the_public_functions_are_harmless_without_a_handle() -> None:
    """force_flush, shutdown and rollback before configure() do nothing and say so truly."""
    assert pepperpy_otel.get_telemetry() is None
    assert pepperpy_otel.force_flush()
    assert pepperpy_otel.shutdown()
    assert pepperpy_otel.rollback()
    assert pepperpy_otel.rollback().restored == ()


def test_tracers_meters_and_loggers_without_a_handle_are_the_apis() -> None:
    """What is handed out early is the API's proxy, which comes to life with configure()."""
    with pepperpy_otel.get_tracer("x").start_as_current_span("y") as span:
        assert not span.is_recording()
    pepperpy_otel.get_meter("x").create_counter("c").add(1)
    pepperpy_otel.get_logger("x").emit(body="z")
