"""The port of its own: one thread that serves every client, and that no client can hold up.

A thread for each connection would let fifty idle ones keep the probe out, and one thread that
reads to the end would wait for the slowest. So all sockets are non-blocking and one selector waits
for them; an answer is a look into the snapshot, which takes microseconds. A busy or even a blocked
event loop of the app does not matter here: a probe hears what the checker has found.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import report_internal
from pepperpy_otel.health.endpoints.routes import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Method, path without query, the Authorization header → answer.
    Answers = Callable[[str, str, str | None], Answer]

#: Connections held at most; with one more the longest idle goes.
MAX_CONNECTIONS = 256
#: Bytes of a request's head that are read at most.
MAX_HEAD = 8192
#: Seconds for a request to arrive, for an answer to be taken, and between two requests.
PATIENCE = 10.0
#: Seconds for a client to hang up after the last answer: to close first, with bytes of its unread,
#: would take that answer from it.
FAREWELL = 1.0
#: Seconds without accepting when the process has no file descriptor left.
BREATHER = 0.5
#: Ends a head; typed by hand its lines end by LF alone, which RFC 9112, section 2.2 lets pass.
_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([A-Z]{1,16}) (?:https?://[^/ ]*)?(/[!-~]*) HTTP/1\.([01])")


class HealthServer:
    """Listens and answers from ``start()`` to ``stop()``.

    Args:
        host: Name or address to listen on.
        port: 0 takes any free port.
        answer: Gives the answer to one request; it must be quick and may be called any time.
    """

    def __init__(self, host: str, port: int, answer: Answers) -> None:
        self._host = host
        self._port = port
        self._answer = answer
        self._loop: _Loop | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it really listens; ``None`` when it does not."""
        return None if self._loop is None else self._loop.address

    def start(self) -> tuple[str, int]:
        """Listen.

        Returns:
            Host and port, the real ones.

        Raises:
            OSError: The port is taken, or the host is not one of this machine's.
        """
        if self._loop is None:
            self._loop = _Loop(_listen(self._host, self._port), self._answer)
            self._loop.thread.start()
        return self._loop.address

    def stop(self) -> None:
        """Close the port and every connection; a second call does nothing."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.end()

    def close_in_child(self) -> None:
        """In a forked child: let go of the parent's port, which goes on listening there."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.let_go()


def _listen(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] is not socket.AF_INET)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Not on Windows, where it would take a port that is in use.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name == "posix"))
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class _Client:
    """One connection: what came, what has to go, and until when we wait."""

    __slots__ = ("closing", "deadline", "incoming", "leaving", "outgoing", "socket")

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.socket = connection
        self.incoming = bytearray()
        self.outgoing = b""
        self.deadline = deadline
        self.closing = False
        self.leaving = False


class _Loop:
    """The thread, its selector and its clients, oldest first."""

    def __init__(self, listener: socket.socket, answer: Answers) -> None:
        self._listener = listener
        self._answer = answer
        self._bell, self._ring = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(listener, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}
        self._accept_again: float | None = None
        self._ending = False
        host, port = listener.getsockname()[:2]
        self.address = (str(host), int(port))
        self.thread = threading.Thread(target=self._run, name="pepperpy-otel-health", daemon=True)

    def end(self) -> None:
        self._ending = True
        with contextlib.suppress(OSError):
            self._ring.send(b"x")
        self.thread.join(PATIENCE)

    def let_go(self) -> None:
        """Close our copies only: to unregister would reach into the parent's epoll."""
        for each in (self._listener, self._bell, self._ring, *self._clients):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ending:
            try:
                self._step()
            except Exception as error:  # no client may end the endpoint
                report_internal("the health endpoint", error)
                time.sleep(BREATHER)
        for client in list(self._clients.values()):
            self._drop(client)
        self.let_go()

    def _step(self) -> None:
        events = self._selector.select(self._patience())
        for key, _ in events:
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is not self._bell:
                self._serve(key.data)
        now = time.monotonic()
        if self._accept_again is not None and now >= self._accept_again:
            self._accept_again = None
            self._selector.register(self._listener, selectors.EVENT_READ)
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._drop(client)

    def _patience(self) -> float | None:
        moments = [client.deadline for client in self._clients.values()]
        if self._accept_again is not None:
            moments.append(self._accept_again)
        return max(min(moments) - time.monotonic(), 0.0) if moments else None

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # it went away again
            return
        except OSError:  # no descriptor left: the event would come back at once
            self._selector.unregister(self._listener)
            self._accept_again = time.monotonic() + BREATHER
            return
        connection.setblocking(False)
        if len(self._clients) >= MAX_CONNECTIONS:
            self._drop(min(self._clients.values(), key=lambda each: each.deadline))
        client = _Client(connection, time.monotonic() + PATIENCE)
        self._clients[connection] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _serve(self, client: _Client) -> None:
        try:
            if client.outgoing:
                self._write(client)
            else:
                self._read(client)
            self._take(client)
        except OSError:
            self._drop(client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(MAX_HEAD)
        except BlockingIOError:
            return
        if not data:
            self._drop(client)
            return
        if not client.leaving:
            client.incoming += data

    def _take(self, client: _Client) -> None:
        """Answer the requests that are whole, one after the other is taken."""
        while not (client.outgoing or client.leaving) and client.socket in self._clients:
            head, *rest = _END.split(bytes(client.incoming).lstrip(b"\r\n"), maxsplit=1)
            if len(head) > MAX_HEAD:
                self._reply(client, "GET", _plain(431), keep=False)
            elif rest:
                client.incoming[:] = rest[0]
                self._reply(client, *_respond(head, self._answer))
            else:
                return

    def _reply(self, client: _Client, method: str, answer: Answer, keep: bool) -> None:
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
        text = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        client.outgoing = text + (b"" if method == "HEAD" else answer.body)
        client.closing = not keep
        self._write(client)

    def _write(self, client: _Client) -> None:
        with contextlib.suppress(BlockingIOError):
            client.outgoing = client.outgoing[client.socket.send(client.outgoing) :]
        if client.outgoing:
            self._selector.modify(client.socket, selectors.EVENT_WRITE, client)
            return
        client.deadline = time.monotonic() + PATIENCE
        if client.closing:
            client.leaving = True
            client.deadline = time.monotonic() + FAREWELL
            client.socket.shutdown(socket.SHUT_WR)
        self._selector.modify(client.socket, selectors.EVENT_READ, client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket, None) is not None:
            self._selector.unregister(client.socket)
            client.socket.close()


def _respond(head: bytes, answer: Answers) -> tuple[str, Answer, bool]:
    """Method, answer and whether the connection stays, for one request's head."""
    line, _, fields = head.replace(b"\r\n", b"\n").partition(b"\n")
    request = _REQUEST.fullmatch(line)
    if request is None:
        return "GET", _plain(400), False
    headers = _headers(fields)
    method, version = request[1].decode(), request[3]
    path = request[2].decode("ascii").partition("?")[0].partition("#")[0]
    body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    wanted = headers.get("connection", "").lower()
    keep = not body and (wanted == "keep-alive" if version == b"0" else wanted != "close")
    return method, answer(method, path, headers.get("authorization")), keep


def _headers(fields: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in fields.split(b"\n"):
        name, _, value = line.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    return headers


def _plain(status: int) -> Answer:
    body = f"{HTTPStatus(status).phrase}\n".encode()
    fields: Any = (("Content-Type", "text/plain"), ("Content-Length", str(len(body))))
    return Answer(status, fields, body)
