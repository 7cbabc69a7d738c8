"""Small servers in a thread: what they answer is written by the test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CERTIFICATES = Path(__file__).parent / "certificates"
LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def tcp_server(
    answer: Callable[[socket.socket], object], *, certificate: str = ""
) -> Iterator[int]:
    """Call a function with each connection, one after the other; gives the port.

    Args:
        answer: Talks; the connection is closed when it returns.
        certificate: Speak TLS with this file of ``certificates``.
    """
    listener = socket.create_server((LOOPBACK, 0))
    listener.settimeout(10)
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / "good.key")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                if context is None:
                    answer(connection)
                else:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        answer(secured)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


@contextlib.contextmanager
def udp_server(answer: Callable[[bytes], list[bytes]]) -> Iterator[int]:
    """Send what a function makes of each datagram; gives the port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((LOOPBACK, 0))
    listener.settimeout(0.05)
    end = threading.Event()

    def serve() -> None:
        while not end.is_set():
            with contextlib.suppress(TimeoutError):
                message, sender = listener.recvfrom(4096)
                for reply in answer(message):
                    listener.sendto(reply, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        end.set()
        thread.join(10)
        listener.close()


def read_request(connection: socket.socket) -> bytes:
    """An HTTP request without a body; empty when the client has gone."""
    found = b""
    while b"\r\n\r\n" not in found:
        piece = connection.recv(4096)
        if not piece:
            return b""
        found += piece
    return found
