"""What ends a command early: one line for the person who typed it, and an exit status."""

from __future__ import annotations

FINDING = 1
WRONG_USE = 2


class CommandError(Exception):
    """The command cannot go on.

    Args:
        message: One line that says what is wrong and what to do.
        status: Exit status: 1 for a finding, 2 for wrong use.
    """

    def __init__(self, message: str, status: int = WRONG_USE) -> None:
        super().__init__(message)
        self.status = status
