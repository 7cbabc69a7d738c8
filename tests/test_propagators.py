"""Propagators: the environment is repaired before OpenTelemetry reads it, the global is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator

from pepperpy_otel import propagators
from pepperpy_otel.correlation import CorrelationPropagator
from pepperpy_otel.correlation.wire import BoundedBaggagePropagator
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


def test_bad_names_are_taken_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable says what exists; undoing brings back what the user wrote."""
    monkeypatch.setenv(propagators.VARIABLE, "tracecontext,typo")
    ledger = Ledger()
    propagators.repair_environment(("tracecontext",), ledger.record)
    assert os.environ[propagators.VARIABLE] == "tracecontext"
    assert ledger.undo().restored == ("environment variable OTEL_PROPAGATORS",)
    assert os.environ[propagators.VARIABLE] == "tracecontext,typo"


def test_with_nothing_left_there_is_no_propagator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of which nothing can be used becomes the specification's none."""
    monkeypatch.setenv(propagators.VARIABLE, "typo")
    propagators.repair_environment((), Ledger().record)
    assert os.environ[propagators.VARIABLE] == "none"


@pytest.mark.parametrize("value", ["", "tracecontext, baggage"])
def test_a_good_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Neither an unset nor a sound variable is touched."""
    monkeypatch.setenv(propagators.VARIABLE, value)
    ledger = Ledger()
    propagators.repair_environment(("tracecontext", "baggage"), ledger.record)
    assert os.environ[propagators.VARIABLE] == value
    assert ledger.entries == ()


def test_the_global_propagator_is_set_and_restored() -> None:
    """Other propagators than the present ones replace them until the rollback."""
    before = propagate.get_global_textmap()
    ledger = Ledger()
    propagators.install(("baggage",), ledger.record)
    assert propagate.get_global_textmap().fields == W3CBaggagePropagator().fields
    ledger.undo()
    assert propagate.get_global_textmap() is before


def test_equal_propagators_are_not_set_again() -> None:
    """Where the global is what is wanted, nothing is changed and nothing to undo."""
    ledger = Ledger()
    propagators.install(propagators.DEFAULT, ledger.record)
    assert ledger.entries == ()


def test_one_that_cannot_be_loaded_costs_only_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """A propagator that is gone between check and use is named, the others work."""
    ledger = Ledger()
    propagators.install(("baggage", "gone"), ledger.record)
    assert propagate.get_global_textmap().fields == {"baggage"}
    assert "propagator 'gone'" in capsys.readouterr().err
    ledger.undo()


def test_the_default_leaves_the_import_to_whoever_needs_it(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """With default propagators configure() need not load opentelemetry.propagate at all."""
    done = run_python(
        """
        import sys
        from pepperpy_otel import propagators
        propagators.install(propagators.DEFAULT, None)
        print("opentelemetry.propagate" in sys.modules)
        """
    )
    assert done.stdout.strip() == "False", done.stderr


def _kinds() -> list[type]:
    return [type(part) for part in propagate.get_global_textmap()._propagators]  # type: ignore[attr-defined]


def test_ours_stand_beside_the_trace_context() -> None:
    """The id has its header, and baggage is the bounded one."""
    ledger = Ledger()
    propagators.install(propagators.OURS, ledger.record, ours=True)
    assert propagate.get_global_textmap().fields >= {"traceparent", "baggage", "x-correlation-id"}
    assert _kinds()[1:] == [BoundedBaggagePropagator, CorrelationPropagator]
    ledger.undo()
    assert _kinds()[1:] == [W3CBaggagePropagator]


def test_what_the_app_has_set_stays_where_nobody_names_another() -> None:
    """Its own propagator is a choice; a name in the settings is a later one."""
    before = propagate.get_global_textmap()
    own = CompositePropagator([W3CBaggagePropagator()])
    propagate.set_global_textmap(own)
    try:
        ledger = Ledger()
        propagators.install(propagators.OURS, ledger.record, ours=True)
        assert propagate.get_global_textmap() is own
        propagators.install(("tracecontext",), ledger.record, ours=True)
        assert propagate.get_global_textmap().fields == {"traceparent", "tracestate"}
        ledger.undo()
        assert propagate.get_global_textmap() is own
    finally:
        propagate.set_global_textmap(before)


def test_what_the_app_sets_afterwards_is_not_taken_from_it() -> None:
    """The undoing is for what is ours."""
    before = propagate.get_global_textmap()
    own = CompositePropagator([])
    ledger = Ledger()
    propagators.install(propagators.OURS, ledger.record, ours=True)
    propagate.set_global_textmap(own)
    ledger.undo()
    assert propagate.get_global_textmap() is own
    propagate.set_global_textmap(before)


@pytest.mark.parametrize("rolled_back", [False, True])
def test_ours_wait_for_the_import_of_whoever_propagates(
    rolled_back: bool, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """configure() itself does not import what may never be needed."""
    done = run_python(
        f"""
        import sys
        from pepperpy_otel import propagators
        from pepperpy_otel.ledger import Ledger
        ledger = Ledger()
        propagators.install(propagators.OURS, ledger.record, ours=True)
        print("opentelemetry.propagate" in sys.modules)
        if {rolled_back}:
            ledger.undo()
        from opentelemetry.propagate import get_global_textmap
        print("x-correlation-id" in get_global_textmap().fields)
        ledger.undo()
        print("x-correlation-id" in get_global_textmap().fields)
        """
    )
    assert done.stdout.split() == ["False", str(not rolled_back), "False"], done.stderr


def test_the_entry_point_is_there_without_configure(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """``OTEL_PROPAGATORS=correlation`` works for any program of OpenTelemetry."""
    done = run_python(
        """
        from opentelemetry import propagate
        from opentelemetry.baggage import get_all
        print(dict(get_all(propagate.extract({"x-request-id": "abc"}))))
        """,
        env={"OTEL_PROPAGATORS": "tracecontext,correlation"},
    )
    assert done.stdout.strip() == "{'correlation.id': 'abc'}", done.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["BoundedBaggagePropagator", "CorrelationPropagator"]),
        ({"correlation_id": "off"}, ["W3CBaggagePropagator"]),
        (
            {"correlation_id": "off", "propagation_hosts": "none"},
            ["BoundedBaggagePropagator", "CorrelationPropagator"],
        ),
    ],
)
def test_configure_sets_what_the_settings_say(
    settings: dict[str, str], expected: list[str], configure: Callable[..., Telemetry]
) -> None:
    """Off is what OpenTelemetry does by itself; a list of hosts needs ours."""
    configure(**settings)
    assert [kind.__name__ for kind in _kinds()[1:]] == expected


def test_names_that_the_user_gives_are_all_there_is(
    configure: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``correlation`` among them there is no header of ours."""
    monkeypatch.setenv(propagators.VARIABLE, "tracecontext,baggage")
    configure()
    assert propagate.get_global_textmap().fields == {"traceparent", "tracestate", "baggage"}
