"""``redact=`` on its way to another process, where it must hold back no less than here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import warn

if TYPE_CHECKING:
    from collections.abc import Callable


def travelling(given: Any, can_travel: Callable[[object], bool]) -> Any:
    """What ``redact=`` was given, with ``withhold`` in place of functions that stay behind.

    Args:
        given: As ``configure()`` got it.
        can_travel: Whether something can be sent to a process.
    """
    if can_travel(given):
        return given
    warn(
        "a function given as redact= cannot be pickled: spawned child processes withhold every"
        " value; define it with def, at the top of a module that they can import"
    )
    items = list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]
    return [item if can_travel(item) else withhold for item in items]


def withhold(key: str, value: object) -> None:
    """Let nothing through: for a function that judges values and is not there."""
