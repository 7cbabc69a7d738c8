from __future__ import annotations

import threading

from pepperpy_otel.delivery.tally import Tally, Wakeup


def test_a_tally_counts_what_many_threads_count() -> None:
    """No count is lost when eight threads count at once."""
    tally = Tally()

    def count() -> None:
        for _ in range(5000):
            tally.increment()
        tally.add(100)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.value() == 8 * 5100


def test_reading_a_tally_does_not_change_it() -> None:
    """The value may be read any number of times."""
    tally = Tally()
    assert tally.value() == 0
    tally.add(3)
    assert [tally.value(), tally.value()] == [3, 3]


def test_a_wakeup_that_was_set_twice_wakes_once() -> None:
    """Setting it again before anybody waits is harmless, and remembered once."""
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    assert wakeup.wait(0) is True
    assert wakeup.wait(0) is False


def test_a_wakeup_wakes_a_waiting_thread() -> None:
    """A thread that waits goes on as soon as another one sets it, and not before."""
    wakeup = Wakeup()
    woken: list[bool] = []
    thread = threading.Thread(target=lambda: woken.append(wakeup.wait(30)))
    thread.start()
    assert woken == []
    wakeup.set()
    thread.join(10)
    assert woken == [True]


def test_a_wakeup_takes_any_time() -> None:
    """A time that has passed is none, and an endless one is as long as can be."""
    wakeup = Wakeup()
    assert wakeup.wait(-5) is False
    wakeup.set()
    assert wakeup.wait(float("inf")) is True
