"""A disk that is read-only, gone or broken: one line, 'no', and life goes on."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.delivery.spool.conftest import Watched, die, failing, limit, mount

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.fakes import ManualClock


def test_a_read_only_disk_is_one_line(
    spool: Callable[..., Watched], small_disk: Path, clock: ManualClock
) -> None:
    """Also with a spool on it; when it can be written again, all is there."""
    first = spool(where=small_disk)
    first.append(body=b"left")
    first.spool.close()
    assert mount("-o", "remount,ro", str(small_disk))
    watched = spool(where=small_disk)
    fresh = spool("fresh", where=small_disk)
    deeper = spool(where=small_disk / "deeper")
    for _ in range(3):
        for each in (watched, fresh, deeper):
            assert not each.spool.usable
            assert each.spool.append("logs", b"body", 1) is False
            assert each.spool.oldest() is None
            assert len(each.said) == 1
            assert "Read-only file system" in each.said[0]
        clock.advance(31)
    assert mount("-o", "remount,rw", str(small_disk))
    assert watched.bodies() == [b"left"]
    assert watched.spool.usable
    assert watched.said[1:] == [f"spool {small_disk} works again"]


def test_no_directory_at_all_is_one_line(
    spool: Callable[..., Watched], directory: Path, clock: ManualClock
) -> None:
    """A file under that name, or on the way to it."""
    directory.write_text("a file")
    for where in (directory, directory / "below"):
        watched = spool(where=where)
        assert not watched.spool.usable
        assert watched.spool.append("logs", b"body", 1) is False
        assert len(watched.said) == 1
    directory.unlink()
    clock.advance(31)
    watched.append("logs", b"body")
    assert watched.spool.usable


def test_a_relative_directory_stays_where_it_was(
    spool: Callable[..., Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that goes elsewhere finds its spool again after a fork."""
    monkeypatch.chdir(tmp_path)
    watched = spool(where=Path("relative"))
    monkeypatch.chdir("/")
    watched.spool.after_fork()
    watched.append(body=b"body")
    assert len(list((tmp_path / "relative").rglob("*.spool1"))) == 1


def test_no_present_directory(
    spool: Callable[..., Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name means nothing then: one line."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    watched = spool(where=Path("relative"))
    assert not watched.spool.usable
    assert watched.spool.append("logs", b"body", 1) is False
    assert len(watched.said) == 1


def test_a_name_that_no_disk_can_hold(spool: Callable[..., Watched], directory: Path) -> None:
    """Whatever was set: one line, and 'no'."""
    for where in (directory / ("x" * 300), Path("\0")):
        watched = spool(where=where)
        assert not watched.spool.usable
        assert watched.spool.append("logs", b"body", 1) is False
        assert watched.spool.oldest() is None
        assert 1 <= len(watched.said) <= 3


def test_a_disk_that_turned_read_only_under_us(
    spool: Callable[..., Watched],
    monkeypatch: pytest.MonkeyPatch,
    clock: ManualClock,
    segments: Callable[[], list[Path]],
) -> None:
    """What is on it is sent once by us; it is cleared away as soon as that is possible."""
    watched = spool(segment_bytes=100)
    for number in range(3):
        watched.append(body=b"%d" % number)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", failing(errno.EROFS))
        patched.setattr(os, "unlink", failing(errno.EROFS))
        assert watched.bodies() == [b"0", b"1", b"2"]
        assert watched.spool.append("logs", b"body", 1) is False
        assert watched.spool.waiting()["traces"] == 0
        assert len(watched.said) == 1
    assert len(segments()) >= 3
    clock.advance(31)
    watched.append("logs", b"body")
    assert watched.bodies() == [b"body"]
    clock.advance(31)
    assert watched.spool.oldest() is None
    assert segments() == []


def test_progress_that_cannot_be_written_is_kept_in_memory(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent twice by this process."""
    watched = spool()
    for number in range(3):
        watched.append(body=b"%d" % number)
    monkeypatch.setattr(os, "pwrite", failing(errno.EIO))
    assert watched.bodies() == [b"0", b"1", b"2"]
    assert len(watched.said) == 1


def test_no_more_files_may_be_opened(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """An app that leaks files finds its telemetry when it has stopped to."""
    watched = spool(segment_bytes=100)
    for number in range(3):
        watched.append(body=b"%d" % number)
    other = spool("other")
    other.append(body=b"left")
    die(other)
    with limit(resource.RLIMIT_NOFILE, 4):
        assert watched.spool.oldest() is None
        late = spool("other")
        assert not late.spool.usable
        assert len(late.said) == len(watched.said) == 1
    clock.advance(31)
    assert late.bodies() == [b"left"]
    assert watched.bodies() == [b"0", b"1", b"2"]
    assert watched.lost == late.lost == []


def test_sectors_that_cannot_be_read_are_damage(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cost what is in them."""
    watched = spool()
    watched.append(body=b"unreadable", items=4)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", failing(errno.EIO))
        assert watched.spool.oldest() is None
    assert watched.lost == [("traces", 4, True, "spool_corrupt")]
    assert len(watched.said) == 1


@pytest.mark.parametrize(("number", "lines"), [(errno.EIO, 1), (errno.EINVAL, 0)])
def test_a_disk_that_cannot_sync(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch, number: int, lines: int
) -> None:
    """An error of the disk is told; a file system that never syncs directories is not one."""
    watched = spool(segment_bytes=100)
    monkeypatch.setattr(os, "fsync", failing(number))
    watched.append(body=b"1")
    watched.append(body=b"2")
    assert len(watched.said) == lines
    assert watched.spool.usable is not bool(lines)
    assert watched.bodies() == [b"1", b"2"]


def test_a_file_is_synced_when_it_is_ended_and_at_the_close(
    spool: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each batch."""
    synced: list[str] = []
    fsync = os.fsync

    def watch(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().suffix)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watch)
    watched = spool(segment_bytes=1000)
    for _ in range(4):
        watched.append(body=os.urandom(200))
    assert synced.count(".spool1") == 1
    watched.append("logs")
    watched.spool.close()
    assert synced.count(".spool1") == 3
    assert len(synced) == 6  # the directory with each
