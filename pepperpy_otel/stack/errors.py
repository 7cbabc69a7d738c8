"""Why a command of the stack cannot go on: one line for the person who typed it."""

from __future__ import annotations

FINDING = 1
WRONG_USE = 2


class StackError(Exception):
    """The command cannot go on.

    Args:
        message: What is wrong and what to do; the first line says it all, log lines may follow.
        status: Exit status: 1 for a finding, 2 for wrong use.
    """

    def __init__(self, message: str, status: int = FINDING) -> None:
        super().__init__(message)
        self.status = status
