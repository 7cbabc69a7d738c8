"""What holds now, and what holds behind it."""

from __future__ import annotations

from pepperpy_otel.correlation import policy


def test_the_undoing_brings_back_the_default() -> None:
    """Unless another policy holds by then."""
    one, other = policy.Policy(mode="make"), policy.Policy(mode="off")
    undo_one = policy.use(one)
    undo_other = policy.use(other)
    undo_one()
    assert policy.current is other
    undo_other()
    assert policy.current is policy.DEFAULT


def test_policies_are_values() -> None:
    """Equal where they say the same; everything has a default."""
    assert policy.Policy() == policy.Policy()
    assert policy.Policy(mode="make") != policy.Policy()
    assert (policy.DEFAULT.mode, policy.DEFAULT.hosts) == ("accept", None)
