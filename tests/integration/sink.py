"""A receiver of OTLP by HTTP and by gRPC that keeps whole requests, and refuses when told to.

The Collector takes telemetry as a user's would; this one shows what was really sent: every field
of every message, in the order of arrival, and the headers that came with it.
"""

import contextlib
import gzip
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

LOOPBACK = "127.0.0.1"
SIGNALS = ("traces", "logs", "metrics")
REQUESTS: dict[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
METHODS: dict[str, tuple[str, type[Message]]] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": (
        "traces",
        ExportTraceServiceResponse,
    ),
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": (
        "logs",
        ExportLogsServiceResponse,
    ),
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": (
        "metrics",
        ExportMetricsServiceResponse,
    ),
}
# How a client that speaks HTTP/2 (every gRPC client does) begins, as HTTP/1.1 reads it.
HTTP2_PREFACE = b"PRI * HTTP/2.0"


@dataclass(frozen=True, slots=True)
class Request:
    """One export request.

    Attributes:
        signal: ``traces``, ``logs`` or ``metrics``; empty for what is no OTLP.
        protocol: ``http/protobuf`` or ``grpc``.
        status: What was answered: an HTTP status, 0 for gRPC's OK.
        headers: Its headers (or metadata), names in lower case.
        message: The decoded request.
    """

    signal: str
    protocol: str
    status: int
    headers: dict[str, str]
    message: Any


class Sink:
    """Listens on two free loopback ports inside a ``with`` block.

    Args:
        answers: HTTP statuses of the first requests, in turn; every later one gets 200.
    """

    def __init__(self, answers: Sequence[int] = ()) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._http = _HttpServer(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._pool = ThreadPoolExecutor(4)
        self._grpc = grpc.server(self._pool, handlers=[_GrpcHandler(self)])
        self._grpc_port = self._grpc.add_insecure_port(f"{LOOPBACK}:0")

    @property
    def http(self) -> str:
        """The base URL for http/protobuf."""
        return f"http://{LOOPBACK}:{self._http.server_address[1]}"

    @property
    def grpc(self) -> str:
        """The URL for gRPC."""
        return f"http://{LOOPBACK}:{self._grpc_port}"

    def endpoint(self, protocol: str) -> str:
        """The one of the two that speaks ``protocol``."""
        return self.grpc if protocol == "grpc" else self.http

    def taken(self, signal: str) -> list[Any]:
        """The messages of one signal that were accepted."""
        return [
            request.message
            for request in self.requests
            if request.signal == signal and request.status in (0, 200)
        ]

    def items(self, signal: str) -> Iterator[Any]:
        """The accepted spans, log records or metrics themselves."""
        resources, scopes, items = {
            "traces": ("resource_spans", "scope_spans", "spans"),
            "logs": ("resource_logs", "scope_logs", "log_records"),
            "metrics": ("resource_metrics", "scope_metrics", "metrics"),
        }[signal]
        for message in self.taken(signal):
            for resource in getattr(message, resources):
                for scope in getattr(resource, scopes):
                    yield from getattr(scope, items)

    def accept(self, signal: str, protocol: str, headers: dict[str, str], body: bytes) -> int:
        """Decode and keep one request, and say what to answer."""
        message = REQUESTS[signal].FromString(body) if signal else None
        with self._lock:
            status = self._answers.pop(0) if self._answers and signal else 200
            if protocol == "grpc":
                status = 0
            elif not signal:
                status = 404
            self.requests.append(Request(signal, protocol, status, headers, message))
        return status

    def __enter__(self) -> "Sink":
        self._thread.start()
        self._grpc.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._grpc.stop(grace=0).wait()
        self._pool.shutdown()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        super().__init__((LOOPBACK, 0), _HttpHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business."""


class _HttpHandler(BaseHTTPRequestHandler):
    # HTTP/1.0, a connection for each request: none is left open when the sink goes.
    server: _HttpServer

    def parse_request(self) -> bool:
        if self.raw_requestline.startswith(HTTP2_PREFACE):
            self.server.sink.accept("", "grpc", {}, b"")
            self.close_connection = True
            return False
        return super().parse_request()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        signal = self.path.rpartition("/v1/")[2]
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.sink.accept(
            signal if signal in SIGNALS else "", "http/protobuf", headers, body
        )
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class _GrpcHandler(grpc.GenericRpcHandler):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def service(self, handler_call_details: Any) -> Any:
        found = METHODS.get(handler_call_details.method)
        if found is None:
            return None
        signal, answer = found

        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
            self._sink.accept(signal, "grpc", metadata, body)
            return answer().SerializeToString()

        return grpc.unary_unary_rpc_method_handler(export)
