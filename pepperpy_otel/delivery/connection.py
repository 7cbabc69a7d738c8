"""An HTTP/1.1 connection whose requests end when their time is over, whatever the server does.

A socket's timeout starts anew with each byte: a server that trickles one a second holds a request
for ever. Here each connect, write and read gets what is left until one deadline.
"""

from __future__ import annotations

import contextlib

# The resolver imports it with the first name: a fork in that moment would hang the child.
import encodings.idna  # noqa: F401
import http.client
import io
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.forks import PATIENCE, held_off

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from pepperpy_otel.delivery.proxies import Proxy

#: More of an answer than that is not read.
MAX_ANSWER = 64 * 1024


class Deadline:
    """A moment; tells how long it is until then."""

    __slots__ = ("_moment",)

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: None are.
        """
        left = self._moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class Connection(http.client.HTTPConnection):
    """One connection to one host, directly or through a proxy, in the clear or with TLS.

    Args:
        host: The server's name or address.
        port: Its port.
        tls: What to wrap the connection in; ``None`` leaves it in the clear.
        proxy: The proxy to go through, if any.
    """

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None, proxy: Proxy | None
    ) -> None:
        super().__init__(host, port)
        self.deadline = Deadline(0)
        self._tls = tls
        self._proxy = proxy
        self._socket: socket.socket | None = None

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, *args: Any, **kwargs: Any
    ) -> _Response:
        """What http.client makes of a socket that it reads an answer from."""
        return _Response(sock, self.deadline, *args, **kwargs)

    def connect(self) -> None:
        """Connect until the deadline; through the proxy's CONNECT where TLS is wanted."""
        proxy = self._proxy
        sock = self._open(*((proxy.host, proxy.port) if proxy else (self.host, self.port)))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                if proxy:
                    self._tunnel_through(sock, proxy)
                sock.settimeout(self.deadline.left())
                sock = self._socket = self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def connect_for_http2(self, path: str | None) -> None:
        """Connect to a Unix socket if there is a ``path``, else through any proxy's CONNECT."""
        if path is not None:
            self.sock = self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.deadline.left())
            self.sock.connect(path)
            return
        self.connect()
        if self._proxy is not None and self._tls is None:
            self._tunnel_through(self.sock, self._proxy)

    def _open(self, host: str, port: int) -> socket.socket:
        """Try each address of ``host``, each with a fair share of the time left."""
        with held_off(PATIENCE):  # the C library's resolver has locks, which no child gets free
            try:
                addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except UnicodeError as bad:  # "a..b": no name by the rules of IDNA
                raise socket.gaierror(socket.EAI_NONAME, str(bad)) from None
        error: OSError = OSError(f"{host} has no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = self._socket = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.deadline.left() / (len(addresses) - tried))
                sock.connect(address)
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        raise error

    def _tunnel_through(self, sock: socket.socket, proxy: Proxy) -> None:
        authority = f"[{self.host}]" if ":" in self.host else self.host
        authority = f"{authority}:{self.port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
        self._send_all(sock, "\r\n".join([*lines, "", ""]).encode("latin-1"))
        with contextlib.closing(_Response(sock, self.deadline, method="CONNECT")) as response:
            response.begin()
        if response.status != http.client.OK:
            raise OSError(f"the proxy {proxy} answers CONNECT with {response.status}")

    def send(self, data: Any) -> None:
        """Write ``data``, which http.client hands over in bytes, until the deadline."""
        self._send_all(self.sock, data)

    def _send_all(self, sock: Any, data: bytes) -> None:
        view = memoryview(data)
        while view:
            sock.settimeout(self.deadline.left())
            view = view[sock.send(view) :]

    def post(self, path: str, headers: Mapping[str, bytes], body: bytes) -> _Response:
        """Send a request; gives the answer when its head is there."""
        if self.sock is None:
            self.connect()
        self.putrequest("POST", path)
        for name, value in headers.items():
            self.putheader(name, value)
        self.putheader("content-length", str(len(body)))
        try:
            self.endheaders(body)
        except ConnectionError as broken:
            # A server that has seen enough (413, 401) may answer and hang up before the end.
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.getresponse()  # type: ignore[return-value]
            raise broken
        return self.getresponse()  # type: ignore[return-value]

    def interrupt(self) -> None:
        """Break off what another thread does with this connection."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which takes the TLS state from under the other thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Close the socket in this process, a forked child, and say nothing to the server.

        Not by ``close()``, which waits for the reader that another thread may have been using.
        """
        sock, self._socket = self._socket, None
        if sock is not None:
            with contextlib.suppress(OSError):
                os.close(sock.detach())


class _Response(http.client.HTTPResponse):
    """A response that is read until the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = _Reader(sock, self.fp.detach(), deadline)
        self.fp = io.BufferedReader(raw)

    def read_bounded(self) -> bytes:
        """The body, if it is not too long to be worth it.

        Raises:
            http.client.IncompleteRead: It broke off.
        """
        body = self.read(MAX_ANSWER)
        if self.length and len(body) < MAX_ANSWER:
            # http.client takes a body cut short by the other end for a whole one when it is
            # asked for a number of bytes.
            raise http.client.IncompleteRead(body, self.length)
        return body


class _Reader(io.RawIOBase):
    """Reads from a socket with what is left of the time."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: Deadline) -> None:
        super().__init__()
        self._socket = sock
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
