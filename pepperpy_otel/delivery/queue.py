"""The queue between the app's threads and the worker: bounded, counted, never in the way.

Appending is a count, a ``deque.append`` and two comparisons: no lock, so that neither a slow
destination, nor a signal handler, nor a fork in mid-append can hold up the app. The sums of
items and bytes held are plain attributes: ``self._bytes += size`` has no call in it, and CPython
switches threads only at calls and backward jumps; should they ever drift, they are set right
whenever the queue runs empty.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pepperpy_otel.delivery.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class QueueLimits(NamedTuple):
    """How much of a signal is kept, and how it is sent on.

    Args:
        max_items: Items (spans, data points, records) held at most; the oldest go first.
        max_bytes: Estimated bytes held at most. One item alone is kept whatever its size.
        batch_size: Items in one request at most; that many waiting wake the worker.
        schedule_delay: Seconds after which what waits is sent anyway.
        export_timeout: Seconds that one request may take as a whole.
    """

    max_items: int = 2048
    max_bytes: int = 64 * 1024 * 1024
    batch_size: int = 512
    schedule_delay: float = 5.0
    export_timeout: float = 30.0


class Entry(NamedTuple):
    """One thing in a queue: a span, a log record, or all metrics of one collection."""

    item: Any
    size: int
    number: int


#: ``Entry(*fields)`` without the Python function that a NamedTuple's constructor is.
_new_entry = cast("Callable[[tuple[Any, int, int]], Entry]", partial(tuple.__new__, Entry))


class RecordQueue:
    """Holds what waits for a destination; counts what came in and what had to be thrown out.

    Args:
        limits: The bounds.
        wake: Called when a batch is full (once, until the worker sets ``notify_at`` again).
    """

    def __init__(self, limits: QueueLimits, wake: Callable[[], None]) -> None:
        self._limits = limits
        self._max_bytes = limits.max_bytes
        self._wake = wake
        self._closed = False
        self.reset()

    def reset(self) -> None:
        """Empty, counts from zero: how a forked child starts. What was closed stays closed."""
        self.accepted = Tally()
        self.evicted = Tally()
        self._entries: deque[tuple[Any, int, int]] = deque()
        self._accept = self.accepted.increment
        self._append = self._entries.append
        self._items = 0
        self._bytes = 0
        self.notify_at = self._limits.batch_size

    @property
    def notify_at(self) -> int:
        """How many waiting items wake the worker."""
        return self._notify_at

    @notify_at.setter
    def notify_at(self, items: int) -> None:
        self._notify_at = items
        self._attention_at = min(items, self._limits.max_items + 1)

    @property
    def estimated_bytes(self) -> int:
        """What the waiting items take in memory, roughly."""
        return max(self._bytes, 0)

    @property
    def fullness(self) -> float:
        """How much of the room is taken, from 0 to 1: of items or of bytes, whichever is more."""
        limits = self._limits
        return max(self._items / limits.max_items, self._bytes / limits.max_bytes, 0.0)

    def __len__(self) -> int:
        return len(self._entries)

    def has_batch(self) -> bool:
        """Whether a full batch is waiting."""
        return self._items >= self._limits.batch_size

    def holds(self, items: int) -> bool:
        """Whether at least so many items are waiting."""
        return self._items >= items

    def close(self) -> None:
        """From now on nothing is taken in, nor counted."""
        self._closed = True

    def append(self, item: Any, size: int) -> None:
        """Take in one span or record."""
        # Everything that append_many() does, written out: this runs in the app's end() and emit().
        if self._closed:
            return
        self._accept()
        self._items += 1
        self._bytes += size
        self._append((item, size, 1))  # an Entry when it comes out
        if self._items >= self._attention_at or self._bytes > self._max_bytes:
            self._attend()

    def append_many(self, item: Any, size: int, count: int) -> None:
        """Take in one thing that stands for ``count`` items: a collection of data points."""
        if self._closed:
            return
        self.accepted.add(count)
        self._take_in(Entry(item, size, count))

    def _take_in(self, entry: Entry) -> None:
        self._items += entry.number
        self._bytes += entry.size
        self._entries.append(entry)
        self._attend()

    def _attend(self) -> None:
        if self._items > self._limits.max_items or self._bytes > self._limits.max_bytes:
            self._evict()
        if self._items >= self._notify_at:
            self.notify_at = sys.maxsize
            self._wake()

    def waiting(self) -> list[Entry]:
        """What waits now, the oldest first; it stays where it is."""
        # A copy of a deque is one step: no other thread appends in the middle of it.
        return [_new_entry(entry) for entry in self._entries.copy()]

    def take(self, count: int) -> list[Entry]:
        """The oldest entries: ``count`` items, or one entry that stands for more."""
        taken: list[Entry] = []
        items = 0
        while items < count:
            entry = self._pop()
            if entry is None:
                break
            taken.append(entry)
            items += entry.number
        return taken

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Return what could not be sent to the front; the oldest go if that is too much."""
        # Summed up before: a call between reading and writing an attribute would lose what the
        # app's threads append meanwhile.
        items = sum(entry.number for entry in entries)
        size = sum(entry.size for entry in entries)
        self._entries.extendleft(reversed(entries))
        self._items += items
        self._bytes += size
        self._evict()

    def _evict(self) -> None:
        limits = self._limits
        while len(self._entries) > 1 and (
            self._items > limits.max_items or self._bytes > limits.max_bytes
        ):
            entry = self._pop()
            self.evicted.add(0 if entry is None else entry.number)  # None: the worker took it

    def _pop(self) -> Entry | None:
        try:
            entry = _new_entry(self._entries.popleft())
        except IndexError:
            self._items = self._bytes = 0
            return None
        self._items -= entry.number
        self._bytes -= entry.size
        return entry
