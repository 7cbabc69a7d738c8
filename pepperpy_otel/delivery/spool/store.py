"""One process's part of a spool's directory: written, looked after, kept within its caps.

Not thread-safe and not shy: it raises what the disk raises. ``spool.Spool`` is the face with the
lock, the warnings and the patience.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.spool import framing
from pepperpy_otel.delivery.spool.directory import SegmentName, SpoolDirectory
from pepperpy_otel.delivery.spool.ownership import Ownership
from pepperpy_otel.delivery.spool.reader import Reader
from pepperpy_otel.delivery.spool.segment import Segment
from pepperpy_otel.delivery.spool.shelf import Shelf, age

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.spool.directory import Listing
    from pepperpy_otel.delivery.spool.values import SpoolLimits

#: Seconds after which a writer looks how much others have written meanwhile.
MEASURE_EVERY = 1.0
#: Segments that are known at once; the rest waits with its dead owners, the oldest come first.
MOST_SEGMENTS = 1024
#: Room is made by removing whole segments, so there are at least so many within the cap.
_PARTS = 8
#: Room for the end records of what is being written.
_RESERVE = len(SIGNALS) * framing.FRAME_SIZE


class Store:
    """Segments in an opened directory.

    Args:
        directory: The user's.
        name: The spool's.
        limits: Caps.
        now: UNIX seconds.
        former: Segments of this process from a store whose directory or lock was taken away.

    Attributes:
        shelf: What may be read.
        reader: Gives it out.
        to_sync: Open files that nobody else knows, to be synced and closed without any lock.

    Raises:
        OSError: The directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        limits: SpoolLimits,
        now: float,
        former: Iterable[Segment] = (),
    ) -> None:
        self._limits = limits
        self._segment_bytes = min(limits.segment_bytes, limits.max_bytes // _PARTS)
        self._former = {segment.name.number: segment for segment in former}
        self._started_at = now
        self._active: dict[Signal, Segment] = {}
        self._others = 0
        self._created_us = 0
        self._looked_at = now
        self._more = False
        self.shelf = Shelf()
        self.reader = Reader(self.shelf, limits.max_age)
        self.to_sync: list[int] = []
        self._directory = SpoolDirectory(directory, name)
        try:
            self._ownership = Ownership(self._directory)
            self.look(now)
        except OSError:
            self._directory.close()
            raise

    def bytes_on_disk(self) -> int:
        """Bytes of all processes' segments, as far as known."""
        return self._others + self.shelf.size()

    def is_intact(self) -> bool:
        """Whether the directory and the lock are still what was opened."""
        return self._directory.is_intact() and self._ownership.is_held()

    def is_stale(self, now: float, after: float) -> bool:
        """Whether the last look is so many seconds ago, or leaves something to inherit at once."""
        # A clock that was set back says nothing about how long ago it was.
        return not 0 <= now - self._looked_at < after or (self._more and not len(self.shelf))

    def look(self, now: float) -> None:
        """See what is there: inherit from the dead, measure the others, miss what vanished.

        Raises:
            OSError: The directory cannot be read.
        """
        listing = self._directory.listing()
        self._looked_at = now
        self._ownership.show_life()
        self._inherit(listing)
        self._compare(listing)
        ours = {segment.name.number for segment in self.shelf}
        self._others = sum(
            size for name, size in listing.segments.items() if name.number not in ours
        )
        if not self._more:
            for segment in self._former.values():
                segment.move(self._directory, segment.name)
                self.shelf.add(segment)
                self.shelf.vanish(segment)
            self._former = {}

    def append(self, signal: Signal, payload: framing.Payload, items: int, now: float) -> bool:
        """Write a record.

        Returns:
            False if there is no room within the caps, not even after the oldest made some.

        Raises:
            OSError: It could not be written, and nothing of it is there.
        """
        size = framing.FRAME_SIZE + len(payload.data)
        if self.is_stale(now, MEASURE_EVERY):
            self.look(now)
            self.reader.expire(now)
        current = self._current(signal)
        if current is not None and current.size + size > self._segment_bytes:
            self._finish(signal, now)
        if not self._make_room(framing.HEAD_SIZE + size + _RESERVE, now):
            return False
        # What made room may have been the very segment that is being written.
        segment = self._current(signal) or self._start(signal, now)
        segment.append(payload, items, now)
        return True

    def close(self, now: float) -> None:
        """Release everything: what is left is for the next; what is in ``to_sync`` still counts."""
        for segment in self.shelf:
            with contextlib.suppress(OSError):  # then what was lost of it is counted once more
                segment.save()
        for signal in list(self._active):
            self._finish(signal, now)
        if self.is_intact():  # else nobody waits for the lock, and our numbers may be others'
            self._ownership.release()
        self._directory.close()

    def abandon(self) -> list[Segment]:
        """Close what is still ours without writing to it.

        Returns:
            The segments of this process, for its next store.
        """
        self._directory.close()
        return [segment for segment in self.shelf if segment.own] + list(self._former.values())

    def _inherit(self, listing: Listing) -> None:
        by_owner: dict[str, list[SegmentName]] = {owner: [] for owner in listing.owners}
        for name in sorted(listing.segments):
            by_owner.setdefault(name.owner, []).append(name)
        by_owner.pop(self._ownership.owner, None)
        self._more = False
        # By their oldest segment; an owner without any only left a lock file.
        for owner, names in sorted(by_owner.items(), key=lambda entry: entry[1][:1]):
            if len(self.shelf) >= MOST_SEGMENTS:
                self._more = True
                return
            for name in self._ownership.inherit(owner, names):
                size = listing.segments.pop(name._replace(owner=owner))
                listing.segments[name] = size
                self._shelve(name, size)

    def _compare(self, listing: Listing) -> None:
        """Set right what is there against what we think is there."""
        there = {name for name in listing.segments if name.owner == self._ownership.owner}
        known = {segment.name: segment for segment in self.shelf}
        for name in known.keys() - there:
            if not self.reader.is_under_way(known[name]):
                self.shelf.vanish(known[name])
        for name in there - known.keys():
            if str(name) in self.shelf.unremoved:
                self._directory.unlink(str(name))
                del listing.segments[name]
            else:
                self._shelve(name, listing.segments[name])

    def _shelve(self, name: SegmentName, size: int) -> None:
        segment = self._former.pop(name.number, None)
        if segment is None:
            segment = Segment(self._directory, name, size)
        else:
            segment.move(self._directory, name)
        self.shelf.add(segment)
        self._created_us = max(self._created_us, name.created_us)

    def _make_room(self, size: int, now: float) -> bool:
        """Remove the oldest segments, own or inherited, until ``size`` more bytes fit."""
        most = self._limits.max_bytes
        if size > most:
            return False
        if self.bytes_on_disk() + size > most:
            self.look(now)
            self.reader.expire(now)
        while self.bytes_on_disk() + size > most:
            victim = min(
                (each for each in self.shelf if not self.reader.is_under_way(each)),
                key=age,
                default=None,
            )
            if victim is None:
                return False
            self.shelf.evict(victim)
        return True

    def _current(self, signal: Signal) -> Segment | None:
        """The segment that is being written, unless it was read to its end or taken away."""
        segment = self._active.get(signal)
        if segment is not None and (segment not in self.shelf or not segment.is_open):
            del self._active[signal]
            return None
        return segment

    def _start(self, signal: Signal, now: float) -> Segment:
        # Never in front of an earlier one, whatever the clock does.
        self._created_us = max(int(now * 1e6), self._created_us + 1)
        number = int.from_bytes(os.urandom(8), "little")
        name = SegmentName(self._created_us, signal, number, self._ownership.owner)
        segment = Segment.create(self._directory, name, os.getpid(), self._started_at)
        self.shelf.add(segment)
        self._active[signal] = segment
        return segment

    def _finish(self, signal: Signal, now: float) -> None:
        fd = self._active.pop(signal).finish(now)
        if fd >= 0:
            self.to_sync.append(fd)
            with contextlib.suppress(OSError):  # no more files may be opened: the less is synced
                self.to_sync.append(self._directory.duplicate())
