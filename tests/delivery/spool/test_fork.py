"""A forked child has a spool of its own, and leaves its parent's alone."""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.fakes import ManualClock
    from tests.delivery.spool.conftest import Watched


def _in_child(call: Callable[[], Any]) -> Any:
    """What ``call`` returns in a forked child, which ends then without any clean-up."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, pickle.dumps(call()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return pickle.loads(answer)


@pytest.mark.parametrize("told", [True, False])
def test_a_child_begins_with_nothing(spool: Callable[..., Watched], told: bool) -> None:
    """Told of the fork or not: neither the parent's batches nor its counts are the child's."""
    watched = spool()
    watched.append("logs", b"parent", items=3)
    watched.spool.oldest()

    def child() -> Any:
        if told:
            watched.spool.after_fork()
        usable = watched.spool.usable
        found = watched.spool.oldest()
        before = dict(watched.spool.waiting())
        appended = watched.spool.append("logs", b"child", 2)
        after = dict(watched.spool.waiting())
        own = watched.bodies()
        return usable, found, before["logs"], appended, after["logs"], own

    assert _in_child(child) == (True, None, 0, True, 2, [b"child"])
    assert watched.bodies() == [b"parent"]
    assert watched.said == watched.lost == []


def test_what_a_child_left_is_inherited(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """Also by its parent, which goes on with its own meanwhile."""
    watched = spool()
    watched.append(body=b"before")
    clock.advance(1)
    assert _in_child(lambda: watched.spool.append("traces", b"child", 5))
    watched.append(body=b"after")
    clock.advance(30)
    assert [(batch.body, batch.own) for batch in watched.drain()] == [
        (b"before", True),
        (b"after", True),  # the segment is the older one
        (b"child", False),
    ]


def test_a_child_that_ends_does_not_end_its_parents_lock(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """Closing a copy of a locked file is not unlocking it."""
    watched = spool()
    watched.append(body=b"parent")
    _in_child(watched.spool.after_fork)
    _in_child(watched.spool.close)
    other = spool()
    assert other.spool.oldest() is None
    assert watched.bodies() == [b"parent"]


def test_a_fork_is_told_twice(spool: Callable[..., Watched]) -> None:
    """By the spool itself and by its pipeline, or in a child that never used it."""
    watched = spool()

    def child() -> Any:
        watched.spool.after_fork()
        watched.spool.after_fork()
        watched.append(body=b"child")
        return watched.bodies()

    assert _in_child(child) == [b"child"]
    watched.spool.after_fork()
    watched.spool.after_fork()
    watched.append(body=b"again")
    assert watched.bodies() == [b"again"]


def test_a_child_of_a_child(spool: Callable[..., Watched]) -> None:
    """Three generations, three owners."""
    watched = spool()
    watched.append(body=b"first")

    def child() -> Any:
        watched.append(body=b"second")
        third = _in_child(lambda: (watched.append(body=b"third"), watched.bodies())[1])
        return third, watched.bodies()

    assert _in_child(child) == ([b"third"], [b"second"])
    assert watched.bodies() == [b"first"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_lock_that_was_held_at_the_fork_does_not_hang_the_child(
    directory: Path, clock: ManualClock
) -> None:
    """A thread of the parent's in the middle of an append is not there in the child."""
    from pepperpy_otel.delivery.spool import Spool, SpoolLimits

    inside, go_on = threading.Event(), threading.Event()
    asked: list[int] = []

    def hanging() -> float:
        if threading.current_thread() is thread:
            asked.append(1)
            if len(asked) == 2:  # the second time is with the lock held
                inside.set()
                go_on.wait(30)
        return clock()

    thread = threading.Thread(target=lambda: held.append("traces", b"parent", 1))
    held = Spool(directory, "x", limits=SpoolLimits(), clock=hanging, on_lost=lambda *_: None)
    thread.start()
    try:
        assert inside.wait(30)
        waits = threading.Thread(target=held.oldest)
        waits.start()
        waits.join(0.05)
        assert waits.is_alive()  # the lock is held indeed

        def child() -> Any:
            held.after_fork()
            written = held.append("traces", b"child", 1)
            batch = held.oldest()
            return written, batch and batch.body

        assert _in_child(child) == (True, b"child")
    finally:
        go_on.set()
        thread.join()
        waits.join()
        held.close()
