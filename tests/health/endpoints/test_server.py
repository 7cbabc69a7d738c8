"""The health endpoint on a port of its own, against clients of every kind."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health.endpoints import http_server as module
from pepperpy_otel.health.endpoints.http_server import HealthServer
from pepperpy_otel.health.endpoints.routes import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Said:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.body = b"{}"

    def __call__(self, method: str, path: str, authorization: str | None) -> Answer:
        self.asked.append((method, path, authorization))
        if path == "/boom":
            raise RuntimeError("boom")
        headers = (("Content-Type", "text/plain"), ("Content-Length", str(len(self.body))))
        return Answer(200, headers, self.body)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def served(said: Said) -> Iterator[HealthServer]:
    server = HealthServer("127.0.0.1", 0, said)
    server.start()
    yield server
    server.stop()


def connect(server: HealthServer) -> socket.socket:
    assert server.address is not None
    return socket.create_connection(server.address, timeout=5)


def get(server: HealthServer, path: str = "/livez") -> tuple[int, bytes]:
    assert server.address is not None
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def talk(server: HealthServer, data: bytes) -> bytes:
    """Everything that comes back until the server hangs up."""
    with connect(server) as client:
        with contextlib.suppress(ConnectionError):  # it may have seen enough before the end
            client.sendall(data)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
        return answer


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_answers_on_its_real_port(served: HealthServer, said: Said) -> None:
    """Port 0 is any free one, and the address says which."""
    assert served.address == served.start()
    assert get(served, "/readyz?verbose=1") == (200, b"{}")
    assert said.asked == [("GET", "/readyz", None)]


def test_a_connection_is_kept(served: HealthServer, said: Said) -> None:
    """A prober that keeps its connection gets several answers on it."""
    assert served.address is not None
    connection = http.client.HTTPConnection(*served.address, timeout=5)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("GET", "/livez", headers={"Authorization": "Bearer x"})
            assert connection.getresponse().read() == b"{}"
    assert said.asked == [("GET", "/livez", "Bearer x")] * 3


def test_head_has_no_body(served: HealthServer) -> None:
    """The length is told, the body is not sent."""
    answer = talk(served, b"HEAD /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 2" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_old_clients(served: HealthServer) -> None:
    """HTTP/1.0 ends the connection unless the client asks to keep it."""
    assert b"Connection: close" in talk(served, b"GET /livez HTTP/1.0\r\n\r\n")
    typed = b"\nGET /livez HTTP/1.1\nHost: x\nConnection: close\n\n"  # lines end by LF alone
    assert b"200 OK" in talk(served, typed)
    with connect(served) as client:
        client.sendall(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"Connection: keep-alive" in client.recv(65536)


def test_many_requests_at_once(served: HealthServer, said: Said) -> None:
    """A client may send the next requests before it has read the first answer."""
    request = b"GET /livez HTTP/1.1\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"
    answer = talk(served, request * 500 + last)
    assert answer.count(b"200 OK") == len(said.asked) == 501


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /livez HTTP/2.0\r\n\r\n",
        b"get /livez HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
def test_garbage_is_a_400(served: HealthServer, data: bytes) -> None:
    """What is no request is answered as such, and the connection ends."""
    assert talk(served, data).startswith(b"HTTP/1.1 400 Bad Request")


def test_an_endless_head_is_cut(served: HealthServer) -> None:
    """More than 8 KiB of header is not read."""
    assert talk(served, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000).startswith(b"HTTP/1.1 431")


def test_a_body_ends_the_connection(served: HealthServer, said: Said) -> None:
    """A body is not read, so that what follows it could not be told from it."""
    talk(served, b"POST /livez HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    talk(served, b"POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert [method for method, _, _ in said.asked] == ["POST", "POST"]


def test_absolute_urls(served: HealthServer, said: Said) -> None:
    """A proxy's form of the request line means the same."""
    talk(served, b"GET http://host/readyz#x HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.asked == [("GET", "/readyz", None)]


def test_slow_and_idle_clients_do_not_matter(
    served: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty connections that say nothing, or half a request, leave the probe its answer."""
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    idle = [connect(served) for _ in range(50)]
    try:
        for client in idle[:25]:
            client.sendall(b"GET /liv")
        started = time.monotonic()
        assert get(served) == (200, b"{}")
        assert time.monotonic() - started < 1
        for client in idle:
            client.settimeout(5)
            assert client.recv(1) == b""  # let go in time
    finally:
        for client in idle:
            client.close()


def test_too_many_connections(served: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one connection more than there is room for, the one idle for longest goes."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    clients = [connect(served) for _ in range(3)]
    try:
        assert get(served) == (200, b"{}")
        assert clients[0].recv(1) == b""
    finally:
        for client in clients:
            client.close()


def test_a_client_that_does_not_read(
    served: HealthServer, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that nobody takes is dropped in time; one that is taken late arrives whole."""
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    said.body = b"x" * 20_000_000
    with connect(served) as stuck, connect(served) as late:
        for client in (stuck, late):
            client.sendall(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
        wait_for(lambda: len(said.asked) == 2)
        received = 0
        while chunk := late.recv(1 << 20):
            received += len(chunk)
        assert received > 20_000_000
        assert get(served)[0] == 200
        wait_for(lambda: _cut_off(stuck))


def _cut_off(client: socket.socket) -> bool:
    try:
        client.sendall(b"x")
    except OSError:
        return True
    return False


def test_a_reset_is_nobodys_problem(served: HealthServer) -> None:
    """A client that hangs up rudely leaves the endpoint as it was."""
    for _ in range(20):
        client = connect(served)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        client.close()
    assert get(served) == (200, b"{}")


def test_an_error_of_ours_ends_nothing(
    served: HealthServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in the answer is reported and the next client is served."""
    monkeypatch.setattr(module, "BREATHER", 0.0)
    with connect(served) as client:
        client.sendall(b"GET /boom HTTP/1.1\r\n\r\n")
        wait_for(lambda: "boom" in caplog.text)
    assert get(served) == (200, b"{}")


def test_out_of_file_descriptors(served: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the process has no descriptor left it waits, and goes on afterwards."""
    monkeypatch.setattr(module, "BREATHER", 0.05)
    loop: Any = served._loop
    listener, failures = loop._listener, [OSError(24, "EMFILE"), BlockingIOError()]

    class Listener:
        def accept(self) -> Any:
            if failures:
                raise failures.pop()
            return listener.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(listener, name)

    selector = loop._selector
    replaced = Listener()
    selector.unregister(listener)
    loop._listener = replaced
    selector.register(replaced, 1)
    assert get(served) == (200, b"{}")
    assert failures == []


def test_random_requests(served: HealthServer) -> None:
    """Two thousand requests of random bytes leave it answering at once."""
    chance = random.Random(7)
    for number in range(2000):
        with connect(served) as client, contextlib.suppress(OSError):
            size = chance.randrange(200)
            data = bytes(chance.randrange(256) for _ in range(size))
            client.sendall(data if number % 2 else b"GET /" + data + b" HTTP/1.1\r\n\r\n")
    started = time.monotonic()
    assert get(served) == (200, b"{}")
    assert time.monotonic() - started < 1


def test_a_port_that_is_taken(served: HealthServer, said: Said) -> None:
    """The port of somebody else is an OSError, and nothing is left open."""
    assert served.address is not None
    second = HealthServer("127.0.0.1", served.address[1], said)
    with pytest.raises(OSError, match="in use"):
        second.start()
    assert second.address is None
    second.stop()


def test_stop_closes_everything(said: Said) -> None:
    """After stop() nobody listens and nobody is connected; it can be started again."""
    server = HealthServer("localhost", 0, said)
    address = server.start()
    with socket.create_connection(address, timeout=5) as client:
        wait_for(lambda: server._loop is not None and server._loop._clients)
        server.stop()
        assert client.recv(1) == b""
    with pytest.raises(OSError):
        socket.create_connection(address, timeout=1)
    assert server.address is None
    server.start()
    server.stop()
    assert not [t for t in threading.enumerate() if t.name == "pepperpy-otel-health"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_lets_go(served: HealthServer) -> None:
    """The child closes its copies; the parent goes on listening and keeps its clients."""
    with connect(served) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        child = os.fork()
        if child == 0:
            served.close_in_child()
            served.close_in_child()
            os._exit(0 if served.address is None else 1)
        assert os.waitpid(child, 0)[1] == 0
        client.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert get(served) == (200, b"{}")


def test_late_and_empty_events(served: HealthServer) -> None:
    """An event of a client that is gone, or that has sent nothing after all, does no harm."""
    loop: Any = served._loop
    with connect(served) as quiet:
        wait_for(lambda: loop._clients)
        (client,) = loop._clients.values()
        loop._serve(client)
        assert client.socket in loop._clients
        quiet.close()
        wait_for(lambda: not loop._clients)
        loop._serve(client)
    assert get(served) == (200, b"{}")
