"""Sends what lies on disk, oldest first, in between and without pushing the app aside.

What waits in memory always goes first. After each batch the thread rests for several times the
processor time that the batch took, so that an hour's worth of telemetry, when its destination is
back, costs the app a bounded share of one core.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.destination import Spool
    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.outcome import Outcome

#: Seconds of rest for each second of processor time, and at least.
REST_SHARE = 4.0
SHORTEST_REST = 0.002
#: Seconds until an empty spool is looked into again: another process may have left something.
LOOK_AGAIN = 10.0


class Replay:
    """Brings what is in the spool to its destination.

    Args:
        spool: Where it lies.
        lanes: All lanes of the destination.
        clock: Monotonic seconds.
        cpu: Seconds of processor time of the calling thread.
    """

    def __init__(
        self,
        spool: Spool,
        lanes: Sequence[Lane],
        clock: Callable[[], float],
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._spool = spool
        self._lanes = lanes
        self._clock = clock
        self._cpu = cpu
        self._next = clock()

    def look(self) -> None:
        """There is something new in the spool."""
        self._next = 0.0

    def ready(self) -> list[Lane]:
        """Lanes that can take something from disk now: those that are neither failing nor busy."""
        return [lane for lane in self._lanes if not lane.failures and not lane.holds()]

    def due_at(self) -> float:
        """When the next batch is to be sent, on the clock's scale."""
        return self._next if self.ready() else math.inf

    def send(self, timeout: float) -> tuple[Lane, Outcome] | None:
        """Send the oldest batch that a lane can take; then it is time to rest.

        Args:
            timeout: Seconds that it may take at most; the lane's own limit holds, too.

        Returns:
            ``None`` if there is none.
        """
        started = self._cpu()
        sent = self.try_oldest(self.ready(), timeout)
        rest = max(REST_SHARE * (self._cpu() - started), SHORTEST_REST) if sent else LOOK_AGAIN
        self._next = self._clock() + rest
        return sent

    def try_oldest(self, lanes: Sequence[Lane], timeout: float) -> tuple[Lane, Outcome] | None:
        """Send the oldest batch that is one of ``lanes``', also if that has failed."""
        signals = {lane.signal: lane for lane in lanes}
        batch = self._spool.oldest([signal for signal in SIGNALS if signal not in signals])
        if batch is None:
            return None
        lane = signals[batch.signal]
        return lane, lane.replay(batch, min(timeout, lane.limits.export_timeout))
