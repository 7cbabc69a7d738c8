"""A small OTLP/HTTP receiver on the loopback interface that keeps what it gets.

Enough of the specification to take what an SDK sends: protobuf, gzip or not, three signals, one
answer each. Nothing that is sent here leaves the process or can make it fall over.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from pepperpy_otel.demo import decode

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.demo.records import DataPoint, LogRecord, Span

LOOPBACK = "127.0.0.1"
CONTENT_TYPE = "application/x-protobuf"
MAX_BODY = 64 * 1024 * 1024
#: Seconds that a connection may stay idle, so that no thread waits for ever.
IDLE = 30


@dataclass(slots=True)
class Store:
    """What was received so far; safe to add to from many threads, read it after ``stop()``."""

    spans: list[Span] = field(default_factory=list)
    points: list[DataPoint] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)

    def add(self, signal: Signal, body: bytes) -> None:
        """Take one export request.

        Raises:
            Undecodable: The bytes are none of this signal; nothing was taken.
        """
        if signal == "traces":
            self.spans.extend(decode.traces(body))  # atomic, hence no lock
        elif signal == "metrics":
            self.points.extend(decode.metrics(body))
        else:
            self.logs.extend(decode.logs(body))


class Receiver:
    """Serves from ``start()`` to ``stop()``, or as a context manager; ``store`` has what came."""

    def __init__(self) -> None:
        self.store = Store()
        self._server = _Server(self.store)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="otlp-receiver", daemon=True
        )

    @property
    def endpoint(self) -> str:
        """The base URL for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to answer, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and wait for the requests under way."""
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()  # waits for the threads of the connections

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # with which server_close() waits for them

    def __init__(self, store: Store) -> None:
        self.store = store
        self._connections: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Let no kept-alive connection wait for its next request: end of input on all of them."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server: _Server

    def do_POST(self) -> None:
        status = self._take()
        body = b"" if status is HTTPStatus.OK else status.phrase.encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE if status is HTTPStatus.OK else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is for the demo."""

    def _take(self) -> HTTPStatus:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # where the next request begins is not known
            return (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                if length.isdigit()
                else HTTPStatus.LENGTH_REQUIRED
            )
        body = self.rfile.read(int(length))
        signal = _SIGNALS.get(self.path)
        if signal is None:
            return HTTPStatus.NOT_FOUND
        if self.headers.get_content_type() != CONTENT_TYPE:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        try:
            self.server.store.add(signal, self._plain(body))
        except (zlib.error, ValueError):
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK

    def _plain(self, body: bytes) -> bytes:
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding == "identity":
            return body
        if encoding != "gzip":
            raise ValueError(encoding)
        plain = zlib.decompressobj(wbits=31)
        data = plain.decompress(body, MAX_BODY)
        if not plain.eof:
            raise ValueError("cut off, or too large")
        return data


_SIGNALS: dict[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/metrics": "metrics",
    "/v1/logs": "logs",
}
