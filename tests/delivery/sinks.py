"""Real receivers on the loopback interface, in this process, that behave as badly as asked."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import socket
import socketserver
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What ``condition`` gives as soon as it is truthy; fails when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return value


@dataclass
class Answer:
    """What the sink says to one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_up: bool = False  # close the connection silently afterwards
    delay: float = 0.0  # seconds


@dataclass
class Request:
    """What the sink was sent."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    client: tuple[str, int]

    @property
    def body(self) -> bytes:
        return (
            gzip.decompress(self.raw)
            if self.headers.get("content-encoding") == "gzip"
            else self.raw
        )

    def span_names(self) -> list[str]:
        request = ExportTraceServiceRequest.FromString(self.body)
        return [
            span.name
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def log_bodies(self) -> list[str]:
        request = ExportLogsServiceRequest.FromString(self.body)
        return [
            record.body.string_value
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metric_names(self) -> list[str]:
        request = ExportMetricsServiceRequest.FromString(self.body)
        return [
            metric.name
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]


class _Closing:
    """Closes every connection at the end, so that no handler outlives its test."""

    def __init__(self) -> None:
        self.connections: set[socket.socket] = set()
        self.threads: list[threading.Thread] = []

    def finish(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()
        for connection in list(self.connections):
            connection.close()


class HttpSink:
    """An HTTP server that records what it gets and says what it is told to say.

    ``answers`` are given one by one, the last one for ever.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = [Answer()]
        self.gate: threading.Event | None = None
        self._closing = _Closing()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sink._handle(self)

            do_CONNECT = do_POST

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.HTTPServer):
            def process_request(self, request: Any, client_address: Any) -> None:
                thread = threading.Thread(
                    target=self._serve, args=(request, client_address), daemon=True
                )
                sink._closing.connections.add(request)
                sink._closing.threads.append(thread)
                thread.start()

            def _serve(self, request: Any, client_address: Any) -> None:
                with contextlib.suppress(OSError, ValueError):
                    if tls is not None:
                        plain = request
                        request = tls.wrap_socket(plain, server_side=True)
                        sink._closing.connections.discard(plain)
                        sink._closing.connections.add(request)
                    self.finish_request(request, client_address)
                with contextlib.suppress(OSError):
                    request.close()

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def _handle(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        self.requests.append(
            Request(handler.command, handler.path, headers, raw, handler.client_address)
        )
        if self.gate is not None:
            self.gate.wait(30)
        time.sleep(answer.delay)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)
        handler.wfile.flush()
        handler.close_connection = answer.hang_up

    def close(self) -> None:
        if self.gate is not None:
            self.gate.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
        self._closing.finish()


class RawSink:
    """A TCP server that runs a function on each connection."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._closing = _Closing()
        sink = self

        class Server(socketserver.TCPServer):
            allow_reuse_address = True

            def process_request(self, request: Any, client_address: Any) -> None:
                thread = threading.Thread(target=serve, args=(request,), daemon=True)
                sink.connections += 1
                sink._closing.connections.add(request)
                sink._closing.threads.append(thread)
                thread.start()

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                behave(connection)

        self._server = Server(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
        self._closing.finish()


def read_request(connection: socket.socket) -> bytes:
    """One whole HTTP request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += _received(connection)
    return head + b"\r\n\r\n" + body


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise OSError("closed")
    return data


def never_answer(connection: socket.socket) -> None:
    """Read everything, say nothing."""
    while connection.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    """Close with a TCP reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer_and_break_off(connection: socket.socket) -> None:
    """Begin an answer, and reset the connection in the middle of its body."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    time.sleep(0.02)
    reset(connection)


def reset_at_once(connection: socket.socket) -> None:
    """Take a little, then reset."""
    connection.recv(16)
    reset(connection)


def talk_nonsense(connection: socket.socket) -> None:
    """Answer, in no language that we know."""
    connection.recv(65536)
    connection.sendall(b"\x00\x01garbage\r\n\r\n" * 3)
