"""From the handler to every LogAggregator that is alive: weak references, no lock for readers.

Costs one look at an empty tuple for each record while there is no aggregator.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from pepperpy_otel.logging.events import Event


class Listener(Protocol):
    """Who wants to hear of every record."""

    def hear(self, event: Event) -> None:
        """Take one event."""

    def after_fork(self) -> None:
        """Forget what the parent process heard; no lock of its may be used again."""


listeners: tuple[weakref.ref[Listener], ...] = ()
_lock = threading.RLock()  # re-entrant: the collector may drop a listener in the middle of add()
_fork_hook = False


def add(listener: Listener) -> None:
    """Let ``listener`` hear everything from now on, for as long as something else keeps it."""
    global _fork_hook, listeners
    with _lock:
        if not _fork_hook and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
        _fork_hook = True
        listeners = (*listeners, weakref.ref(listener, _remove))


def _remove(reference: Any) -> None:
    global listeners
    with _lock:
        listeners = tuple(kept for kept in listeners if kept is not reference)


def publish(event: Event) -> None:
    """Tell every listener."""
    for reference in listeners:
        listener = reference()
        if listener is not None:
            with guarded("LogAggregator"):
                listener.hear(event)


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    for reference in listeners:
        listener = reference()
        if listener is not None:
            listener.after_fork()
