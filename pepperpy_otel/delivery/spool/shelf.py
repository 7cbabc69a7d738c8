"""The segments that a spool may read, in order, and what was lost from them."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.spool.values import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.spool.framing import Frame
    from pepperpy_otel.delivery.spool.segment import Segment


class Shelf:
    """Own and inherited segments of each signal, the oldest first.

    Attributes:
        losses: What was lost and nobody was told of yet.
        damaged: Names of the segments in which damage was found, likewise.
        unremoved: Names of segments that are done with, and could not be removed.
    """

    def __init__(self) -> None:
        self._rows: dict[Signal, list[Segment]] = {signal: [] for signal in SIGNALS}
        self._by_number: dict[int, Segment] = {}
        self.losses: list[Loss] = []
        self.damaged: list[str] = []
        self.unremoved: set[str] = set()

    def __iter__(self) -> Iterator[Segment]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, segment: Segment) -> bool:
        return self._by_number.get(segment.name.number) is segment

    def size(self) -> int:
        """Bytes of all."""
        return sum(segment.size for segment in self._by_number.values())

    def find(self, number: int) -> Segment | None:
        """The segment of that number."""
        return self._by_number.get(number)

    def add(self, segment: Segment) -> None:
        """Put a segment in its place."""
        insort(self._rows[segment.name.signal], segment, key=age)
        self._by_number[segment.name.number] = segment

    def head(self, signal: Signal) -> tuple[Segment, Frame] | None:
        """The oldest record of a signal; segments that have none any more are removed.

        Raises:
            OSError: A file could not be opened.
        """
        while self._rows[signal]:
            segment = self._rows[signal][0]
            frame = self.peek(segment)
            if frame is not None:
                return segment, frame
        return None

    def peek(self, segment: Segment) -> Frame | None:
        """The next record of a segment, which is removed if it has none any more.

        Raises:
            OSError: Its file could not be opened.
        """
        try:
            frame = segment.peek()
        except FileNotFoundError:
            self.vanish(segment)
            return None
        self.report(segment)
        if frame is None:
            self.remove(segment)
        return frame

    def remove(self, segment: Segment) -> None:
        """Done with: the file goes too."""
        self._rows[segment.name.signal].remove(segment)
        del self._by_number[segment.name.number]
        if not segment.remove():
            self.unremoved.add(str(segment.name))

    def evict(self, segment: Segment) -> None:
        """Make room: what is left in it is lost."""
        self.report(segment)
        self.lose(segment, segment.drain(), "spool_full")
        self.remove(segment)

    def vanish(self, segment: Segment) -> None:
        """Somebody removed the file: what was left in it is lost, as far as we know it."""
        segment.vanish()
        self.report(segment)
        self.remove(segment)

    def lose(self, segment: Segment, items: int, reason: str) -> None:
        """Take note of lost items."""
        if items:
            self.losses.append(Loss(segment.name.signal, items, segment.own, reason))

    def report(self, segment: Segment) -> None:
        """Take note of the damage that was found in a segment."""
        if segment.damaged:
            segment.damaged = False
            self.damaged.append(str(segment.name))
        self.lose(segment, segment.take_lost(), "spool_corrupt")


def age(segment: Segment) -> tuple[int, int]:
    """What segments are ordered by."""
    return segment.name.created_us, segment.name.number
