"""A local OTLP/HTTP sink in a process of its own, which can be told to misbehave while it runs.

The other benchmarks send to it. It counts what it takes by span id and log attribute, so that what
is lost and what comes twice shows. As a program it prints its two ports and serves until its
standard input is closed::

    python benchmarks/sink.py
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

LOOPBACK = "127.0.0.1"
#: ``ok`` takes everything; ``busy`` answers 503; ``hang`` reads and never answers; ``refuse``
#: has no listening socket; ``blind`` takes everything without looking into it (CPU figures).
MODES = ("ok", "busy", "hang", "refuse", "blind")


@dataclass
class State:
    """What came so far."""

    mode: str = "ok"
    requests: int = 0
    size: int = 0
    spans: dict[bytes, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    points: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Waited for by the requests that hang; set when another mode is chosen.
    released: threading.Event = field(default_factory=threading.Event)

    def summary(self) -> dict[str, Any]:
        """As JSON: distinct items, and how many came more than once."""
        with self.lock:
            spans, records = sum(self.spans.values()), sum(self.records.values())
            return {
                "requests": self.requests,
                "bytes": self.size,
                "spans": len(self.spans),
                "duplicate_spans": spans - len(self.spans),
                "records": len(self.records),
                "duplicate_records": records - len(self.records),
                "points": self.points,
            }

    def take(self, path: str, body: bytes) -> None:
        """Count one request."""
        with self.lock:
            self.requests += 1
            self.size += len(body)
            if self.mode != "blind":
                _COUNTERS[path](self, body)

    def take_spans(self, body: bytes) -> None:
        """Count spans by their id."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.span_id] = self.spans.get(span.span_id, 0) + 1

    def take_records(self, body: bytes) -> None:
        """Count log records by their body."""
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    text = record.body.string_value
                    self.records[text] = self.records.get(text, 0) + 1

    def take_points(self, body: bytes) -> None:
        """Count requests with metrics only: data points have no identity."""
        self.points += 1


_COUNTERS = {
    "/v1/traces": State.take_spans,
    "/v1/logs": State.take_records,
    "/v1/metrics": State.take_points,
}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business."""


def _receiver(state: State, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mode = state.mode
            if mode == "hang":
                state.released.wait()
                self.close_connection = True
                return
            if mode in {"busy", "refuse"}:  # refuse: a connection that was kept alive
                self.close_connection = mode == "refuse"
                self.send_response(503)
            else:
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                state.take(self.path, body)
                self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    return _Quiet((LOOPBACK, port), Handler)


class _Front:
    """The listening socket, which comes and goes with the mode."""

    def __init__(self, state: State) -> None:
        self._state = state
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self.port: int = probe.getsockname()[1]
        self._server: ThreadingHTTPServer | None = None
        self.set_mode(state.mode)

    def set_mode(self, mode: str) -> None:
        """Behave like ``mode`` from now on."""
        self._state.mode = mode
        self._state.released.set()
        self._state.released = threading.Event()
        if mode == "refuse":
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None
        elif self._server is None:
            self._server = _receiver(self._state, self.port)
            threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _control(state: State, front: _Front) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(json.dumps(state.summary()).encode())

        def do_PUT(self) -> None:
            front.set_mode(self.path.lstrip("/"))
            self._answer(b"{}")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    return _Quiet((LOOPBACK, 0), Handler)


class Sink:
    """The sink as a child process, inside a ``with`` block."""

    def __init__(self, mode: str = "ok") -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port, self._control_port = map(int, self._process.stdout.readline().split())
        #: For ``OTEL_EXPORTER_OTLP_ENDPOINT``.
        self.endpoint = f"http://{LOOPBACK}:{port}"

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        with contextlib.closing(
            http.client.HTTPConnection(LOOPBACK, self._control_port, timeout=30)
        ) as connection:
            connection.request(method, path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer

    def set_mode(self, mode: str) -> None:
        """One of ``MODES``."""
        assert mode in MODES
        self._ask("PUT", f"/{mode}")

    def summary(self) -> dict[str, Any]:
        """What came so far: see ``State.summary``."""
        return self._ask("GET", "/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def main() -> None:
    """Serve until standard input ends."""
    state = State(mode=sys.argv[1] if len(sys.argv) > 1 else "ok")
    front = _Front(state)
    control = _control(state, front)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(front.port, control.server_address[1], flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


if __name__ == "__main__":
    main()
