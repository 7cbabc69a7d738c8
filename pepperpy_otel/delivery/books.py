"""The books of one lane: what was delivered, what lies on disk, what was lost and why.

Three threads may have something to enter (the worker, the spooler, and whoever of the two makes
the spool throw out old segments), any thread may read. What is read is one immutable value, so
that a replay that moves items from the disk to the destination is never seen half done.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pepperpy_otel import _native

if TYPE_CHECKING:
    from collections.abc import Mapping


class Entries(NamedTuple):
    """One state of the books; numbers are items."""

    delivered: int = 0
    spooled: int = 0
    lost: Mapping[str, int] = MappingProxyType({})

    def dropped(self) -> int:
        """Items lost, for whatever reason."""
        return sum(self.lost.values())

    def resolved(self) -> int:
        """Items of which it is known what became of them."""
        return self.delivered + self.spooled + self.dropped()


class Books:
    """Counts what became of the items of one lane, exactly."""

    def __init__(self) -> None:
        self.now = Entries()
        self._spooled = 0
        self._writing = 0
        # Held for arithmetic only: whoever asks for it may hold the spool's lock.
        self._lock = _native.allocate_lock()

    def settle(self, delivered: int, lost: Mapping[str, int]) -> None:
        """Items that were in memory: some arrived, some are lost."""
        if delivered or lost:
            with self._lock:
                self._enter(delivered, 0, lost)

    def write(self, items: int) -> None:
        """Items are on their way to the disk; they count as spooled when ``written()`` says so.

        To be called first: with a full disk the spool may at once throw them out again.
        """
        with self._lock:
            self._writing += items
            self._enter(0, items, {})

    def written(self, items: int, *, on_disk: bool) -> None:
        """They are there, or they are not."""
        with self._lock:
            self._writing -= items
            self._enter(0, 0 if on_disk else -items, {})

    def settle_spooled(self, delivered: int, lost: Mapping[str, int]) -> None:
        """Items that lay on the disk: some arrived, some are lost.

        The spool may throw out what is under way from it; nothing leaves it twice.
        """
        with self._lock:
            left = self._spooled
            delivered = min(delivered, left)
            fitting = {}
            gone = delivered
            for reason, count in lost.items():
                fitting[reason] = min(count, left - gone)
                gone += fitting[reason]
            self._enter(delivered, -gone, fitting)

    def _enter(self, delivered: int, spooled: int, lost: Mapping[str, int]) -> None:
        now = self.now
        reasons = dict(now.lost)
        for reason, count in lost.items():
            if count:
                reasons[reason] = reasons.get(reason, 0) + count
        self._spooled += spooled
        on_disk = max(self._spooled - self._writing, 0)
        self.now = Entries(now.delivered + delivered, on_disk, reasons)
