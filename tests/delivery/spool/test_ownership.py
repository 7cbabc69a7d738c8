"""One owner for each segment: the living are let alone, the dead are inherited from, once."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.delivery.spool import ownership, store
from tests.delivery.spool.conftest import Watched, die

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.fakes import ManualClock


def _open_files() -> dict[int, str]:
    names = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that is used to look
            names[int(path.name)] = str(path.readlink())
    return names


def test_the_living_are_let_alone(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """Two spools on one directory each see their own."""
    one, two = spool(), spool()
    one.append(body=b"one")
    two.append(body=b"two")
    clock.advance(60)
    assert one.bodies() == [b"one"]
    assert two.bodies() == [b"two"]


def test_the_dead_are_inherited_from_within_half_a_minute(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """Nobody has to restart for it, and it is not looked for all the time."""
    living, dying = spool(), spool()
    dying.append(body=b"left")
    die(dying)
    assert living.spool.oldest() is None
    clock.advance(30)
    assert living.bodies() == [b"left"]


def test_only_one_inherits(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """Of three who are there, one gets it all."""
    heirs = [spool() for _ in range(3)]
    dying = spool(segment_bytes=100)
    for number in range(10):
        dying.append(body=b"%d" % number)
    die(dying)
    clock.advance(30)
    found = [heir.bodies() for heir in heirs]
    assert sorted(map(len, found)) == [0, 0, 10]


def test_an_heir_that_dies_is_inherited_from(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """Over any number of deaths, each with a little progress, nothing is lost or sent twice."""
    first = spool(segment_bytes=100)
    for number in range(10):
        first.append(body=b"%d" % number, items=number)
    die(first)
    found = []
    for _ in range(10):
        heir = spool()
        batch = heir.spool.oldest()
        found.append((batch.body, batch.items, batch.own))
        heir.spool.done(batch)
        die(heir)
    assert found == [(b"%d" % number, number, False) for number in range(10)]
    assert spool().spool.oldest() is None


def test_files_of_the_dead_are_cleared_away(spool: Callable[..., Watched], directory: Path) -> None:
    """Neither a crash loop nor a clean end leaves lock files behind."""
    for _ in range(5):
        die(spool())
    last = spool()
    assert len(list(directory.rglob("*.lock"))) == 1
    last.spool.close()
    assert [path for path in directory.rglob("*") if path.is_file()] == []


def test_an_inheritance_that_fails_half_way_is_finished_later(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """What could be renamed is ours, the rest waits; nothing is taken for done with."""
    dying = spool(segment_bytes=100)
    for number in range(4):
        dying.append(body=b"%d" % number)
    die(dying)
    rename, names = os.rename, []

    def failing(old: str, new: str, **where: int) -> None:
        names.append(old)
        if len(names) == 3:
            raise OSError(5, "Input/output error")
        rename(old, new, **where)

    monkeypatch.setattr(os, "rename", failing)
    watched = spool()
    assert watched.bodies() == [b"0", b"1"]
    clock.advance(30)
    assert watched.bodies() == [b"2", b"3"]
    assert watched.said == watched.lost == []


def test_the_lock_file_of_the_living_looks_alive(
    spool: Callable[..., Watched], directory: Path, clock: ManualClock
) -> None:
    """Programs that clean up /tmp go by the age of files."""
    watched = spool()
    (lock,) = directory.rglob("*.lock")
    os.utime(lock, (0, 0))
    clock.advance(30)
    watched.spool.oldest()
    assert lock.stat().st_mtime > 0


def test_segments_without_a_lock_file_are_found(
    spool: Callable[..., Watched], directory: Path
) -> None:
    """Somebody who cleared the locks away did not clear the telemetry."""
    dying = spool()
    dying.append(body=b"left")
    die(dying)
    for lock in directory.rglob("*.lock"):
        lock.unlink()
    assert spool().bodies() == [b"left"]


def test_a_removed_lock_file_is_noticed(
    spool: Callable[..., Watched], directory: Path, clock: ManualClock
) -> None:
    """Its owner makes a new one at its next step, keeps its segments, and sends nothing twice."""
    watched = spool()
    for number in range(4):
        watched.append(body=b"%d" % number, items=2)
    watched.spool.done(watched.spool.oldest())
    for lock in directory.rglob("*.lock"):
        lock.unlink()
    watched.append(body=b"4", items=2)
    assert watched.spool.waiting()["traces"] == 8
    other = spool()
    clock.advance(60)
    assert other.spool.oldest() is None
    found = watched.drain()
    assert [(batch.body, batch.own) for batch in found] == [
        (b"%d" % number, True) for number in range(1, 5)
    ]
    assert watched.spool.waiting()["traces"] == 0
    assert watched.lost == watched.said == []


def test_a_removed_directory_is_made_again(spool: Callable[..., Watched], directory: Path) -> None:
    """``rm -r`` under a running process costs what was in it, and nothing more."""
    watched = spool()
    watched.append("logs", b"gone", items=3)
    watched.append("traces", b"gone", items=2)
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    directory.rmdir()
    watched.append("logs", b"kept")
    assert watched.bodies() == [b"kept"]
    assert sorted(watched.lost) == [
        ("logs", 3, True, "spool_corrupt"),
        ("traces", 2, True, "spool_corrupt"),
    ]
    assert watched.spool.waiting() == {"traces": 0, "logs": 0, "metrics": 0}


def test_a_directory_that_was_removed_before_the_end_does_not_matter(
    spool: Callable[..., Watched], directory: Path
) -> None:
    """``close()`` has nothing to keep then."""
    watched = spool()
    watched.append()
    for path in directory.rglob("*.lock"):
        path.unlink()
    watched.spool.close()
    assert watched.said == []


@pytest.mark.parametrize("reopened", [True, False])
def test_other_files_under_our_numbers_are_not_written_to(
    spool: Callable[..., Watched], tmp_path: Path, reopened: bool
) -> None:
    """A program that closes all files to become a daemon, and opens its own, keeps them clean."""
    watched = spool()
    watched.append(body=b"before", items=2)
    ours = [fd for fd, name in _open_files().items() if name.startswith(str(tmp_path))]
    assert len(ours) == 3  # the directory, the lock, one segment
    for fd in ours:
        os.close(fd)
    names = [tmp_path / f"theirs{fd}" for fd in ours if reopened]
    theirs = [os.open(name, os.O_RDWR | os.O_CREAT) for name in names]
    assert sorted(theirs) == (sorted(ours) if reopened else [])
    try:
        watched.append(body=b"after")
        assert watched.bodies() == [b"before", b"after"]
    finally:
        for fd in theirs:
            assert os.fstat(fd).st_size == 0
            os.close(fd)
    assert watched.lost == watched.said == []


def test_a_crash_loop_is_worked_off_bit_by_bit(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """So many segments are known at once at most; the rest follows, the oldest owners first."""
    monkeypatch.setattr(store, "MOST_SEGMENTS", 0)  # who loops inherits nothing
    for number in range(10):
        looping = spool()
        looping.append(body=b"%d" % number)
        die(looping)
        clock.advance(1)
    monkeypatch.setattr(store, "MOST_SEGMENTS", 3)
    assert spool().bodies() == [b"%d" % number for number in range(10)]


def test_a_new_lock_that_was_mistaken_for_a_dead_one_is_given_up(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    """Between making and locking it another process may look: then there is another one."""
    import fcntl

    flock = fcntl.flock
    calls: list[int] = []

    def contended(fd: int, how: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            raise BlockingIOError
        if len(calls) == 2:
            for lock in directory.rglob("*.lock"):
                lock.unlink()
        flock(fd, how)

    monkeypatch.setattr(ownership.fcntl, "flock", contended)
    watched = spool()
    assert watched.spool.usable
    assert len(calls) == 3
    watched.append(body=b"fine")
    assert watched.bodies() == [b"fine"]


def test_locks_that_are_always_taken_make_it_unusable(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and no endless loop."""

    def taken(fd: int, how: int) -> None:
        raise BlockingIOError

    with monkeypatch.context() as patched:
        patched.setattr(ownership.fcntl, "flock", taken)
        watched = spool()
        assert not watched.spool.usable
        assert len(watched.said) == 1


def test_a_file_system_without_locks_makes_it_unusable(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    """Two processes could not be kept apart; no lock file is left behind."""

    def unable(fd: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(ownership.fcntl, "flock", unable)
    watched = spool()
    assert not watched.spool.usable
    assert watched.spool.append("logs", b"body", 1) is False
    assert "Operation not supported" in watched.said[0]
    assert list(directory.rglob("*.lock")) == []


def test_a_platform_without_locks_says_so_once(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    """Nothing is made on disk there."""
    monkeypatch.setattr(ownership, "fcntl", None)
    watched = spool()
    assert not watched.spool.usable
    assert watched.spool.append("logs", b"body", 1) is False
    assert watched.spool.oldest() is None
    assert len(watched.said) == 1
    assert not directory.exists()
