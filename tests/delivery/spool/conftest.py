"""Fixtures: spools on a temporary directory, and all that they said and lost."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery.spool import Spool, SpooledBatch, SpoolLimits
from tests.delivery.fakes import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: A real time, so that ages and dates are as in life.
NOW = 1_790_000_000.0


@dataclass
class Watched:
    """A spool with its surroundings."""

    spool: Spool
    said: list[str] = field(default_factory=list)
    lost: list[tuple[str, int, bool, str]] = field(default_factory=list)

    def append(self, signal: Any = "traces", body: bytes = b"body", items: int = 1) -> None:
        assert self.spool.append(signal, body, items)

    def drain(self) -> list[SpooledBatch]:
        """Take everything out, as a destination that works would."""
        found = []
        while (batch := self.spool.oldest()) is not None:
            found.append(batch)
            self.spool.done(batch)
        return found

    def bodies(self) -> list[bytes]:
        return [batch.body for batch in self.drain()]

    def lost_for(self, reason: str) -> int:
        return sum(items for _, items, _, why in self.lost if why == reason)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the spools are; not made yet."""
    return tmp_path / "spool"


@pytest.fixture
def clock() -> ManualClock:
    """Wall-clock time that stands still until it is told to pass."""
    clock = ManualClock()
    clock.now = NOW
    return clock


@pytest.fixture
def spool(directory: Path, clock: ManualClock) -> Iterator[Callable[..., Watched]]:
    """Makes spools; each is closed at the end, and no file stays open."""
    made: list[Spool] = []
    gc.collect()  # what an earlier test has left to the collector is not ours to count
    before = _open_files()

    def make(name: str = "otlp", where: Path = directory, **options: Any) -> Watched:
        said: list[str] = []
        lost: list[tuple[str, int, bool, str]] = []
        limits = SpoolLimits(**options)
        spool = Spool(
            where,
            name,
            limits=limits,
            warn=lambda message, *args: said.append(message % args),
            clock=clock,
            on_lost=lambda *loss: lost.append(loss),
        )
        made.append(spool)
        return Watched(spool, said, lost)

    yield make
    for each in made:
        each.close()
    assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def die(watched: Watched) -> None:
    """What the kernel does to a spool on ``kill -9``: its files are closed, and nothing else.

    A forked child does the same to its copies, so there is a public way; here there is no parent
    left to hold them open.
    """
    watched.spool.after_fork()


@pytest.fixture
def segments(directory: Path) -> Callable[[], list[Path]]:
    """The segment files, the oldest first."""
    return lambda: sorted(directory.rglob("*.spool1"))


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(path)):
        pytest.skip("may not mount a file system here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def limit(what: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail
