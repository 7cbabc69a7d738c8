"""Configurators of others decide which scopes record, until the rollback."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


def not_the_noisy(scope: Any) -> Any:
    return SimpleNamespace(is_enabled=scope.name != "noisy")


not_callable = 7


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    real = importlib.metadata.entry_points
    points = [
        EntryPoint(name, f"{__name__}:{value}", f"_opentelemetry_{kind}_configurator")
        for kind in ("tracer", "meter", "logger")
        for name, value in [("mine", "not_the_noisy"), ("seven", "not_callable"), ("gone", "x.y")]
    ]

    def entry_points(**wanted: Any) -> EntryPoints:
        return EntryPoints([*EntryPoints(points).select(**wanted), *real(**wanted)])

    monkeypatch.setitem(sys.modules, __name__, sys.modules[not_the_noisy.__module__])
    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


def _use(scope: str) -> None:
    pepperpy_otel.get_tracer(scope).start_span(scope).end()
    pepperpy_otel.get_meter(scope).create_counter(f"{scope}.counter").add(1)
    pepperpy_otel.get_logger(scope).emit(body=scope)


def test_a_configurator_silences_a_scope_of_each_signal(
    configure: Configure, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what it enables records, and after the rollback everything does again."""
    for kind in ("TRACER", "METER", "LOGGER"):
        monkeypatch.setenv(f"OTEL_PYTHON_{kind}_CONFIGURATOR", "mine")
    telemetry = configure()
    _use("noisy")
    _use("wanted")
    assert telemetry.rollback()
    assert [span.name for span in receiver.store.spans] == ["wanted"]
    assert [record.body for record in receiver.store.logs] == ["wanted"]
    ours = {point.name for point in receiver.store.points if point.name.endswith(".counter")}
    assert ours == {"wanted.counter"}

    for kind in ("TRACER", "METER", "LOGGER"):
        monkeypatch.delenv(f"OTEL_PYTHON_{kind}_CONFIGURATOR")
    telemetry = configure()
    _use("noisy")
    result = telemetry.force_flush()
    assert (result.delivered.traces, result.delivered.logs) == (1, 1)


@pytest.mark.parametrize(
    ("name", "words"), [("seven", "it is int, not a function"), ("gone", "AttributeError")]
)
def test_one_that_does_not_load_is_one_line(
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
) -> None:
    """The line names the variable and the reason; every scope records."""
    monkeypatch.setenv("OTEL_PYTHON_METER_CONFIGURATOR", name)
    configure()
    [line] = capsys.readouterr().err.splitlines()
    assert f"OTEL_PYTHON_METER_CONFIGURATOR='{name}' (environment)" in line
    assert words in line
