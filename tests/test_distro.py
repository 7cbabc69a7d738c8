"""opentelemetry-instrument reaches configure() through our entry points, whoever else is there."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel import bootstrap, distro
from pepperpy_otel.instrumentation import loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.demo.receiver import Receiver

OURS = {"OTEL_PYTHON_DISTRO": "pepperpy_otel"}


@pytest.fixture
def deferred(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the instrumentors that were handed on, none of which is loaded."""
    names: list[str] = []

    def defer(entry_point: Any, **_: Any) -> None:
        if entry_point.name == "explosive":
            raise RuntimeError("of the test_distro kind")
        names.append(entry_point.name)

    monkeypatch.setattr(loader, "defer", defer)
    monkeypatch.setattr(bootstrap, "_launched", None)
    yield names
    pepperpy_otel.rollback()


def _launch(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    distro.PepperpyConfigurator().configure(auto_instrumentation_version="0.66b1")


def _hand_over(*names: str) -> None:
    made = distro.PepperpyDistro()
    for name in names:
        made.load_instrumentor(EntryPoint(name, "x:Y", "opentelemetry_instrumentor"))


def test_the_entry_points_lead_here() -> None:
    """The installed metadata names our distro, configurator and environment module."""
    for group, name in [
        ("opentelemetry_distro", "PepperpyDistro"),
        ("opentelemetry_configurator", "PepperpyConfigurator"),
    ]:
        [point] = entry_points(group=group, name="pepperpy_otel")
        assert point.load() is getattr(distro, name)
    [point] = entry_points(group="opentelemetry_environment_variables", name="pepperpy_otel")
    module = point.load()
    assert module.PREFIX == "PEPPERPY_OTEL_"
    assert [name for name in dir(module) if name.startswith("OTEL_")] == []


def test_the_distro_names_its_configurator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once our distro is chosen no other configurator can come first, unless the user says so."""
    monkeypatch.setenv(distro.CONFIGURATOR, "theirs")
    distro.PepperpyDistro().configure()
    assert os.environ[distro.CONFIGURATOR] == "theirs"
    monkeypatch.delenv(distro.CONFIGURATOR)
    distro.PepperpyDistro().configure()
    logging.getLogger(distro.LOADER).removeFilter(distro._is_news)
    assert os.environ[distro.CONFIGURATOR] == "pepperpy_otel"


def test_another_distro_that_the_user_names_is_configured_as_it_wants(
    deferred: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found first by the loader, our configurator steps back for the chosen distro's own."""
    pytest.importorskip("opentelemetry.distro")
    from opentelemetry.distro import OpenTelemetryConfigurator

    called: list[Any] = []
    monkeypatch.setattr(
        OpenTelemetryConfigurator, "configure", lambda _, **kwargs: called.append(kwargs)
    )
    monkeypatch.setenv(distro.DISTRO, "distro")
    distro.PepperpyConfigurator().configure(auto_instrumentation_version="1")
    assert called == [{"auto_instrumentation_version": "1"}]
    monkeypatch.setenv(distro.DISTRO, "without-a-configurator")
    distro.PepperpyConfigurator().configure(auto_instrumentation_version="1")
    assert pepperpy_otel.get_telemetry() is None


def test_instrumentors_are_taken_one_by_one(
    deferred: list[str], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that is selected is handed on; one that fails is named and costs only itself."""
    _launch(receiver, monkeypatch)
    _hand_over("requests", "explosive", "sqlite3")
    assert deferred == ["requests", "sqlite3"]
    telemetry = pepperpy_otel.get_telemetry()
    assert telemetry is not None
    assert telemetry.resource.attributes["telemetry.auto.version"] == "0.66b1"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"PEPPERPY_OTEL_INSTRUMENT": "requests"}, ["requests"]),
        ({"PEPPERPY_OTEL_INSTRUMENT": "false"}, []),
        ({"OTEL_SDK_DISABLED": "true"}, []),
    ],
)
def test_the_selection_counts_under_the_launcher_too(
    deferred: list[str],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    expected: list[str],
) -> None:
    """What configure(instrument=…) would leave out is left out here."""
    _launch(receiver, monkeypatch, **settings)
    _hand_over("requests", "sqlite3")
    assert deferred == expected


def test_without_a_configurator_nothing_is_instrumented(deferred: list[str]) -> None:
    """With our distro but somebody else's configurator there is no handle to record in."""
    _hand_over("requests")
    assert deferred == []


def _instrument(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    return subprocess.run(
        [str(launcher), sys.executable, "-c", code],
        env={**os.environ, "PEPPERPY_OTEL_INSTRUMENT": "false", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_handle_is_there_before_the_apps_first_line(receiver: Receiver) -> None:
    """Under opentelemetry-instrument, configure() in the app gives that handle, silently."""
    done = _instrument(
        "import pepperpy_otel\n"
        "first = pepperpy_otel.get_telemetry()\n"
        "assert first is not None and pepperpy_otel.configure(service_name='shop') is first\n"
        "pepperpy_otel.get_tracer('x').start_span('launched').end()\n",
        **OURS,
        OTEL_SERVICE_NAME="shop",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # though opentelemetry-distro is installed here too
    assert [(span.service, span.name) for span in receiver.store.spans] == [("shop", "launched")]


def test_another_installed_configurator_does_not_get_in_between(receiver: Receiver) -> None:
    """opentelemetry-distro is installed here; with ours named its configurator stays out."""
    pytest.importorskip("opentelemetry.distro")
    done = _instrument(
        "from opentelemetry import trace; print(type(trace.get_tracer_provider()).__module__)",
        **OURS,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    assert done.stdout.strip() == "pepperpy_otel.tracing.provider"
