"""The ledger: what was changed is put back, newest first."""

from __future__ import annotations

from pepperpy_otel.delivery.counts import FlushResult, SignalCounts
from pepperpy_otel.ledger import Ledger


def test_undoing_goes_from_the_newest_to_the_oldest() -> None:
    """What lay beneath a later change comes to light exactly as it was."""
    ledger, order = Ledger(), []
    ledger.record("handler", lambda: order.append("handler"))
    ledger.record("level", lambda: order.append("level"))
    assert ledger.entries == ("level", "handler")
    report = ledger.undo()
    assert order == ["level", "handler"]
    assert report.restored == ("level", "handler")
    assert report


def test_one_failure_does_not_keep_the_rest_from_being_restored() -> None:
    """A restore that raises is named in the report and the others still happen."""
    ledger, order = Ledger(), []

    def fails() -> None:
        raise OSError("gone")

    ledger.record("first", lambda: order.append("first"))
    ledger.record("second", fails)
    report = ledger.undo(FlushResult(dropped=SignalCounts(traces=1)))
    assert order == ["first"]
    assert report.failed == ("second: OSError: gone",)
    assert not report
    assert report.flush.dropped.traces == 1


def test_what_cannot_be_removed_is_switched_off_and_listed() -> None:
    """Inert things appear apart from the restored ones; their switch is thrown."""
    ledger, off = Ledger(), []
    ledger.record_inert("fork hook")
    ledger.record_inert("processor in a foreign provider", lambda: off.append(True))
    report = ledger.undo()
    assert report.inert == ("fork hook", "processor in a foreign provider")
    assert report.restored == ()
    assert off == [True]


def test_a_failing_switch_is_reported_too() -> None:
    """Also what has no name of its own in the list cannot fail unseen."""
    ledger = Ledger()

    def fails() -> None:
        raise ValueError("stuck")

    ledger.record_inert("hook", fails)
    assert ledger.undo().failed == ("switching off: ValueError: stuck",)


def test_a_second_undo_has_nothing_to_do() -> None:
    """Everything is restored once."""
    ledger = Ledger()
    ledger.record("x", lambda: None)
    ledger.undo()
    assert ledger.undo().restored == ()
