"""One page for all workers of a real server: exact sums, also of workers that are gone."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.integration.process import LOOPBACK, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="workers find each other by /proc"),
]

WORKERS = 3
PATIENCE = 60.0
APP = "tests.integration.workers_app"
GUNICORN = ["gunicorn", "-w", str(WORKERS), "-b", "{address}", f"{APP}:app"]
UVICORN = ["uvicorn", f"{APP}:asgi", "--workers", str(WORKERS), "--port", "{port}"]


class Server:
    """A server with several workers, and the page that any of them may serve."""

    def __init__(self, command: list[str], directory: Path, **env: str) -> None:
        port, page = free_ports(2)
        self._url = f"http://{LOOPBACK}:{port}"
        self._page = f"http://{LOOPBACK}:{page}/metrics"
        given = [part.format(port=port, address=f"{LOOPBACK}:{port}") for part in command]
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *given],
            stdout=self._log,
            stderr=self._log,
            env={
                **os.environ,
                "TMPDIR": str(directory),
                "OTEL_TRACES_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
                "OTEL_METRICS_EXPORTER": "prometheus",
                "OTEL_EXPORTER_PROMETHEUS_HOST": LOOPBACK,
                "OTEL_EXPORTER_PROMETHEUS_PORT": str(page),
                **env,
            },
        )
        self.made = 0
        self.answered: collections.Counter[int] = collections.Counter()

    def request(self, path: str = "/") -> int:
        """One request that is counted; the pid of its worker."""
        pid = int(_patiently(self._url + path))
        self.made += 1
        self.answered[pid] += 1
        return pid

    def request_until_all_have_answered(self, workers: int = WORKERS) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.answered) < workers:
            assert time.monotonic() < deadline, self.answered
            self.request()

    def page(self) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
        """The samples by name and labels, through the strict parser."""
        found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
        for family in text_string_to_metric_families(_patiently(self._page)):
            for sample in family.samples:
                labels = frozenset(
                    pair for pair in sample.labels.items() if not pair[0].startswith("otel_")
                )
                values = found.setdefault(sample.name, {})
                assert labels not in values, "one series twice"
                values[labels] = sample.value
        return found

    def check_sums(self) -> None:
        """Whoever answers, every request is counted once."""
        for _ in range(2 * WORKERS):
            page = self.page()
            assert sum(page["hits_total"].values()) == self.made
            assert sum(page["took_seconds_count"].values()) == self.made

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()
        self._log.close()


def _patiently(url: str) -> str:
    """The answer, once there is one: a worker that dies takes what waits at its door with it."""
    request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    running = Server(request.param, tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize(
    "server",
    [GUNICORN, [*GUNICORN, "--preload"], UVICORN],
    ids=["gunicorn", "preload", "uvicorn"],
    indirect=True,
)
def test_a_killed_workers_counts_stay(server: Server) -> None:
    """Three workers, one page; ``kill -9`` takes nothing but the worker's own gauge."""
    server.request_until_all_have_answered()
    server.request("/odd")
    server.check_sums()
    gauges = server.page()["worker"]
    assert {dict(labels)["process_pid"] for labels in gauges} == set(map(str, server.answered))

    killed = server.answered.most_common()[0][0]
    os.kill(killed, signal.SIGKILL)
    server.request_until_all_have_answered(WORKERS + 1)

    server.check_sums()
    gauges = server.page()["worker"]
    assert str(killed) not in {dict(labels)["process_pid"] for labels in gauges}


@pytest.mark.parametrize("server", [[*GUNICORN, "--max-requests", "3"]], indirect=True)
def test_recycled_workers_counts_stay(server: Server) -> None:
    """Every worker ends after three requests; their files do not heap up."""
    server.request_until_all_have_answered(3 * WORKERS)
    server.check_sums()


def test_processes_meet_in_a_directory_that_is_named(tmp_path: Path) -> None:
    """Two servers that nothing else ties together."""
    shared = str(tmp_path / "shared")
    command = ["gunicorn", "-w", "1", "-b", "{address}", f"{APP}:app"]
    running: list[Server] = []
    try:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            running.append(
                Server(command, tmp_path / name, PEPPERPY_OTEL_PROMETHEUS_DIRECTORY=shared)
            )
        for server in running:
            server.request()
        for server in running:
            assert sum(server.page()["hits_total"].values()) == 2
    finally:
        for server in running:
            server.stop()
