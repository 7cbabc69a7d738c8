"""How late is late: the watches over the process and over an event loop."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy_otel.health.stalls import LoopWatch, ProcessWatch


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_process_watch_sums_up_what_is_late() -> None:
    """Late is what comes later than announced, by more than a machine's noise."""
    clock, told = _Clock(), []
    watch = ProcessWatch(clock, told.append)
    watch.sign(1.0)
    clock.now = 1.01
    assert watch.stalled() == 0
    clock.now = 1.5
    assert watch.stalled() == 0.5
    watch.sign(10.0)
    assert watch.stalled() == 0.5
    assert told == [0.5]
    watch.expect(2.0)
    watch.expect(3.0)
    clock.now = 2.05
    assert watch.stalled() == pytest.approx(0.55)
    watch.sign(9.0)
    assert told == [0.5]
    assert watch.stalled() == pytest.approx(0.55)


def test_the_loop_watch_sums_up_what_is_late() -> None:
    """The time from the question to the answer; one question at a time."""
    asked: list[Any] = []

    class Fake:
        def call_soon_threadsafe(self, callback: Any) -> None:
            asked.append(callback)

    clock, told = _Clock(), []
    process = ProcessWatch(clock)
    watch = LoopWatch(Fake(), process, clock, told.append)
    watch.ask()
    watch.ask()
    clock.now = 0.01
    assert watch.stalled() == 0
    clock.now = 0.3
    assert watch.silent() == 0.3
    assert watch.stalled() == 0.3
    asked.pop()()
    assert asked == []
    assert (watch.silent(), watch.stalled(), told) == (0, 0.3, [0.3])
    watch.ask()
    asked[0]()
    asked.pop()()  # twice: nothing was asked the second time
    assert watch.stalled() == 0.3
    watch.ask()
    process.sign(0.4)
    clock.now = 1.4  # the whole process stands still for a second
    assert watch.silent() == pytest.approx(0.1)
