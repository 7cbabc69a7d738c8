"""What configure() changed in the process, and its undoing.

Not called ``rollback``: a submodule of that name would shadow the public function. Every part that
touches something outside of ours (a handler, a level, a hook, the environment) records how to put
it back; ``undo()`` goes through the list from the newest to the oldest, so that what lay beneath
comes to light exactly as it was.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import FlushResult

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """What ``rollback()`` did.

    Attributes:
        restored: Each thing that is again what it was before configure().
        inert: What Python cannot remove (fork hooks, processors in a foreign provider): it stays
            where it is and does nothing any more.
        failed: What could not be restored, with the reason. Empty unless something is wrong.
        flush: What became of the telemetry that was pending.
    """

    restored: tuple[str, ...] = ()
    inert: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    flush: FlushResult = field(default_factory=FlushResult)

    def __bool__(self) -> bool:
        return not self.failed


class StaysBehind(Exception):
    """Raised by an undoing that could only switch off, not remove: its text says what is left."""


class Ledger:
    """A list of changes, newest last, each with the function that takes it back."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: list[tuple[str, Callable[[], None]]] = []
        self._inert: list[str] = []

    def after_fork(self) -> None:
        """In a forked child: a lock that nobody holds."""
        self._lock = threading.RLock()

    def record(self, what: str, undo: Callable[[], None]) -> None:
        """Remember ``what`` was changed (words for a person) and how to restore it."""
        with self._lock:
            self._entries.append((what, undo))

    def record_inert(self, what: str, disable: Callable[[], None] | None = None) -> None:
        """Remember something that can only be switched off, not removed.

        Args:
            what: Words for a person; empty for a part of ours that nobody would look for.
            disable: Called when the rest is restored.
        """
        with self._lock:
            if what:
                self._inert.append(what)
            if disable is not None:
                self._entries.append(("", disable))

    @property
    def entries(self) -> tuple[str, ...]:
        """What would be restored, newest first."""
        with self._lock:
            return tuple(what for what, _ in reversed(self._entries) if what)

    def undo(self, flush: FlushResult | None = None) -> RollbackReport:
        """Restore everything; one failure does not keep the rest from being restored."""
        with self._lock:
            entries, self._entries = self._entries, []
            inert, self._inert = self._inert, []
        restored: list[str] = []
        failed: list[str] = []
        for what, undo in reversed(entries):
            try:
                undo()
            except StaysBehind as left:
                inert.append(str(left))
            except Exception as error:
                failed.append(f"{what or 'switching off'}: {type(error).__name__}: {error}")
            else:
                if what:
                    restored.append(what)
        result = FlushResult() if flush is None else flush  # a lossy flush is falsy
        return RollbackReport(tuple(restored), tuple(inert), tuple(failed), result)
