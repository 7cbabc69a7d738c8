"""The ring keeps the newest events in a bounded number of bytes."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import pytest

from pepperpy_otel.logging.events import Event, make_event
from pepperpy_otel.logging.ring import Ring


class Clock:
    """Seconds that stand still until somebody moves them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _event(name: str = "placed", **fields: object) -> Event:
    return make_event(
        level="INFO", is_error=False, logger="shop", event=name, message=name, fields=fields
    )


def _names(ring: Ring, start: float = 0.0) -> list[str]:
    return [event.event for _, event in ring.since(start)[0]]


def test_events_come_back_in_order_with_their_times() -> None:
    """From a time on, that time included."""
    clock = Clock()
    ring = Ring(10**6, clock)
    for name in ("a", "b", "c"):
        ring.append(_event(name))
        clock.now += 10
    entries, evicted, complete = ring.since(1010.0)
    assert [(at, event.event) for at, event in entries] == [(1010.0, "b"), (1020.0, "c")]
    assert (evicted, complete) == (0, True)


def test_the_oldest_make_room() -> None:
    """As many as it takes, counted; and it is known which windows miss something."""
    clock = Clock()
    size = _event("x").size
    ring = Ring(3 * size, clock)
    for number in range(5):
        clock.now = float(number)
        ring.append(_event(str(number)))
    assert _names(ring) == ["2", "3", "4"]
    assert ring.since(0.0)[1:] == (2, False)
    assert ring.since(1.0)[1:] == (2, False)
    assert ring.since(2.0)[1:] == (2, True)


def test_an_event_that_is_larger_than_all_is_dropped() -> None:
    """And counted; the ring stays empty."""
    ring = Ring(10, Clock())
    ring.append(_event())
    assert ring.since(0.0) == ([], 1, False)


def test_clearing_forgets_everything() -> None:
    """The counts too."""
    ring = Ring(10**6, Clock())
    ring.append(_event())
    ring.clear()
    assert ring.since(0.0) == ([], 0, True)


@pytest.mark.parametrize("fields", [{}, {"user": "bob", "items": [1, 2, 3], "n": {"a": 1.5}}])
def test_the_bytes_are_those_of_the_process(fields: dict[str, object]) -> None:
    """The limit is one of real memory, within a quarter."""
    limit = 512 * 1024
    ring = Ring(limit, Clock())
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            ring.append(_event(f"event {number}", **{**fields, "number": 10**6 + number}))
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * limit < used < 1.25 * limit


def test_threads_append_at_once() -> None:
    """No event is lost and none is counted twice."""
    ring = Ring(10**7, Clock())
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(200):
            ring.append(_event())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(ring)) == 800
