"""The Collector's queues on disk: what it has said 200 to arrives, whatever happens to it.

The proof that batching on top of the persistent queue (``sending_queue.batch``) may be used: the
real Collector with collector-local.yaml is killed without warning, idle and under load.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from tests.integration.servers import CONFIG, Collector, eventually
from tests.integration.sink import Sink
from tests.integration.stack import otlp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

#: A port of the system's that nobody listens on.
NOWHERE = "http://127.0.0.1:9"


def bodies(sink: Sink) -> list[str]:
    return [record.body.string_value for record in sink.items("logs")]


def collector(directory: Path, logs: str, **options: Path) -> Collector:
    return Collector(
        directory, jaeger_otlp_grpc=NOWHERE, prometheus_url=NOWHERE, loki_url=logs, **options
    )


class Load:
    """Sends numbered log records as fast as they are taken, from a thread, until it is stopped."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.accepted: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._ended.is_set():
            sent = [f"{number}-{each}" for each in range(20)]
            number += 1
            status = 0
            with contextlib.suppress(OSError, ValueError):  # it is being killed
                status = otlp.send(self.url, otlp.logs("loaded", sent))
            if status == 200:
                self.accepted += sent
            else:
                self._ended.wait(0.02)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()


def test_what_waits_for_a_dead_backend_outlives_kill_9(tmp_path: Path) -> None:
    """With nobody behind it, everything accepted is on disk; the next Collector delivers it."""
    expected = [f"{request}-{each}" for request in range(30) for each in range(100)]
    with Sink(answers=[503] * 4) as sink:
        server = collector(tmp_path, sink.http)
        with server.process:
            for request in range(30):
                batch = expected[request * 100 : (request + 1) * 100]
                assert otlp.send(server.otlp_http, otlp.logs("waiting", batch)) == 200
            server.process.kill()
            assert len(bodies(sink)) < len(expected)
            server.process.start()
            eventually(
                lambda: set(bodies(sink)) >= set(expected), timeout=60, what="all that was accepted"
            )


def test_nothing_accepted_is_lost_when_it_is_killed_under_load(tmp_path: Path) -> None:
    """Five times in the middle of sending: each record that was answered 200 arrives."""
    with Sink() as sink:
        server = collector(tmp_path, sink.http)
        with server.process, Load(server.otlp_http) as load:
            for _ in range(5):
                before = len(load.accepted)
                eventually(lambda b=before: len(load.accepted) >= b + 1000, what="load")
                server.process.kill()
                server.process.start()
            before = len(load.accepted)
            eventually(lambda: len(load.accepted) > before, what="load on the last Collector")
            load.__exit__()
            eventually(
                lambda: not set(load.accepted) - set(bodies(sink)),
                timeout=60,
                what="every accepted record",
            )
        assert len(load.accepted) > 5000


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Collector]:
    """A Collector whose queue for logs has room for 1000 records, with nobody behind it."""
    text = (CONFIG / "collector-local.yaml").read_text()
    assert text.count("queue_size: 500000") == 3
    text = text.replace("queue_size: 500000", "queue_size: 1000")
    config = tmp_path / "small.yaml"
    config.write_text(text.replace("min_size: 2048", "min_size: 500"))
    server = collector(tmp_path, NOWHERE, config=config)
    with server.process:
        yield server


def test_a_full_queue_answers_503(full: Collector) -> None:
    """A retryable code: the application keeps the data, nothing is taken and dropped."""
    statuses = [
        otlp.send(full.otlp_http, otlp.logs("refused", [f"{request}-{n}" for n in range(100)]))
        for request in range(20)
    ]

    assert set(statuses) == {200, 503}
    assert statuses == sorted(statuses)
    # What is being tried again right now is no longer in the queue, and not lost either.
    assert 10 <= statuses.count(200) < 20
