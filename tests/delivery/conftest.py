"""Fixtures: pipelines that are ended, sinks that are closed, and what was said meanwhile."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import errors
from pepperpy_otel.delivery import Destination, Pipeline
from tests.delivery.fakes import FakeSpool, ManualClock, ManualWakeup
from tests.delivery.sinks import HttpSink, RawSink, wait_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pepperpy_otel.delivery.ticket import Ticket


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every line of ours."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener()
    monkeypatch.setattr(errors, "_seen", set())
    errors.logger.addHandler(listener)
    yield lines
    errors.logger.removeHandler(listener)


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still until it is told to pass."""
    return ManualClock()


@pytest.fixture
def pipeline() -> Iterator[Callable[..., Pipeline]]:
    """Makes pipelines from senders; each is shut down and its threads are gone at the end."""
    made: list[Pipeline] = []
    before = set(threading.enumerate())

    def make(
        *destinations: Any, limits: Any = None, start: bool = True, **options: Any
    ) -> Pipeline:
        places = [
            each
            if isinstance(each, Destination)
            else Destination(f"fake{number or ''}", {sender.signal: sender for sender in each})
            for number, each in enumerate(destinations)
        ]
        options = {"metric_interval": 3600.0, "metric_timeout": 30.0, **options}
        pipeline = Pipeline(places, limits or {}, **options)
        made.append(pipeline)
        if start:
            pipeline.start()
        return pipeline

    yield make
    for each in made:
        each.shutdown(0.0)
    wait_for(lambda: not [t for t in threading.enumerate() if _ours(t) and t not in before])


def _ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("pepperpy-otel")


@pytest.fixture
def still_pipeline(
    pipeline: Callable[..., Pipeline], clock: ManualClock
) -> Callable[..., tuple[Pipeline, Any]]:
    """A pipeline of one destination without a thread, on a manual clock, and its worker."""

    def make(*senders: Any, limits: Any = None, **options: Any) -> tuple[Pipeline, Any]:
        made = pipeline(
            list(senders),
            limits=limits,
            start=False,
            clock=clock,
            random=lambda: 0.5,
            wakeup=lambda: ManualWakeup(clock),
            **options,
        )
        return made, made._workers[0]

    return make


@dataclass
class Bench:
    """A pipeline of one destination with a spool, stepped by hand."""

    pipeline: Pipeline
    clock: ManualClock
    spool: FakeSpool

    def __post_init__(self) -> None:
        self.worker: Any = self.pipeline._workers[0]
        self.spooler: Any = self.worker._spooler

    def put(self, *names: str, signal: Any = "traces") -> None:
        for name in names:
            self.pipeline._lanes[signal][0].queue.append(name, 1)

    def keep(self, *names: str) -> None:
        """Spans of ours that are on disk, a batch each."""
        for name in names:
            self.lane().queue.accepted.increment()
            self.lane().books.write(1)
            self.lane().books.written(1, on_disk=True)
            self.spool.append("traces", name.encode(), 1)

    def lane(self, signal: Any = "traces") -> Any:
        return self.pipeline._lanes[signal][0]

    def work(self, seconds: float = 0.0) -> float:
        """Some time later the worker looks what is due."""
        self.clock.advance(seconds)
        delay: float = self.worker.step()
        self.worker._rounds.rest()
        return delay

    def tidy(self, seconds: float = 0.0) -> float:
        """Some time later the spooler looks what is due."""
        self.clock.advance(seconds)
        delay: float = self.spooler.step()
        return delay

    def ask(self, ticket: Ticket) -> None:
        """Put a ticket into the worker's mailbox."""
        self.worker._mailbox.post(ticket)

    def counts(self, signal: Any = "traces") -> tuple[int, int, int, int]:
        """Delivered, spooled, dropped, pending."""
        stats = self.pipeline.stats()
        kinds = (stats.delivered, stats.spooled, stats.dropped, stats.pending)
        delivered, spooled, dropped, pending = (getattr(kind, signal) for kind in kinds)
        return delivered, spooled, dropped, pending


@pytest.fixture
def bench(pipeline: Callable[..., Pipeline], clock: ManualClock) -> Callable[..., Bench]:
    """Makes benches."""

    def make(*senders: Any, limits: Any = None, spool: FakeSpool | None = None) -> Bench:
        spool = spool or FakeSpool()
        destination = Destination("fake", {each.signal: each for each in senders}, spool)
        made = pipeline(
            destination,
            limits=limits,
            start=False,
            clock=clock,
            random=lambda: 0.5,
            wakeup=lambda: ManualWakeup(clock),
        )
        made._workers[0].open_spool()
        return Bench(made, clock, spool)

    return make


@pytest.fixture
def http_sink() -> Iterator[Callable[..., HttpSink]]:
    """Makes HTTP receivers."""
    made: list[HttpSink] = []

    def make(**options: Any) -> HttpSink:
        made.append(HttpSink(**options))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def raw_sink() -> Iterator[Callable[[Callable[[socket.socket], None]], RawSink]]:
    """Makes TCP servers that run a function on each connection."""
    made: list[RawSink] = []

    def make(behave: Callable[[socket.socket], None]) -> RawSink:
        made.append(RawSink(behave))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@dataclass
class Certificates:
    """Files of an authority of our own, and of a server and a client that it vouches for."""

    directory: Path

    def __getattr__(self, name: str) -> str:
        return str(self.directory / f"{name}.pem")

    def server_context(self, *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.server_key)
        if ask_client:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made with the openssl command, which every platform that we test on has."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "these tests need the openssl command"
    directory = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=directory, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    (directory / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=test authority\n"
        "[v3]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n"
    )
    ca = ["req", "-x509", *new_key, "-keyout", "ca_key.pem", "-out", "ca.pem", "-days", "30"]
    run(*ca, "-config", "ca.cnf")
    for name in ("server", "client"):
        (directory / f"{name}.ext").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"
            "authorityKeyIdentifier=keyid\n"
        )
        request = ["req", *new_key, "-keyout", f"{name}_key.pem", "-out", f"{name}.csr"]
        run(*request, "-subj", f"/CN={name}")
        sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca_key.pem"]
        sign += ["-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext"]
        run(*sign, "-out", f"{name}.pem")
    both = (directory / "client.pem").read_text() + (directory / "client_key.pem").read_text()
    (directory / "client_both.pem").write_text(both)
    return Certificates(directory)
