from __future__ import annotations

import threading

from pepperpy_otel.delivery.books import Books, Entries


def put(books: Books, items: int) -> None:
    """Put items on disk."""
    books.write(items)
    books.written(items, on_disk=True)


def test_items_are_entered_once() -> None:
    """Delivered, spooled and lost are told apart; losses are added up by reason."""
    books = Books()
    books.settle(3, {"refused": 1, "rejected": 0})
    books.settle(0, {"refused": 2})
    put(books, 5)
    assert books.now == Entries(3, 5, {"refused": 3})
    assert (books.now.dropped(), books.now.resolved()) == (3, 11)
    books.settle(0, {})
    assert books.now == Entries(3, 5, {"refused": 3})


def test_a_replay_moves_items_from_the_disk() -> None:
    """What arrives or is lost leaves the disk in the same moment."""
    books = Books()
    put(books, 10)
    books.settle_spooled(4, {"refused": 1})
    assert books.now == Entries(4, 5, {"refused": 1})
    books.write(3)
    assert books.now.spooled == 5  # on its way is not there yet
    books.written(3, on_disk=False)
    assert books.now == Entries(4, 5, {"refused": 1})


def test_nothing_leaves_the_disk_twice() -> None:
    """A batch that the spool threw out while it was delivered is lost, not lost and delivered."""
    books = Books()
    put(books, 4)
    books.settle_spooled(0, {"spool_full": 3})
    books.settle_spooled(2, {"refused": 2})
    assert books.now == Entries(1, 0, {"spool_full": 3})
    put(books, 3)
    books.settle_spooled(1, {"a": 1, "b": 9})
    assert books.now == Entries(2, 0, {"spool_full": 3, "a": 1, "b": 1})


def test_the_books_are_exact_while_threads_race() -> None:
    """Entries from several threads all count, and no reader sees a replay half done."""
    books = Books()
    put(books, 8000)

    def replay() -> None:
        for _ in range(2000):
            books.settle_spooled(2, {"refused": 1})

    threads = [threading.Thread(target=replay) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert books.now.resolved() == 8000
    for thread in threads:
        thread.join()
    assert books.now.spooled == 0
    assert books.now.resolved() == 8000


def test_what_is_thrown_out_while_it_is_written() -> None:
    """A full disk costs the batch that is just being written: it was never spooled, and is lost."""
    books = Books()
    books.write(4)
    books.settle_spooled(0, {"spool_full": 4})
    assert books.now == Entries(0, 0, {"spool_full": 4})
    books.written(4, on_disk=True)
    assert books.now == Entries(0, 0, {"spool_full": 4})
