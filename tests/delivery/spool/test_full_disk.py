"""A disk that is full: one line, 'no', what is on it is kept, and room that is made is used."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import TYPE_CHECKING

from tests.delivery.spool.conftest import Watched, die, limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.delivery.fakes import ManualClock

BLOCK = 256 * 1024


def test_a_full_disk_is_one_line_and_keeps_what_is_on_it(
    spool: Callable[..., Watched], small_disk: Path, clock: ManualClock
) -> None:
    """What was there is read, and room that is made is used again, which is one line more."""
    watched = spool(where=small_disk)
    bodies = [bytes([number]) + os.urandom(BLOCK) for number in range(3)]
    for body in bodies:
        watched.append(body=body, items=2)
    for _ in range(5):
        clock.advance(31)
        assert watched.spool.append("logs", os.urandom(BLOCK), 1) is False
    assert not watched.spool.usable
    assert watched.spool.waiting() == {"traces": 6, "logs": 0, "metrics": 0}
    assert len(watched.said) == 1
    assert "No space left on device" in watched.said[0]
    assert watched.bodies() == bodies
    watched.append("logs", b"room again")  # at once, without any wait
    assert watched.spool.usable
    assert watched.said[1:] == [f"spool {small_disk} works again"]
    assert watched.bodies() == [b"room again"]
    assert watched.lost == []


def test_a_record_that_did_not_fit_leaves_no_trace(
    spool: Callable[..., Watched], small_disk: Path, clock: ManualClock
) -> None:
    """The half of it that was written is taken back: the next one stands where it stood."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 900_000)
    first = spool(where=small_disk)
    first.append(body=b"before")
    assert first.spool.append("traces", os.urandom(BLOCK), 1) is False
    filler.unlink()
    clock.advance(31)
    first.append(body=b"after")
    die(first)
    second = spool(where=small_disk)
    assert second.bodies() == [b"before", b"after"]
    assert second.said == second.lost == []


def test_a_disk_that_is_full_at_the_start(
    spool: Callable[..., Watched], small_disk: Path, clock: ManualClock
) -> None:
    """Whatever can be made there, an append says no until there is room."""
    filler = small_disk / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(b"x" * 2_000_000)
    watched = spool(where=small_disk)
    assert watched.spool.append("logs", b"body", 1) is False
    assert len(watched.said) == 1
    filler.unlink()
    clock.advance(31)
    watched.append("logs", b"body")
    assert watched.bodies() == [b"body"]


def test_a_limit_on_the_size_of_files(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """``ulimit -f`` and quotas end a write in the middle, as a full disk does."""
    watched = spool()
    watched.append(body=b"before")
    with limit(resource.RLIMIT_FSIZE, 2000):
        assert watched.spool.append("traces", os.urandom(5000), 1) is False
    clock.advance(31)
    watched.append(body=b"after")
    watched.spool.close()
    again = spool()
    assert again.bodies() == [b"before", b"after"]
    assert again.said == again.lost == []


def test_the_disk_is_tried_again_at_intervals_only(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """Between them an append costs nothing."""
    watched = spool()
    with limit(resource.RLIMIT_FSIZE, 100):
        assert watched.spool.append("traces", os.urandom(500), 1) is False
    assert watched.spool.append("traces", b"body", 1) is False
    clock.advance(29)
    assert watched.spool.append("traces", b"body", 1) is False
    clock.advance(2)
    assert watched.spool.append("traces", b"body", 1) is True


def test_a_disk_that_comes_and_goes_is_not_told_of_each_time(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """At most once in ten minutes."""
    watched = spool()
    for _ in range(30):
        with limit(resource.RLIMIT_FSIZE, 100):
            assert watched.spool.append("traces", os.urandom(500), 1) is False
        clock.advance(31)
        watched.append()
    assert 2 <= len(watched.said) <= 4


def test_a_taken_file_name_costs_one_append(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """A head that cannot be written leaves no file."""
    watched = spool()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda *_: 3)
        assert watched.spool.append("logs", b"body", 1) is False
    assert watched.spool.oldest() is None
    clock.advance(31)
    watched.append("logs", b"body")
    assert watched.bodies() == [b"body"]
