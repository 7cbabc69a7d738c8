"""What became of the items of one signal, told so that it always adds up.

What is pending is never counted but follows: accepted less delivered, spooled and dropped. So the
four make up the sum at any moment, whatever threads do meanwhile. Only delivered and dropped are
final; what is spooled or pending is told of again by the next report.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from pepperpy_otel.delivery.books import Entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pepperpy_otel.delivery.lane import Lane


class LaneCounts(NamedTuple):
    """What became of a number of items."""

    delivered: int = 0
    spooled: int = 0
    dropped: int = 0
    pending: int = 0


class _Reported(NamedTuple):
    """Up to where earlier flushes have told: everything before ``boundary`` was accounted for."""

    boundary: int = 0
    delivered: int = 0
    dropped: int = 0


class Account:
    """The books of one signal over all its destinations.

    An item counts as delivered when the slowest destination has that many, and as pending as
    long as one destination does not know what becomes of it.

    Args:
        lanes: The signal's way to each destination.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self.reset()

    def reset(self) -> None:
        """In a forked child: nothing was told yet, and nobody holds the lock."""
        self._reported = _Reported()
        self._lock = threading.RLock()

    def accepted(self) -> int:
        """Items that every destination has taken in since the start."""
        return min((lane.queue.accepted.value() for lane in self._lanes), default=0)

    def totals(self) -> LaneCounts:
        """What became of everything since the start."""
        books = [lane.entries() for lane in self._lanes]
        delivered = min((each.delivered for each in books), default=0)
        kept = min((each.delivered + each.spooled for each in books), default=0)
        resolved = min((each.resolved() for each in books), default=0)
        pending = max(self.accepted() - resolved, 0)
        return LaneCounts(delivered, kept - delivered, resolved - kept, pending)

    def recovered(self) -> int:
        """Items of earlier processes that were delivered, to whatever destination."""
        return sum(lane.recovered for lane in self._lanes)

    def dropped_by_reason(self) -> Mapping[str, int]:
        """Losses of the destination that delivered least."""
        books = [lane.entries() for lane in self._lanes]
        return min(books, key=lambda each: each.delivered, default=Entries()).lost

    def report(self, boundary: int) -> LaneCounts:
        """What became of the items that no flush has told of, up to the ``boundary``-th ever.

        What is known of later items already is left to the next report, the good first: nobody
        knows which ones arrived, and where some are lost or on disk, "all delivered" would be a
        guess. A signal handler may cut in here and report in between (hence the loop); other
        threads wait.
        """
        with self._lock:
            while True:
                last = self._reported
                boundary = max(boundary, last.boundary)
                total = boundary - last.delivered - last.dropped
                now = self.totals()
                dropped = min(max(now.dropped - last.dropped, 0), total)
                spooled = min(now.spooled, total - dropped)
                delivered = min(now.delivered - last.delivered, total - dropped - spooled)
                told = _Reported(boundary, last.delivered + delivered, last.dropped + dropped)
                pending = total - delivered - dropped - spooled
                if self._reported is last:
                    self._reported = told
                    return LaneCounts(delivered, spooled, dropped, pending)
