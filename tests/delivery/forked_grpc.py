"""Senders as a forked child makes them, and servers that say just that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery import OtlpEndpoint
from pepperpy_otel.delivery.grpc_forked import ForkedGrpcSender
from tests.delivery.sinks import never_answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def sender(address: str, signal: Any = "traces", **options: Any) -> ForkedGrpcSender:
    url = address if address.startswith(("https:", "unix:")) else f"http://{address}"
    return ForkedGrpcSender(signal, OtlpEndpoint(url, protocol="grpc", **options))


def answering(*frames: bytes) -> Callable[[socket.socket], None]:
    """A server that says just that."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"".join(frames))
        never_answer(connection)

    return behave
