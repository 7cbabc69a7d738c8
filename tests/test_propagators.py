"""Propagators: the environment is repaired before OpenTelemetry reads it, the global is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from pepperpy_otel import propagators
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


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
