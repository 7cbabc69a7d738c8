"""The pool: threads for what waits, no more than there may be, and none that waits for nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.workers import Pool, Worker
from tests.health.helpers import until

if TYPE_CHECKING:
    import pytest


def _workers() -> set[threading.Thread]:
    workers = (each for each in threading.enumerate() if each.name.endswith("otel-health-worker"))
    return set(workers)


def test_there_are_no_more_threads_than_may_be(release: threading.Event) -> None:
    """What comes on top waits, until there is room for it."""
    before, pool = _workers(), Pool(2)
    started: list[Worker] = []

    def task(worker: Worker) -> None:
        started.append(worker)
        release.wait(30)

    for _ in range(5):
        pool.submit(task)
    until(lambda: len(started) == 2)
    assert (len(_workers() - before), pool.waiting) == (2, 3)
    pool.make_room(1)  # one of them is slow
    until(lambda: len(started) == 3)
    pool.make_room(0)
    pool.write_off(started[0])
    pool.write_off(started[1])
    until(lambda: len(started) == 4)
    assert pool.waiting == 1
    release.set()
    until(lambda: len(started) == 5)
    pool.close()
    until(lambda: not _workers() - before)
    pool.submit(task)
    assert pool.waiting == 0


def test_the_thread_that_rested_last_is_woken_first() -> None:
    """So that the others may end: one thread is enough for one task after the other."""
    pool = Pool(4)
    seen: list[int] = []
    barrier = threading.Barrier(4)
    for _ in range(4):
        pool.submit(lambda worker: barrier.wait(30))
    until(lambda: len(pool._idle) == 4)
    for count in range(1, 6):
        pool.submit(lambda worker: seen.append(worker.ident))
        until(lambda count=count: len(seen) == count and len(pool._idle) == 4)  # type: ignore[misc]
    assert len(set(seen)) == 1
    pool.close()


def test_an_error_in_a_task_of_ours_does_not_end_the_thread(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is said once, and the next task is done."""
    pool = Pool(1)
    done = threading.Event()

    def breaks(worker: Worker) -> None:
        raise LookupError("a defect of ours")

    pool.submit(breaks)
    pool.submit(lambda worker: done.set())
    assert done.wait(30)
    pool.close()
    assert capfd.readouterr().err.count("a defect of ours") <= 1


def test_a_thread_that_is_called_as_it_gives_up_takes_its_task() -> None:
    """The moment between the end of its patience and the lock belongs to whoever comes first."""
    pool = Pool(1)
    tasks: list[str] = []

    class Signal:
        def __init__(self) -> None:
            self.asked: list[Any] = []

        def acquire(self, timeout: float | None = None) -> bool:
            self.asked.append(timeout)
            if timeout is None:
                return True
            pool.submit(lambda worker: tasks.append("done"))  # wakes this very worker
            return False

        def release(self) -> None:
            """The call."""

    worker = Worker()
    worker.signal = Signal()  # type: ignore[assignment]
    pool._live, pool._coming = 1, 1
    task = pool._next(worker, called=True)
    assert task is not None
    task(worker)
    assert tasks == ["done"]
    assert pool._coming == 0
