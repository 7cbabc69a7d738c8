"""``Beginning``: how a spawned child is configured as its parent."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel import _current, bootstrap
from pepperpy_otel.correlation import policy
from pepperpy_otel.correlation.carrying import Carried
from pepperpy_otel.spawned import Beginning

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


def _travelled(beginning: Beginning) -> Beginning:
    copy: Beginning = pickle.loads(pickle.dumps(beginning))
    return copy


def test_a_process_without_telemetry_is_configured_with_the_same_arguments() -> None:
    """All but the ports, whoever set them: they are the parent's."""
    arguments = {
        "service_name": "child",
        "traces": False,
        "metrics": "prometheus",
        "logs": False,
        "instrument": False,
        "prometheus_port": 0,
        "health_port": 0,
    }
    _travelled(Beginning(arguments))()
    telemetry = pepperpy_otel.get_telemetry()
    assert telemetry is not None
    assert telemetry.settings.service_name == "child"
    assert telemetry.settings.traces == ()
    assert telemetry.prometheus_address is None
    assert telemetry.health.address is None
    _travelled(Beginning({"service_name": "other"}))()
    assert pepperpy_otel.get_telemetry() is telemetry
    assert pepperpy_otel.rollback()


def test_ports_of_the_environment_are_the_parents_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line about a port that is taken."""
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "1")
    monkeypatch.setenv("PEPPERPY_OTEL_HEALTH_PORT", "1")
    bootstrap.configure_child(lambda: {"traces": False, "metrics": False, "logs": False})
    assert pepperpy_otel.rollback()
    assert capsys.readouterr().err == ""


def test_a_process_that_was_shut_down_stays_so(configure: Callable[..., Telemetry]) -> None:
    """A task that comes in late does not begin anew."""
    configure()
    pepperpy_otel.shutdown()
    bootstrap.configure_child(dict)
    assert _current.get() is None


def test_what_cannot_be_pickled_is_named_and_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line for all of it, and the rest goes."""
    arguments: dict[str, Any] = {
        "views": [threading.Lock()],
        "service_name": "s",
        "span_processors": [lambda: None],
    }
    beginning = Beginning(arguments)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "configured without span_processors, views" in said
    assert list(vars(_travelled(beginning))["_arguments"]) == ["service_name"]


class _Gone:
    """Can be pickled, until the module that has it cannot be imported any more."""


def test_an_argument_that_does_not_arrive_costs_the_telemetry_not_the_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out could have kept something back: nothing is configured, and it is said."""
    parcel = pickle.dumps(Beginning({"views": [_Gone()], "service_name": "s"}))
    monkeypatch.delattr(f"{__name__}._Gone")
    beginning = pickle.loads(parcel)
    with pytest.raises(AttributeError):
        beginning()
    assert pepperpy_otel.get_telemetry() is None
    monkeypatch.setattr(policy, "current", policy.Policy(begin=lambda: beginning))
    with Carried():
        pass
    assert "configuring a child process" in capsys.readouterr().err


def test_configure_says_how_children_begin(configure: Callable[..., Telemetry]) -> None:
    """Worked out once, when it is first needed; no more behind a rollback."""
    assert policy.current.begin is None
    telemetry = configure(service_name="s")
    assert policy.current.begin is not None
    beginning = policy.current.begin()
    assert policy.current.begin() is beginning
    assert set(vars(beginning)["_arguments"]) == set(telemetry.settings.given)
    pepperpy_otel.rollback()
    assert policy.current.begin is None
