"""What is sent next: the oldest batch, the same one until it is done, nothing beyond its age."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.spool.values import SpooledBatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.spool.framing import Frame
    from pepperpy_otel.delivery.spool.segment import Segment
    from pepperpy_otel.delivery.spool.shelf import Shelf


class _Given(NamedTuple):
    batch: SpooledBatch
    segment: Segment


class Reader:
    """Gives out batches; at most one of each signal is under way.

    A batch is under way from when it is given out until it is done, or until its signal is asked
    for again. What is under way is neither expired nor removed to make room: it may arrive yet.

    Args:
        shelf: The segments.
        max_age: Seconds after which a record is lost.
    """

    def __init__(self, shelf: Shelf, max_age: float) -> None:
        self._shelf = shelf
        self._max_age = max_age
        self._given: dict[Signal, _Given] = {}
        self._under_way: set[Signal] = set()
        self._last: Signal | None = None

    def oldest(self, exclude: Collection[Signal], now: float) -> SpooledBatch | None:
        """The oldest batch of the signals that are not excluded; the last one again if it is one.

        Raises:
            OSError: A file could not be opened.
        """
        allowed = [signal for signal in SIGNALS if signal not in exclude]
        self._under_way.difference_update(allowed)
        self.expire(now)
        again = self._last if self._last in allowed else None
        given = (again and self._still(again)) or self._choose(allowed)
        if given is None:
            return None
        self._last = given.batch.signal
        self._under_way.add(self._last)
        return given.batch

    def done(self, batch: SpooledBatch) -> bool:
        """Never give ``batch`` out again.

        Returns:
            Whether it was still there.

        Raises:
            OSError: That could not be written down; it is forgotten nevertheless.
        """
        segment = self._shelf.find(batch.key[0])
        frame = None if segment is None else segment.peek()
        if segment is None or frame is None or segment.position != batch.key[1]:
            return False
        segment.skip(frame)
        self._given.pop(batch.signal, None)
        self._under_way.discard(batch.signal)
        if self._shelf.peek(segment) is not None:
            segment.save()
        return True

    def expire(self, now: float) -> None:
        """Lose what is too old.

        Raises:
            OSError: A file could not be opened.
        """
        for signal in SIGNALS:
            if signal in self._under_way:
                continue
            while (head := self._shelf.head(signal)) is not None:
                segment, frame = head
                if now - frame.written_at <= self._max_age:
                    with contextlib.suppress(OSError):  # done() tells of a disk that is gone
                        segment.save()
                    break
                segment.skip(frame)
                self._shelf.lose(segment, frame.items, "spool_expired")

    def is_under_way(self, segment: Segment) -> bool:
        """Whether a batch from this segment is being sent."""
        signal = segment.name.signal
        given = self._still(signal)
        return signal in self._under_way and given is not None and given.segment is segment

    def _choose(self, allowed: list[Signal]) -> _Given | None:
        while True:
            heads = [
                (head[1].written_at, signal, *head)
                for signal in allowed
                if (head := self._shelf.head(signal)) is not None
            ]
            if not heads:
                return None
            _, signal, segment, frame = min(heads, key=lambda head: head[0])
            # What was given out stays first, whatever was inherited since.
            given = self._still(signal) or self._read(segment, frame)
            if given is not None:
                return given

    def _read(self, segment: Segment, frame: Frame) -> _Given | None:
        try:
            body = segment.read(frame)
        except FileNotFoundError:
            self._shelf.vanish(segment)
            return None
        self._shelf.report(segment)
        if body is None:
            return None
        signal = segment.name.signal
        key = (segment.name.number, segment.position)
        batch = SpooledBatch(signal, body, frame.items, segment.own, key, frame.written_at)
        given = self._given[signal] = _Given(batch, segment)
        return given

    def _still(self, signal: Signal) -> _Given | None:
        given = self._given.get(signal)
        if given is None:
            return None
        if given.segment in self._shelf and given.segment.position == given.batch.key[1]:
            return given
        del self._given[signal]
        return None
