from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.delivery import queue as queue_module
from pepperpy_otel.delivery.queue import QueueLimits, RecordQueue

if TYPE_CHECKING:
    from collections.abc import Iterable


def make(**limits: int) -> tuple[RecordQueue, list[int]]:
    """A queue, and how often it woke its worker."""
    woken: list[int] = []
    queue = RecordQueue(QueueLimits(**limits), lambda: woken.append(1))  # type: ignore[arg-type]
    return queue, woken


def items(queue: RecordQueue, count: int = 10**6) -> list[object]:
    """What the queue gives."""
    return [entry.item for entry in queue.take(count)]


def test_what_is_appended_comes_out_in_order() -> None:
    """The oldest items are taken first, as many as asked for."""
    queue, _ = make()
    for number in range(5):
        queue.append(number, 1)
    assert items(queue, 3) == [0, 1, 2]
    assert items(queue) == [3, 4]
    assert items(queue) == []


def test_too_many_items_push_out_the_oldest() -> None:
    """The queue never holds more than its items; what is lost is counted."""
    queue, _ = make(max_items=3)
    for number in range(5):
        queue.append(number, 1)
    assert (queue.accepted.value(), queue.evicted.value()) == (5, 2)
    assert items(queue) == [2, 3, 4]


def test_too_many_bytes_push_out_the_oldest() -> None:
    """The queue never holds more than its bytes."""
    queue, _ = make(max_bytes=100)
    for number in range(4):
        queue.append(number, 40)
    assert queue.estimated_bytes == 80
    assert queue.evicted.value() == 2
    assert items(queue) == [2, 3]


def test_one_item_is_kept_whatever_its_size() -> None:
    """An item beyond all bounds still has its chance, alone."""
    queue, _ = make(max_items=10, max_bytes=100)
    queue.append("small", 1)
    queue.append("huge", 10**9)
    queue.append_many("all metrics", 1, 5000)
    assert items(queue) == ["all metrics"]
    assert queue.evicted.value() == 2


def test_a_collection_counts_as_its_data_points() -> None:
    """What stands for many items is accepted, bounded and evicted as that many."""
    queue, _ = make(max_items=10)
    queue.append_many("first", 1, 6)
    queue.append_many("second", 1, 6)
    assert (queue.accepted.value(), queue.evicted.value()) == (12, 6)
    assert items(queue, 1) == ["second"]


def test_a_full_batch_wakes_the_worker_once() -> None:
    """The wake-up comes with the item that fills a batch, and not again for the next ones."""
    queue, woken = make(batch_size=3)
    queue.append(1, 1)
    queue.append(2, 1)
    assert (woken, queue.has_batch()) == ([], False)
    queue.append(3, 1)
    queue.append(4, 1)
    assert (woken, queue.has_batch()) == ([1], True)
    assert queue.notify_at == sys.maxsize


def test_what_is_put_back_is_next() -> None:
    """A batch that could not be sent comes out first again, in its order."""
    queue, _ = make()
    for number in range(4):
        queue.append(number, 10)
    queue.put_back(queue.take(2))
    assert queue.estimated_bytes == 40
    assert items(queue) == [0, 1, 2, 3]


def test_what_comes_while_a_batch_is_put_back_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of the app that appends in between is not forgotten: the bounds would not hold."""
    queue, _ = make(max_items=4)
    for number in range(2):
        queue.append(number, 10)

    def summed(numbers: Iterable[int]) -> int:
        queue.append("meanwhile", 10)
        return sum(numbers)

    monkeypatch.setattr(queue_module, "sum", summed, raising=False)
    queue.put_back(queue.take(2))
    assert (queue.holds(4), queue.estimated_bytes) == (True, 40)


def test_what_is_put_back_beyond_the_bounds_is_dropped_oldest_first() -> None:
    """A failed batch does not displace what is newer."""
    queue, _ = make(max_items=3)
    for number in range(3):
        queue.append(number, 1)
    batch = queue.take(2)
    queue.append(3, 1)
    queue.append(4, 1)
    queue.put_back(batch)
    assert queue.evicted.value() == 2
    assert items(queue) == [2, 3, 4]


def test_a_closed_queue_takes_and_counts_nothing() -> None:
    """After the end items are ignored."""
    queue, _ = make()
    queue.append(1, 1)
    queue.close()
    queue.append(2, 1)
    queue.append_many(3, 1, 3)
    assert queue.accepted.value() == 1
    assert items(queue) == [1]


def test_a_reset_queue_is_new() -> None:
    """A forked child starts with nothing and from zero."""
    queue, woken = make(batch_size=2)
    queue.append(1, 1)
    queue.reset()
    assert (len(queue), queue.estimated_bytes, queue.accepted.value()) == (0, 0, 0)
    queue.append(2, 1)
    queue.append(3, 1)
    assert woken == [1]
    queue.close()
    queue.reset()
    queue.append(4, 1)
    assert len(queue) == 0


@pytest.mark.parametrize("limits", [{"max_items": 50}, {"max_bytes": 500}])
def test_every_item_is_accounted_for_while_threads_race(limits: dict[str, int]) -> None:
    """Taken, thrown out and left add up to what was accepted, whatever threads do."""
    queue, _ = make(**limits)
    taken: list[object] = []
    done = threading.Event()

    def consume() -> None:
        while not done.is_set() or len(queue):
            taken.extend(items(queue, 7))

    def produce() -> None:
        for number in range(5000):
            queue.append(number, 10)

    consumer = threading.Thread(target=consume)
    producers = [threading.Thread(target=produce) for _ in range(4)]
    for thread in [consumer, *producers]:
        thread.start()
    for thread in producers:
        thread.join()
    done.set()
    consumer.join()
    assert queue.accepted.value() == 20000
    assert len(taken) + queue.evicted.value() == 20000
    assert queue.estimated_bytes == 0


def test_fullness_is_of_items_or_of_bytes() -> None:
    """Whichever is nearer to its limit says how full the queue is."""
    queue = RecordQueue(QueueLimits(max_items=10, max_bytes=1000), lambda: None)
    assert queue.fullness == 0.0
    queue.append("a", 10)
    assert queue.fullness == 0.1
    queue.append("b", 490)
    assert queue.fullness == 0.5
