"""The resource: who is speaking, from the settings and the detectors."""

from __future__ import annotations

import sys
import threading
import uuid
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import Resource, ResourceDetector

import pepperpy_otel
from pepperpy_otel import resource as module
from pepperpy_otel.resource import build_resource

if TYPE_CHECKING:
    from collections.abc import Callable

_release = threading.Event()


class Good(ResourceDetector):
    def detect(self) -> Resource:
        return Resource({"host.name": "detected", "cloud.region": "north"})


class Broken(ResourceDetector):
    def detect(self) -> Resource:
        raise OSError("no metadata server")


class Hung(ResourceDetector):
    def detect(self) -> Resource:
        _release.wait(30)
        return Resource({})


class Unloadable(ResourceDetector):
    def __init__(self) -> None:
        raise RuntimeError("cannot be made")

    def detect(self) -> Resource:
        return Resource({})


@pytest.fixture
def detectors(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(**kinds: type[ResourceDetector]) -> None:
        points = [
            EntryPoint(name, f"{__name__}:{kind.__name__}", module.DETECTOR_GROUP)
            for name, kind in kinds.items()
        ]
        monkeypatch.setitem(sys.modules, __name__, sys.modules[Good.__module__])
        monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: EntryPoints(points))

    return install


def test_the_sdk_and_the_distro_introduce_themselves() -> None:
    """The resource names the SDK, this distro and a fresh instance."""
    attributes = build_resource({"service.name": "shop"}).attributes
    assert attributes["service.name"] == "shop"
    assert attributes["telemetry.sdk.language"] == "python"
    assert attributes["telemetry.sdk.name"] == "opentelemetry"
    assert attributes["telemetry.distro.name"] == "pepperpy-otel"
    assert attributes["telemetry.distro.version"] == pepperpy_otel.__version__
    assert uuid.UUID(str(attributes["service.instance.id"])).version == 4
    assert "telemetry.auto.version" not in attributes


def test_the_launchers_version_is_kept() -> None:
    """Under opentelemetry-instrument the resource says which version of it."""
    assert (
        build_resource({}, auto_version="0.66b1").attributes["telemetry.auto.version"] == "0.66b1"
    )


@pytest.mark.parametrize("executable", [sys.executable, ""])
def test_a_service_without_a_name_gets_the_specifications_fallback(
    monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    """Without a name it is unknown_service, with the executable where that is known."""
    monkeypatch.setattr(sys, "executable", executable)
    expected = f"unknown_service:{PurePath(executable).name}" if executable else "unknown_service"
    assert build_resource({}).attributes["service.name"] == expected


def test_what_the_user_set_beats_everything(detectors: Callable[..., None]) -> None:
    """A user's own instance id and host win over what is detected."""
    detectors(good=Good)
    attributes = build_resource(
        {"service.instance.id": "pod-1", "host.name": "mine"}, detectors=["otel", "good"]
    ).attributes
    assert attributes["service.instance.id"] == "pod-1"
    assert attributes["host.name"] == "mine"
    assert attributes["cloud.region"] == "north"


def test_built_in_detector_names_need_no_look_up() -> None:
    """The two built-in detectors are always on; naming them costs no thread."""
    before = threading.active_count()
    build_resource({}, detectors=["otel", "service_instance"])
    assert threading.active_count() == before


def test_a_star_stands_for_every_installed_detector(detectors: Callable[..., None]) -> None:
    """The wildcard loads all of them, also beside a named one."""
    detectors(good=Good, otel=Broken)
    assert build_resource({}, detectors=["*"]).attributes["cloud.region"] == "north"
    assert build_resource({}, detectors=["good", "*"]).attributes["cloud.region"] == "north"


def test_a_detector_that_fails_costs_one_line(
    detectors: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken and unloadable detectors are named once each; the good one still counts."""
    detectors(broken=Broken, unloadable=Unloadable, good=Good)
    attributes = build_resource(
        {}, detectors=["broken", "unloadable", "good", "missing"]
    ).attributes
    assert attributes["cloud.region"] == "north"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert any("'broken' is left out: OSError: no metadata server" in line for line in lines)
    assert any("'unloadable' is left out: RuntimeError" in line for line in lines)


def test_a_detector_that_hangs_is_left_behind(
    detectors: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A metadata server that never answers does not hold up the start."""
    monkeypatch.setattr(module, "DETECTION_TIMEOUT", 0.05)
    detectors(hung=Hung)
    build_resource({}, detectors=["hung"])
    _release.set()
    assert "'hung' is left out: no answer within 0.05 s" in capsys.readouterr().err
