"""A real gRPC server that takes OTLP and answers what it is told to."""

from __future__ import annotations

import time
from concurrent import futures
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc

from pepperpy_otel.delivery.encoding import SERVICES

if TYPE_CHECKING:
    import threading


@dataclass
class Reply:
    """What the server says to one call."""

    code: str = "OK"
    details: str = ""
    body: bytes = b""
    trailers: tuple[tuple[str, Any], ...] = ()
    delay: float = 0.0  # seconds


@dataclass
class Call:
    """What the server was sent."""

    service: str
    body: bytes
    metadata: dict[str, Any] = field(default_factory=dict)


class GrpcSink:
    """Records calls; ``replies`` are given one by one, the last one for ever."""

    def __init__(self, credentials: Any = None, port: int = 0, address: str = "") -> None:
        self.calls: list[Call] = []
        self.replies = [Reply()]
        self.gate: threading.Event | None = None
        self._server = grpc.server(
            futures.ThreadPoolExecutor(4),
            handlers=[_Services(self)],
            options=[("grpc.so_reuseport", 0)],
        )
        address = address or f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def handle(self, service: str, body: bytes, context: Any) -> bytes:
        """Answer one call."""
        metadata = {entry.key: entry.value for entry in context.invocation_metadata()}
        self.calls.append(Call(service, body, metadata))
        if self.gate is not None:
            self.gate.wait(30)
        reply = self.replies[0] if len(self.replies) == 1 else self.replies.pop(0)
        time.sleep(reply.delay)
        context.set_trailing_metadata(reply.trailers)
        if reply.code != "OK":
            context.set_code(grpc.StatusCode[reply.code])
            context.set_details(reply.details)
        return reply.body

    def close(self) -> None:
        """Stop, and wait until it is over."""
        if self.gate is not None:
            self.gate.set()
        self._server.stop(None).wait(10)


class _Services(grpc.GenericRpcHandler):
    def __init__(self, sink: GrpcSink) -> None:
        self._sink = sink

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        for service in SERVICES.values():
            if method == f"/{service}/Export":
                return grpc.unary_unary_rpc_method_handler(partial(self._sink.handle, service))
        return None
