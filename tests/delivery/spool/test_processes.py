"""Real processes on one directory, killed in the middle: everything arrives, and arrives once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKER = Path(__file__).with_name("worker.py")
FOREVER = 1_000_000


class Workers:
    """The processes and what they wrote down."""

    def __init__(self, path: Path) -> None:
        self.directory = path / "spool"
        self.logs = path / "logs"
        self.logs.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []
        self.killed = 0

    def start(self, batches: int = FOREVER) -> subprocess.Popen[bytes]:
        name = f"w{len(self.running)}"
        # Coverage of its own would write files in the middle of a kill.
        env = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
        process = subprocess.Popen(
            [sys.executable, str(WORKER), self.directory, self.logs / name, name, str(batches)],
            env={**env, "PYTHONPATH": str(WORKER.parents[3])},
        )
        self.running.append(process)
        return process

    def lines(self, process: subprocess.Popen[bytes]) -> list[str]:
        log = self.logs / f"w{self.running.index(process)}"
        return log.read_text().splitlines() if log.exists() else []

    def wait_for_batches(self, process: subprocess.Popen[bytes], number: int) -> None:
        wait_for(lambda: len(self.lines(process)) >= number, 60)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self.killed += 1

    def drain(self) -> None:
        """One more process takes all that is left."""
        assert self.start(0).wait(60) == 0

    def check(self) -> None:
        """All that was safe was delivered, and twice at most what a kill cut in two."""
        safe: set[str] = set()
        delivered: Counter[str] = Counter()
        for process in self.running:
            for line in self.lines(process):
                mark, _, text = line.partition(" ")
                assert mark != "!", line
                if mark == "+":
                    safe.add(text)
                elif mark == "-":
                    delivered[text] += 1
        assert safe - set(delivered) == set()
        # Killed between its write and the line about it.
        assert len(set(delivered) - safe) <= self.killed
        assert sum(delivered.values()) - len(delivered) <= self.killed
        assert max(delivered.values()) <= 2
        assert [path for path in self.directory.rglob("*") if path.is_file()] == []


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    for process in workers.running:
        process.kill()
        process.wait()


def test_a_killed_process_loses_nothing_that_was_safe(workers: Workers) -> None:
    """Kill -9 in the middle, a new start, and all is there."""
    process = workers.start()
    workers.wait_for_batches(process, 500)
    workers.kill(process)
    workers.drain()
    workers.check()


def test_two_processes_share_a_directory(workers: Workers) -> None:
    """One is killed, one ends by itself and closes; what both left is delivered by the next."""
    one, two = workers.start(), workers.start(2000)
    workers.wait_for_batches(one, 500)
    workers.wait_for_batches(two, 500)
    workers.kill(one)
    assert two.wait(60) == 0
    workers.drain()
    workers.check()


@pytest.mark.slow
def test_four_processes_killed_and_started_again(workers: Workers) -> None:
    """Deaths at any moment, of writers and of heirs, while others go on."""
    chance = random.Random(4)
    living = [workers.start() for _ in range(4)]
    for _ in range(12):
        victim = living.pop(chance.randrange(len(living)))
        workers.wait_for_batches(victim, chance.randrange(1, 400))
        workers.kill(victim)
        living.append(workers.start())
    for process in living:
        workers.wait_for_batches(process, 50)
        workers.kill(process)
    workers.drain()
    workers.check()


FORKED = """
    import os, signal, sys, time
    from pathlib import Path
    from pepperpy_otel.delivery.spool import Spool

    def spool():
        return Spool(Path(sys.argv[1]), "otlp", on_lost=print)

    parent = spool()
    assert parent.append("traces", b"the parent's", 1)
    {fork}
    parent.append("traces", b"the parent's last", 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
TOLD = """
    if os.fork() == 0:
        parent.after_fork()
        print("forked", flush=True)
        sys.stdin.read()
        os._exit(0)
"""
NOT_TOLD = """
    if os.fork() == 0:
        print("forked", flush=True)
        sys.stdin.read()
        os._exit(0)
"""
EXECUTED = """
    import subprocess
    subprocess.Popen(
        [sys.executable, "-c", "import sys; print('forked', flush=True); sys.stdin.read()"],
        close_fds=False,
    )
"""


@pytest.mark.parametrize(
    ("fork", "at_once"),
    [
        pytest.param(TOLD, True, id="child that closed its copies"),
        pytest.param(EXECUTED, True, id="program that was executed"),
        pytest.param(NOT_TOLD, False, id="child that never ran our code"),
    ],
)
def test_a_child_that_outlives_its_parent(
    tmp_path: Path, spool: Callable[..., object], fork: str, at_once: bool
) -> None:
    """The parent's batches are free when it is gone; a copy of its lock only delays that."""
    import textwrap

    from tests.delivery.spool.conftest import Watched

    env = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    code = textwrap.dedent(FORKED).replace("{fork}", textwrap.dedent(fork))
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "spool"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=env,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"forked\n"
        process.wait(30)
        heir = spool(where=tmp_path / "spool")
        assert isinstance(heir, Watched)
        everything = [b"the parent's", b"the parent's last"]
        assert heir.bodies() == (everything if at_once else [])
        process.stdin.close()
        assert process.stdout.read() == b""  # the child is gone
        if not at_once:
            assert spool(where=tmp_path / "spool").bodies() == everything
