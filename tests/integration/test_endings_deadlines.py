"""The end of a script whose destination is down, in whatever way: it does not have to wait."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration import endings
from tests.ports import LOOPBACK, free_ports

pytestmark = [pytest.mark.integration, pytest.mark.slow]

#: Seconds: two that delivering may take, and what Python and the machine need beside them.
LIMIT = 2.5
Destination = Callable[[], contextlib.AbstractContextManager[str]]
SOURCE = (
    endings.HEAD
    + """
import logging, sys, time
from opentelemetry import metrics
counter = metrics.get_meter("app").create_counter("things")
for number in range(700):
    with tracer.start_as_current_span("span"):
        logging.getLogger("app").error("record")
        counter.add(1)
print("ready", time.time(), flush=True)
if sys.argv[1:]:
    time.sleep(60)
"""
)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A server that accepts connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}"


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """Where nobody listens."""
    yield f"http://{LOOPBACK}:{free_ports(1)[0]}"


@contextlib.contextmanager
def half() -> Iterator[str]:
    """A server that reads, begins an answer, and stops in the middle of it."""
    with socket.create_server((LOOPBACK, 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            connections = []
            server.settimeout(0.05)
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    connections.append(server.accept()[0])
                    connections[-1].recv(65536)
                    connections[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            for connection in connections:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def _end(endpoint: str, protocol: str, how: str, directory: Path, **settings: str) -> float:
    """Seconds from the program's last line, or from the signal, to its end."""
    path = directory / "program.py"
    path.write_text(SOURCE)
    command = [*endings.python(path), *(["wait"] if how == "SIGTERM" else [])]
    given = {
        "CONFIGURE": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS": "",
        **settings,
    }
    with endings.running(command, directory, given) as program:
        if how == "SIGTERM":
            program.wait_for("ready")
            started = time.time()
            assert program.end() == -signal.SIGTERM
        else:
            assert program.wait() == 0
            started = float(program.output().partition("ready ")[2].split()[0])
        ended = time.time()
        assert "Traceback" not in program.output()
        assert program.output().count("pepperpy_otel") <= 1
    return ended - started


@pytest.mark.parametrize("how", ["exit", "SIGTERM"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("destination", [refusing, silent, half], ids=lambda each: each.__name__)
def test_a_dead_destination_does_not_hold_up_the_end(
    destination: Destination, protocol: str, how: str, tmp_path: Path
) -> None:
    """Less than two and a half seconds, with one line about it; best of three, if it has to be."""
    with destination() as endpoint:
        seconds = [LIMIT]
        while len(seconds) < 4 and min(seconds) >= LIMIT:
            seconds.append(_end(endpoint, protocol, how, tmp_path))
    assert min(seconds) < LIMIT, seconds


@pytest.mark.parametrize("how", ["exit", "SIGTERM"])
def test_the_users_limit_holds(how: str, tmp_path: Path) -> None:
    """``shutdown_timeout_millis`` for both."""
    setting = {"PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS": "300"}
    with silent() as endpoint:
        assert _end(endpoint, "http/protobuf", how, tmp_path, **setting) < 1.9


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Whoever asks twice does not want to wait."""
    (tmp_path / "program.py").write_text(SOURCE)
    with silent() as endpoint:
        given = {"CONFIGURE": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        given["PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS"] = "30000"
        command = [*endings.python(tmp_path / "program.py"), "wait"]
        with endings.running(command, tmp_path, given) as program:
            program.wait_for("ready")
            program.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            while program.process.poll() is None:
                program.process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            assert time.monotonic() - started < 10
            assert program.wait() == -signal.SIGTERM
