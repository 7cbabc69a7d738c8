"""Two hundred forks in the middle of everything: nothing hangs, nothing is lost or sent twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

HERE = Path(__file__).parent
#: PEPPERPY_OTEL_FORKS=1000 looks longer.
FORKS = int(os.environ.get("PEPPERPY_OTEL_FORKS", "200"))


def _environment() -> dict[str, str]:
    """Without coverage, whose own lock hangs a child that is forked beside busy threads."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COVERAGE", "COV_"))}
    return {**kept, "PYTHONPATH": str(HERE.parents[1])}


def _start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )


@pytest.fixture
def sink() -> Iterator[Callable[[str], tuple[str, Callable[[], Any]]]]:
    """Starts a sink; gives its port, and what ends it and tells what it got."""
    running: list[subprocess.Popen[str]] = []

    def start(protocol: str) -> tuple[str, Callable[[], Any]]:
        process = _start("fork_sink.py", protocol)
        running.append(process)
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        return port, lambda: json.loads(process.communicate("\n", timeout=60)[0])

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_forks_while_everything_runs(
    sink: Callable[[str], tuple[str, Callable[[], Any]]], protocol: str
) -> None:
    """Each child ends, each span and record arrives once, and a child's counter is its own."""
    port, finish = sink(protocol)
    with _start("forking.py", port, protocol, str(FORKS)) as program:
        told = json.loads(program.communicate(timeout=800)[0])
    got = finish()
    print(protocol, sys.version_info[:3], told)
    assert told["statuses"] == {"0": FORKS}
    assert told["delivered"]
    assert told["dropped"] == 0
    assert told["scrapes"] > 0
    names = {f"child-{number}" for number in range(FORKS)}
    names |= {f"parent-{n}-{count}" for n, made in enumerate(told["made"]) for count in range(made)}
    assert set(got["spans"].values()) == {1}
    assert sorted(key.split()[0] for key in got["spans"]) == sorted(names)
    assert got["logs"] == dict.fromkeys(names, 1)
    parents = got["values"].pop(told["instance"])
    assert parents == sum(told["made"])
    assert list(got["values"].values()) == [1] * FORKS
    parents_start = got["starts"].pop(told["instance"])
    assert all(start > parents_start for start in got["starts"].values())
