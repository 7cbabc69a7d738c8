"""Which processes count together, and the directory in which they meet.

A worker's group is its master: the process that gunicorn's workers were forked from, or that
``uvicorn --workers`` and ``multiprocessing`` started them from. Its directory has the port, the
master's pid and start time in its name, so that neither a second server nor the next run finds the
counts of this one. With ``PEPPERPY_OTEL_PROMETHEUS_DIRECTORY`` all that name the directory are one
group, whoever started them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel import _forks
from pepperpy_otel.metrics.multiprocess.cells import CellFile, Entry, entries, is_owned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Seconds to wait for other processes that read or tidy up.
LOCK_SECONDS = 2.0
_STEP = 0.005
SUFFIX = ".cells"
_ENDED = "ended-"
#: The one entry of a file of ended processes that is no series: the files that went into it.
_MERGED_KEY = b'{"merged":'


class Group:
    """The files of the processes that count together.

    Args:
        directory: Where they are; made when the first one opens its file.
        private: Whether it lies where others may write (a temporary directory): then it must be
            ours alone.
    """

    def __init__(self, directory: Path, *, private: bool = True) -> None:
        self.directory = directory
        self._private = private

    def open(self) -> CellFile:
        """A new file for this process; the files of ended ones become one on the occasion.

        Raises:
            OSError: The directory cannot be used.
        """
        # Nobody may fork in here: the child would hold the locks with its copies.
        with _forks.held_off():
            if self._private:
                make_private(self.directory.parent)
                remove_dead_groups(self.directory.parent)
            make_private(self.directory, strict=self._private)
            with self._locked(exclusive=True):
                self._tidy()
                return CellFile(self.directory / f"{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}")

    def is_there(self) -> bool:
        """Whether the directory exists, and nobody else made it for us to follow his links."""
        ours = (self.directory.parent, self.directory) if self._private else ()
        try:
            return all(map(_is_private, ours)) and self.directory.is_dir()
        except FileNotFoundError:
            return False

    def read(self, own: Path | None) -> tuple[list[Entry], list[tuple[int, Entry]]]:
        """What the other processes have counted.

        Args:
            own: This process's file, which is left out.

        Returns:
            The series of ended processes, and those of living ones with their pids.

        Raises:
            OSError: The directory cannot be read.
            TimeoutError: Another process keeps the group locked.
        """
        ended: list[Entry] = []
        living: list[tuple[int, Entry]] = []
        if not self.is_there():
            return ended, living
        with _forks.held_off(), self._locked(exclusive=False):
            for path in self._files()[0]:
                if path == own:
                    continue
                alive = _is_alive(path)
                found = _series(path)
                if alive:
                    pid = int(path.name.partition("-")[0])
                    living += ((pid, entry) for entry in found)
                else:
                    ended += found
        return ended, living

    def _files(self) -> tuple[list[Path], list[Path]]:
        """All files that count, and those that a later one contains."""
        found = sorted(self.directory.glob(f"*{SUFFIX}"))
        merged: set[str] = set()
        for path in found:
            if path.name.startswith(_ENDED):
                merged |= _merged_names(path)
        counting = [path for path in found if path.name not in merged]
        return counting, [path for path in found if path.name in merged]

    def _tidy(self) -> None:
        """Put what ended processes have left into one file: there may be thousands of them."""
        files, merged = self._files()
        # Of one that was killed in here: they would count again when the file that names them goes.
        for path in (*merged, *self.directory.glob(f"{_ENDED}*.tmp")):
            path.unlink(missing_ok=True)
        dead = [path for path in files if not _is_alive(path)]
        if not any(not path.name.startswith(_ENDED) for path in dead):
            return
        totals = sum_up(entry for path in dead for entry in _series(path))
        name = f"{_ENDED}{secrets.token_hex(6)}"
        unfinished = self.directory / f"{name}.tmp"
        file = CellFile(unfinished)
        try:
            file.add(_MERGED_KEY + json.dumps([path.name for path in dead]).encode() + b"}", 0)
            for key, numbers in totals.items():
                cells = file.add(key, len(numbers))
                for index, number in enumerate(numbers):
                    cells[index] = number
        finally:
            file.close()
        # From here on the names in it are not read any more, whatever becomes of this process.
        unfinished.rename(self.directory / f"{name}{SUFFIX}")
        for path in dead:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.directory / "lock", flags, 0o600)
        try:
            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(fd, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{self.directory} is locked") from None
                    time.sleep(_STEP)
            yield
        finally:
            os.close(fd)


def sum_up(found: Iterable[Entry]) -> dict[bytes, list[float]]:
    """One total for each series that is a sum over time; what was only a state ends with it."""
    totals: dict[bytes, list[float]] = {}
    for entry in found:
        try:
            lasting = entry.description().get("k") in ("counter", "histogram")
        except ValueError:
            continue
        if not lasting:
            continue
        before = totals.get(entry.key)
        if before is None or len(before) != len(entry.numbers):
            totals[entry.key] = list(entry.numbers)
        else:
            totals[entry.key] = [a + b for a, b in zip(before, entry.numbers, strict=True)]
    return totals


def _is_alive(path: Path) -> bool:
    return not path.name.startswith(_ENDED) and is_owned(path)


def _series(path: Path) -> list[Entry]:
    return [entry for entry in entries(path.read_bytes()) if not entry.key.startswith(_MERGED_KEY)]


def _merged_names(path: Path) -> set[str]:
    for entry in entries(path.read_bytes()):
        if entry.key.startswith(_MERGED_KEY):
            with contextlib.suppress(ValueError):
                return set(entry.description()["merged"])
    return set()


def make_private(directory: Path, *, strict: bool = True) -> None:
    """Make a directory that only this user can use.

    Args:
        directory: Where; its parent must exist unless it is made here as well.
        strict: Refuse one that is somebody else's, or open to others.

    Raises:
        OSError: It cannot be made, or is not ours.
    """
    directory.mkdir(mode=0o700, parents=not strict, exist_ok=True)
    if strict and not _is_private(directory):
        raise PermissionError(f"{directory} is not this user's alone")


def _is_private(directory: Path) -> bool:
    found = directory.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not found.st_mode & 0o077


def base_directory() -> Path:
    """Where the directories of groups lie, for this user and this machine's process numbers."""
    user = os.geteuid()
    try:
        # Two containers may share /tmp.
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        space = "pids"
    return Path(tempfile.gettempdir()) / f"pepperpy-otel-prometheus-{user}-{space}"


