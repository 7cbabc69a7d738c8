"""When what is due: a heap of moments."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pepperpy_otel.health.component import Component


class Timetable:
    """Runs and looks to come. A component has one run to come; a newer one replaces it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bool, Component]] = []
        self._count = itertools.count(1)

    def run_at(self, when: float, component: Component) -> None:
        """Run its check then (monotonic seconds), and at no other time that was set before."""
        component.ticket = next(self._count)
        heapq.heappush(self._heap, (when, component.ticket, True, component))

    def look_at(self, when: float, component: Component) -> None:
        """See then whether its verdict has changed by itself."""
        heapq.heappush(self._heap, (when, next(self._count), False, component))

    def drop(self, component: Component) -> None:
        """It is registered no more."""
        component.ticket = 0
        self._heap = [entry for entry in self._heap if entry[3] is not component]
        heapq.heapify(self._heap)

    def clear(self) -> None:
        """Nothing is to come."""
        self._heap.clear()

    @property
    def next(self) -> float | None:
        """The nearest moment, monotonic seconds."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[tuple[bool, Component]]:
        """What is due, each with whether its check is to run; it is taken out."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            _, ticket, runs, component = heapq.heappop(self._heap)
            if not runs or ticket == component.ticket:
                found.append((runs, component))
        return found
