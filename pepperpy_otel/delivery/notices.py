"""What is said about a destination: one line when it goes, one when it is back, one per loss.

Nothing in between: an outage is news once, and so is a server that refuses what we send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.outcome import Outcome

#: Different losses that are told of, for each destination; a server may word each one anew.
MOST_LOSSES = 16
_WORDS = {"traces": "spans", "metrics": "data points", "logs": "log records"}


class _Outage:
    def __init__(self, since: float, dropped_before: int, lane: Lane) -> None:
        self.since = since
        self.dropped_before = dropped_before
        self.lanes = {lane}
        self.delivered = 0


class Notices:
    """Decides what is worth a line about one destination.

    Args:
        name: The destination's name.
        lanes: All its lanes; their losses are counted in the line that ends an outage.
        clock: Monotonic seconds.
    """

    def __init__(self, name: str, lanes: Sequence[Lane], clock: Callable[[], float]) -> None:
        self._name = name
        self._lanes = lanes
        self._clock = clock
        self._outages: dict[tuple[str, bool], _Outage] = {}
        self._told: set[tuple[object, ...]] = set()
        #: Items thrown out up to the end of an outage; the line that ends it counts them.
        self._in_outages: dict[Lane, int] = {}
        self._over = False

    def attempted(self, lane: Lane, outcome: Outcome) -> None:
        """Take note of one attempt to send."""
        if self._over:
            return
        if outcome.retry:
            self._failed(lane, outcome)
            return
        for outage in self._outages.values():
            if lane in outage.lanes:
                outage.delivered += outcome.delivered
        if outcome.error:
            self._answered(lane, outcome)

    def drained(self, lane: Lane) -> None:
        """Everything that waited in ``lane`` is through: an outage may be over now."""
        for key in list(self._outages):
            self._leave(lane, key)
        evicted = lane.queue.evicted.value() - self._in_outages.get(lane, 0)
        if evicted:
            self._once(
                (lane.signal, "queue_full"),
                "%s: %d %s dropped, they came faster than they could be delivered "
                "(said once; at most %d are kept)",
                self._name,
                evicted,
                _WORDS[lane.signal],
                lane.limits.max_items,
            )

    def fall_silent(self) -> None:
        """The end has come while an answer is waited for: what is broken off now is no news."""
        self._over = True

    def left_behind(self) -> None:
        """Say what such an end has cost, unless an outage was told of before."""
        open_ = {lane: lane.queue.accepted.value() - lane.resolved() for lane in self._lanes}
        waiting = [lane for lane, items in open_.items() if items > 0]
        if waiting and not self._outages:
            errors.warn(
                "%s: no answer from %s up to the end; %d items are not delivered",
                self._name,
                waiting[0].courier.target or self._name,
                sum(open_.values()),
            )

    def _failed(self, lane: Lane, outcome: Outcome) -> None:
        target = lane.courier.target or self._name
        place = origin(target)
        key = (place, outcome.misconfigured)
        if outcome.misconfigured:  # it answers: what is wrong now is told in the line below
            self._leave(lane, (place, False), quiet=True)
        outage = self._outages.get(key)
        if outage is not None:
            outage.lanes.add(lane)
            return
        self._outages[key] = _Outage(self._clock(), self._dropped(), lane)
        kept = f"kept {'on disk ' if lane.can_spool() else ''}within limits, retried quietly"
        errors.warn(
            "%s: cannot deliver %s to %s: %s; %s",
            self._name,
            lane.signal,
            target,
            outcome.error,
            f"check the endpoint and its credentials ({kept})" if outcome.misconfigured else kept,
        )

    def _leave(self, lane: Lane, key: tuple[str, bool], *, quiet: bool = False) -> None:
        outage = self._outages.get(key)
        if outage is None or lane not in outage.lanes:
            return
        outage.lanes.discard(lane)
        self._in_outages[lane] = lane.queue.evicted.value()
        if outage.lanes:
            return
        del self._outages[key]
        waiting = sum(lane.entries().spooled for lane in self._lanes)
        if outage.delivered or not quiet:
            errors.warn(
                "%s: delivery to %s works again after %.0f s; "
                "%d items delivered since, %d dropped meanwhile%s",
                self._name,
                key[0],
                self._clock() - outage.since,
                outage.delivered,
                self._dropped() - outage.dropped_before,
                f", {waiting} on disk follow" if waiting else "",
            )

    def _answered(self, lane: Lane, outcome: Outcome) -> None:
        """Something was lost, or the server had a remark on what it took."""
        lost = outcome.lost or outcome.rejected or outcome.unencodable or not outcome.delivered
        self._once(
            (lane.signal, outcome.reason, outcome.error),
            "%s: %s %s %s: %s (said once for each cause)",
            self._name,
            _WORDS[lane.signal],
            "dropped on the way to" if lost else "arrived with a warning of",
            lane.courier.target or self._name,
            outcome.error,
        )

    def _once(self, key: tuple[object, ...], message: str, *args: object) -> None:
        if key not in self._told and len(self._told) < MOST_LOSSES:
            self._told.add(key)
            errors.warn(message, *args)

    def _dropped(self) -> int:
        return sum(lane.entries().dropped() for lane in self._lanes)


def origin(target: str) -> str:
    """Scheme, host and port of a URL: what is down when one of its paths cannot be reached."""
    scheme, separator, rest = target.partition("://")
    return f"{scheme}{separator}{rest.partition('/')[0]}" if separator else target
