"""What became of the items of one signal, told so that it always adds up.

What is pending is never counted but follows: accepted less delivered, spooled and dropped. So the
four make up the sum at any moment, whatever threads do meanwhile.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

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

    def _delivered(self) -> int:
        return min((lane.delivered for lane in self._lanes), default=0)

    def _resolved(self) -> int:
        return min((lane.resolved() for lane in self._lanes), default=0)

    def accepted(self) -> int:
        """Items that every destination has taken in since the start."""
        return min((lane.queue.accepted.value() for lane in self._lanes), default=0)

    def totals(self) -> LaneCounts:
        """What became of everything since the start."""
        delivered = self._delivered()
        resolved = max(self._resolved(), delivered)
        pending = max(self.accepted() - resolved, 0)
        return LaneCounts(delivered=delivered, dropped=resolved - delivered, pending=pending)

    def dropped_by_reason(self) -> Mapping[str, int]:
        """Losses of the destination that delivered least."""
        worst = min(self._lanes, key=lambda lane: lane.delivered, default=None)
        return {} if worst is None else worst.dropped_by_reason()

    def report(self, boundary: int) -> LaneCounts:
        """What became of the items that no flush has told of, up to the ``boundary``-th ever.

        What is known of later items already is left to the next report. A signal handler may cut
        in here and report in between (hence the loop); other threads wait.
        """
        with self._lock:
            while True:
                last = self._reported
                boundary = max(boundary, last.boundary)
                total = boundary - last.delivered - last.dropped
                now = self.totals()
                delivered = min(now.delivered - last.delivered, total)
                dropped = min(max(now.dropped - last.dropped, 0), total - delivered)
                told = _Reported(boundary, last.delivered + delivered, last.dropped + dropped)
                pending = total - delivered - dropped
                if self._reported is last:
                    self._reported = told
                    return LaneCounts(delivered=delivered, dropped=dropped, pending=pending)
