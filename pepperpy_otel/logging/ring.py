"""Events of the last while in a bounded number of bytes: the oldest make room for the newest."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.logging.events import Event

#: Seconds that the wall clock may tell otherwise than ours about one and the same event.
SAME = 1.0


class Ring:
    """A bounded queue of events with the time of each.

    Args:
        max_bytes: Bytes that all events together may take.
        clock: Seconds, from any start.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything, the lock included: a forked process may inherit it locked."""
        # Re-entrant: a signal handler or a destructor may log in the middle of append().
        self._lock = threading.RLock()
        self._events: deque[tuple[float, Event]] = deque()
        self._bytes = 0
        self._evicted = 0
        self._evicted_at: float | None = None

    def append(self, event: Event) -> None:
        """Add an event; the oldest go if there is no room."""
        with self._lock:
            self._events.append((self._clock(), event))
            self._bytes += event.size
            while self._bytes > self._max_bytes and self._events:
                self._evicted_at, oldest = self._events.popleft()
                self._bytes -= oldest.size
                self._evicted += 1

    def restore(self, entries: list[tuple[float, Event]]) -> int:
        """Put events of an earlier time where they belong, as far as there is room for them.

        Args:
            entries: Times by the clock, and events; one that is there already is left out.

        Returns:
            How many are there now that were not.
        """
        with self._lock:
            there: dict[tuple[object, ...], list[float]] = {}
            for at, event in self._events:
                there.setdefault(_key(event), []).append(at)
            added: list[tuple[float, Event]] = []
            for at, event in sorted(entries, key=lambda entry: -entry[0]):
                if _take_out(there.get(_key(event), []), at):
                    continue
                if self._bytes + event.size > self._max_bytes:
                    break
                added.append((at, event))
                self._bytes += event.size
            if added:
                self._events = deque(sorted([*self._events, *added], key=lambda entry: entry[0]))
            return len(added)

    def since(self, start: float) -> tuple[list[tuple[float, Event]], int, bool]:
        """The events from ``start`` on.

        Returns:
            The events with their times, oldest first; how many were evicted in all; whether none
            of those belonged here.
        """
        with self._lock:
            events = [entry for entry in self._events if entry[0] >= start]
            complete = self._evicted_at is None or self._evicted_at < start
            return events, self._evicted, complete


def _key(event: Event) -> tuple[object, ...]:
    """What is the same in an event and in its copy from a backup."""
    texts = (event.level, event.logger, event.event, event.message, event.error, event.trace_id)
    return (*texts, repr(event.fields))


def _take_out(times: list[float], at: float) -> bool:
    """Whether one of them is that time, as far as two clocks agree; it stands for one event."""
    for time in times:
        if abs(time - at) < SAME:
            times.remove(time)
            return True
    return False