def group_of(port: int, pid: int) -> Group:
    """The group of a master process, for the page on one port."""
    return Group(base_directory() / f"{port}-{pid}-{start_time(pid)}")


def start_time(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty where that cannot be known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]  # field 22; the name before it may hold anything


def remove_dead_groups(base: Path) -> None:
    """Remove the directories of masters that are gone."""
    for directory in base.iterdir():
        _, _, master = directory.name.partition("-")
        pid, _, began = master.partition("-")
        if began and pid.isdigit() and start_time(int(pid)) != began:
            shutil.rmtree(directory, ignore_errors=True)


def group_of_this_process(port: int) -> Group | None:
    """The group that this process belongs to as a worker, or ``None`` if it is none.

    Args:
        port: Of the page that all of the workers want to serve.
    """
    master = _master()
    return None if master is None else group_of(port, master)


def _master() -> int | None:
    """The pid of the server whose worker this is."""
    process = sys.modules.get("multiprocessing.process")
    parent = None if process is None else process.parent_process()
    if parent is not None and parent.pid is not None:
        return int(parent.pid)
    own, above = _command(os.getpid()), _command(os.getppid())
    # Forked and not started anew: the same command line, but for gunicorn that names its workers.
    if own and (own == above or own.startswith(b"gunicorn: worker")):
        return os.getppid()
    return None


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
