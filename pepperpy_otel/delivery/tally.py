"""Two primitives that stay whole when a signal handler, a collection or a fork cuts in.

``threading.Event`` and a counter behind a lock hold a lock for some bytecodes; a signal handler
that flushes in that moment, in the same thread, would wait for itself. Both classes here do their
work in one call into C, which nothing interrupts.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque

from pepperpy_otel import _native


class Tally:
    """A number that many threads may count up at once, exactly and without a lock."""

    __slots__ = ("_count", "increment")

    def __init__(self) -> None:
        self._count = itertools.count()
        #: Count one more; bound once, since it is called for every span and record.
        self.increment = self._count.__next__

    def add(self, number: int) -> None:
        """Count ``number`` more."""
        deque(itertools.islice(self._count, number), maxlen=0)

    def value(self) -> int:
        """The number so far; its text is the only way to read a count without counting."""
        return int(repr(self._count)[len("count(") : -1])


class Wakeup:
    """Wakes one waiting thread; set while nobody waits, the next wait returns at once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _native.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Wake the waiting thread. Safe in a signal handler, and any number of times."""
        with contextlib.suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds.

        Returns:
            Whether it was set; it is not any more.
        """
        return bool(self._lock.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX)))
