from __future__ import annotations

import importlib.metadata
import logging

import pytest

from pepperpy_otel.cli.repair import GEVENT, repair
from pepperpy_otel.errors import ConfigurationError, Problems


@pytest.fixture
def repaired():
    """The environment after the repair, and the lines about it."""

    def call(**environ):
        problems = Problems()
        repair(environ, problems)
        return environ, [str(error) for error in problems.errors]

    return call


@pytest.fixture
def propagators(monkeypatch):
    """Install propagators: names with the callables that their entry points give."""

    def install(**factories):
        class Point:
            def __init__(self, name, factory):
                self.name = name
                self._factory = factory

            def load(self):
                return self._factory

        points = [Point(name, factory) for name, factory in factories.items()]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)

    return install


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("tracecontext,baggage", "tracecontext,baggage"),
        (" tracecontext , baggage ", "tracecontext,baggage"),
        ("baggage", "baggage"),
        ("none", "none"),
        ("typo, NONE", "none"),
        ("", None),
    ],
)
def test_good_propagators_are_kept(repaired, value, left):
    """What OpenTelemetry can load is left to it; none wins over everything, as it does there."""
    environ, lines = repaired(OTEL_PROPAGATORS=value)

    assert environ.get("OTEL_PROPAGATORS") == left
    assert lines == []


@pytest.mark.parametrize(
    ("value", "left", "problem"),
    [
        ("typo", None, "names 'typo', which is not installed"),
        ("tracecontext,typo", "tracecontext", "names 'typo', which is not installed"),
        ("tracecontext,,baggage", "tracecontext,baggage", "has an empty name"),
    ],
)
def test_bad_propagators_are_taken_out_and_named(repaired, value, left, problem):
    """The program never sees the bad name, and goes on with the good ones or the default."""
    environ, lines = repaired(OTEL_PROPAGATORS=value)

    assert environ.get("OTEL_PROPAGATORS") == left
    (line,) = lines
    assert line.startswith(f"OTEL_PROPAGATORS={value!r} (environment) {problem}; use any of ")
    assert "baggage, correlation, tracecontext" in line


def test_a_propagator_that_cannot_be_loaded_is_taken_out(repaired, propagators):
    """Installed is not enough: an entry point may lead nowhere."""

    def broken():
        raise RuntimeError("no key")

    propagators(good=object, broken=broken)

    environ, lines = repaired(OTEL_PROPAGATORS="good,broken")

    assert environ["OTEL_PROPAGATORS"] == "good"
    (line,) = lines
    assert "names 'broken', which cannot be loaded (RuntimeError: no key)" in line


def test_the_only_choice_is_offered_as_such(repaired, propagators):
    """One name to choose from reads as one."""
    propagators(good=object)

    assert repaired(OTEL_PROPAGATORS="typo")[1][0].endswith("; use good")


@pytest.mark.parametrize(
    "variable", ["OTEL_PYTHON_CONTEXT", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"]
)
def test_unknown_entry_points_are_taken_out_and_named(repaired, variable):
    """A distro that does not exist is no telemetry at all; here it is one line and the default."""
    environ, lines = repaired(**{variable: "typo"})

    assert environ == {}
    (line,) = lines
    assert line.startswith(f"{variable}='typo' (environment) is not installed; use ")


def test_known_entry_points_are_kept(repaired):
    """The user's own choice stands."""
    chosen = {"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONTEXT": "contextvars_context"}

    assert repaired(**chosen) == (chosen, [])


def test_gevent_that_is_not_installed(repaired, monkeypatch):
    """Patching with what is not there would be a traceback."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    environ, lines = repaired(**{GEVENT: "patch_all"})

    assert environ == {}
    (line,) = lines
    assert line == (
        f"{GEVENT}='patch_all' (environment) needs gevent, which is not installed; "
        "install it or unset the variable"
    )


def test_gevent_that_is_installed(repaired, monkeypatch):
    """The user's choice stands."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: logging)

    assert repaired(**{GEVENT: "patch_all"}) == ({GEVENT: "patch_all"}, [])


def test_strict():
    """With strict settings the first bad one is an error."""
    with pytest.raises(ConfigurationError, match="OTEL_PROPAGATORS='typo'"):
        repair({"OTEL_PROPAGATORS": "typo"}, Problems(strict=True))
