"""The Prometheus endpoint: ``/metrics`` on a small server of its own.

A scrape collects from the reader that everybody shares. The registry is our own, so nothing of
prometheus_client's default ``python_*`` metrics is mixed in; prometheus_client chooses the format
and is imported by the first scrape.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _forks
from pepperpy_otel.errors import report_internal
from pepperpy_otel.metrics.complaints import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricsData

    Collect = Callable[[float], MetricsData | None]

#: Seconds that a client may take for its request, and to take the answer.
CLIENT_TIMEOUT = 10.0
#: Milliseconds for a collection when the scraper does not say how long it waits.
COLLECT_MILLIS = 10_000.0
#: Of the time for which the scraper waits, what is left for the answer's way.
_ANSWER_SHARE = 0.9
#: Seconds after which a connection is cut, however busily it trickles on.
CONNECTION_SECONDS = 2 * CLIENT_TIMEOUT
#: Scrapes at a time; Prometheus needs one, and a flood must not become as many threads.
MAX_CLIENTS = 16
_PATHS = {"/", "/metrics"}
_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


class PrometheusEndpoint:
    """Serves the current metrics in Prometheus' formats.

    Args:
        host: Where to listen. ``localhost`` is 127.0.0.1, where scrapers look for it.
        port: 0 takes any free port.
        collect: Collects within so many milliseconds; ``None`` when there is nothing yet.
        shared: Whether other processes listen there as well, and answer alike.
    """

    def __init__(self, host: str, port: int, collect: Collect, *, shared: bool = False) -> None:
        self._shared = shared
        self._host = host
        self._port = port
        self._collect = collect
        self._translator: Any = None
        self._server: _Server | None = None

    def start(self) -> tuple[str, int]:
        """Listen, and answer in daemon threads.

        Returns:
            Host and port, the real ones.

        Raises:
            OSError: The port is taken, or the host is not one of this machine's.
        """
        if self._server is None:
            family, address = _resolve(self._host, self._port)
            server = _Server(family, address, self, shared=self._shared)
            try:
                server.begin()
            except RuntimeError as error:  # no thread can be had
                server.let_go()
                raise OSError(str(error)) from error
            self._server = server
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def stop(self) -> None:
        """Close the port, and every connection, at once; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.end()

    def close_in_child(self) -> None:
        """In a forked child: let go of the parent's port, which goes on listening there."""
        server, self._server = self._server, None
        if server is not None:
            server.let_go()

    def answer(self, path: str, headers: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body for one GET."""
        route, _, query = path.partition("?")
        if route not in _PATHS:
            return 404, [("Content-Type", "text/plain")], b"not found; try /metrics\n"
        try:
            return self._scrape(query, headers)
        except Exception as error:
            report_internal("a scrape", error)
            line = f"the metrics could not be collected: {describe(error)}\n"
            return (
                500,
                [("Content-Type", "text/plain; charset=utf-8")],
                line.encode(errors="replace"),
            )

    def _scrape(self, query: str, headers: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        with _forks.held_off():
            from prometheus_client import CollectorRegistry, make_wsgi_app

            from pepperpy_otel.metrics.prometheus import Translator

        if self._translator is None:
            self._translator = Translator()
        families = self._translator.families(self._collect(_limit(headers)))
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(_Collected(families))
        answered: list[tuple[str, str]] = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/metrics",
            "QUERY_STRING": query,
            "HTTP_ACCEPT": headers.get("Accept"),
            "HTTP_ACCEPT_ENCODING": headers.get("Accept-Encoding"),
        }
        body = make_wsgi_app(registry)(environ, lambda _, fields: answered.extend(fields))
        return 200, answered, b"".join(body)


class _Collected:
    """What one scrape has collected, as prometheus_client's registry wants it."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> list[Any]:
        return self._families


def _limit(headers: Any) -> float:
    """Milliseconds for the collection: a little less than the scraper waits."""
    try:
        seconds = float(headers.get(_TIMEOUT_HEADER, ""))
    except ValueError:
        return COLLECT_MILLIS
    return min(seconds * 1000 * _ANSWER_SHARE, COLLECT_MILLIS) if seconds > 0 else COLLECT_MILLIS


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] is not socket.AF_INET)
    return family, address


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts until it is told to end, without polling; quiet whatever clients do."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name == "posix"  # on Windows it would take a port that is in use
    request_queue_size = 16

    def __init__(
        self,
        family: socket.AddressFamily,
        address: Any,
        endpoint: PrometheusEndpoint,
        *,
        shared: bool,
    ) -> None:
        self.address_family = family
        self._shared = shared
        self.endpoint = endpoint
        self._room = threading.BoundedSemaphore(MAX_CLIENTS)
        self._clients: dict[socket.socket, float] = {}  # since when (monotonic)
        self._lock = threading.Lock()
        self._bell, self._ring = socket.socketpair()
        self._thread = threading.Thread(
            target=self._accept, name="pepperpy-otel-prometheus", daemon=True
        )
        try:
            super().__init__(address, _Handler)
        except BaseException:
            self._close_bell()
            raise

    def server_bind(self) -> None:
        """Bind, beside other processes of this user where that was asked for."""
        if self._shared:  # the system hands each connection to one of them
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def begin(self) -> None:
        self._thread.start()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while not any(key.fileobj is self._bell for key, _ in selector.select()):
                self.handle_request()

    def end(self) -> None:
        self._ring.send(b"x")
        self._thread.join()
        self.server_close()
        self._close_bell()
        self._cut(older_than=0.0)

    def let_go(self) -> None:
        self.socket.close()  # server_close() would be the same; shutdown() would reach the parent
        self._close_bell()
        for client in self._clients.copy():
            with contextlib.suppress(OSError):  # close() would wait for the handler's files
                os.close(client.detach())

    def _cut(self, older_than: float) -> None:
        now = time.monotonic()
        with self._lock:
            clients = [
                client for client, since in self._clients.items() if since <= now - older_than
            ]
        for client in clients:
            with contextlib.suppress(OSError):  # it may have gone by itself
                client.shutdown(socket.SHUT_RDWR)

    def _close_bell(self) -> None:
        self._bell.close()
        self._ring.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._cut(older_than=CONNECTION_SECONDS)
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        with self._lock:
            self._clients[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._clients.pop(request, None)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or speaks no HTTP, is nobody's problem."""


class _Handler(BaseHTTPRequestHandler):
    """One request a connection (HTTP/1.0), within the client's time."""

    timeout = CLIENT_TIMEOUT
    server: _Server

    def do_GET(self) -> None:
        """Answer with the metrics."""
        self._send(body_too=True)

    def do_HEAD(self) -> None:
        """Answer with the headers alone."""
        self._send(body_too=False)

    def _send(self, *, body_too: bool) -> None:
        status, fields, body = self.server.endpoint.answer(self.path, self.headers)
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body_too:
            self.wfile.write(body)

    def version_string(self) -> str:
        """What the Server header says."""
        return "pepperpy-otel"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each scrape would drown the app's own."""
