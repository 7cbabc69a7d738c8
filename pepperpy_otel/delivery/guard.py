"""Marks the time in which a thread of ours is sending, so that nothing observes it by accident.

While it lasts, instrumentations of HTTP clients and gRPC make no spans (the context key that they
look at is set), and the log handler takes no record of this thread (``in_delivery()``): a log
line about an export would be exported, and logged about, for ever.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from pepperpy_otel import _compat

if TYPE_CHECKING:
    from collections.abc import Iterator

_thread = threading.local()


def in_delivery() -> bool:
    """Whether the calling thread is busy delivering telemetry right now."""
    return getattr(_thread, "delivering", False)


@contextlib.contextmanager
def delivering() -> Iterator[None]:
    """Mark the calling thread as delivering, with instrumentation suppressed."""
    _thread.delivering = True
    try:
        with _compat.instrumentation_suppressed():
            yield
    finally:
        _thread.delivering = False


def is_own_thread() -> bool:
    """Whether the calling thread is one of ours: it must never wait for itself."""
    return getattr(_thread, "own", False)


def mark_own_thread() -> None:
    """Called first thing in each thread that the pipeline starts."""
    _thread.own = True
