from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery.files import store
from pepperpy_otel.delivery.files.store import LineFile

if TYPE_CHECKING:
    from pathlib import Path


def make(path: Path, *, max_bytes: int = 0, max_files: int = 3) -> LineFile:
    """A file of lines."""
    return LineFile(path, max_bytes=max_bytes, max_files=max_files)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be, in a directory that does not exist."""
    return tmp_path / "otel-data" / "traces.jsonl"


def mode(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_lines_are_appended_for_the_owner_alone(path: Path) -> None:
    """Directory and file are made, whatever the umask allows others; a restart appends."""
    umask = os.umask(0)
    try:
        make(path).append(b"one\n", 1)
        make(path).append(b"two\n", 1)
    finally:
        os.umask(umask)
    assert path.read_bytes() == b"one\ntwo\n"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_full_file_is_put_aside(path: Path) -> None:
    """The newest has number 1; the oldest goes; no line is split; one too long is kept alone."""
    file = make(path, max_bytes=10, max_files=2)
    for line in (b"a" * 20, b"bbbb", b"cccc", b"dddd", b"eeee", b"ffff", b"gggg"):
        file.append(line + b"\n", 1)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "traces.1.jsonl",
        "traces.2.jsonl",
        "traces.jsonl",
    ]
    assert file.numbered(2).read_bytes() == b"bbbb\ncccc\n"
    assert file.numbered(1).read_bytes() == b"dddd\neeee\n"
    assert path.read_bytes() == b"ffff\ngggg\n"
    assert mode(file.numbered(1)) == 0o600


def test_nothing_is_kept_when_nothing_is_to_be_kept(path: Path) -> None:
    """With no files to keep the full one is deleted."""
    file = make(path, max_bytes=6, max_files=0)
    file.append(b"aaaaa\n", 1)
    file.append(b"bbbbb\n", 1)
    assert [each.name for each in path.parent.iterdir()] == ["traces.jsonl"]
    assert path.read_bytes() == b"bbbbb\n"


def test_a_torn_line_does_not_spoil_the_next(path: Path) -> None:
    """What a killed process left ends where the next line begins."""
    path.parent.mkdir()
    path.write_bytes(b"one\n{torn")
    make(path).append(b"two\n", 1)
    assert path.read_bytes() == b"one\n{torn\ntwo\n"


def test_a_file_that_somebody_moved_is_made_again(path: Path) -> None:
    """logrotate, or a person with mv, loses nothing."""
    file = make(path)
    file.append(b"one\n", 1)
    path.rename(path.with_name("moved"))
    file.append(b"two\n", 1)
    assert path.read_bytes() == b"two\n"


def test_a_lock_that_is_not_given_up_is_waited_for_no_longer_than_that(path: Path) -> None:
    """The worker is never held for ever by another process."""
    make(path).append(b"one\n", 1)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        started = time.monotonic()
        with pytest.raises(TimeoutError, match="locked"):
            make(path).append(b"two\n", 0.05)
        assert 0.04 < time.monotonic() - started < 5
    make(path).append(b"three\n", 1)
    assert path.read_bytes() == b"one\nthree\n"


@pytest.mark.parametrize("gone", ["moved", "deleted"])
def test_a_file_put_aside_while_we_waited_is_not_written_to(
    path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """The lock was for a file that is not the current one any more."""
    file = make(path)
    file.append(b"one\n", 1)
    locking = store._lock

    def lock(*arguments: Any) -> None:
        locking(*arguments)
        monkeypatch.setattr(store, "_lock", locking)
        if gone == "moved":
            path.rename(file.numbered(1))
            path.touch()
        else:
            path.unlink()

    monkeypatch.setattr(store, "_lock", lock)
    file.append(b"two\n", 1)
    assert path.read_bytes() == b"two\n"


def test_a_full_disk_leaves_no_part_of_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it is taken back, and the error is told."""
    make(path).append(b"one\n", 1)
    writing = os.write
    calls: list[int] = []

    def write(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return writing(descriptor, data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        make(path).append(b"two-two\n", 1)
    monkeypatch.undo()
    assert calls == [8, 5]
    assert path.read_bytes() == b"one\n"


def test_a_write_in_parts_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it was given."""
    writing = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writing(descriptor, data[:2]))
    make(path).append(b"one-two\n", 1)
    assert path.read_bytes() == b"one-two\n"


def _write_many(path: Path, name: str, count: int) -> None:
    file = make(path, max_bytes=4000, max_files=1000)
    for number in range(count):
        file.append(f"{name}:{number}:{'x' * (number % 300)}\n".encode(), 30)


@pytest.mark.slow
def test_processes_never_mix_their_lines(path: Path) -> None:
    """Four processes write and rotate at once: every line is there once, whole, and in order."""
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_write_many, args=(path, f"w{number}", 300)) for number in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    files = sorted(path.parent.iterdir(), key=lambda each: -_number(each))
    assert len(files) > 10
    lines = [line for each in files for line in each.read_text().splitlines()]
    assert len(lines) == 1200
    for worker in range(4):
        mine = [line for line in lines if line.startswith(f"w{worker}:")]
        assert mine == [f"w{worker}:{number}:{'x' * (number % 300)}" for number in range(300)]
    assert all(each.stat().st_size <= 4000 for each in files)


def _number(path: Path) -> int:
    parts = path.name.split(".")
    return int(parts[1]) if len(parts) == 3 else 0
