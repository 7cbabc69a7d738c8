"""What really reaches a host over a socket, by three clients, with and without a list."""

from __future__ import annotations

import http.client
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests

import pepperpy_otel
from pepperpy_otel.correlation import bind, use_correlation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

pytest.importorskip("opentelemetry.instrumentation.urllib")

#: Two names of one machine: the first is on the list of these tests.
FRIEND, STRANGER = "127.0.0.1", "localhost"
KEPT_BACK = {"baggage", "x-correlation-id"}


class Server:
    """Answers everything, redirects ``/to/<host>``, and remembers what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host = (self.headers["Host"] or "").partition(":")[0]
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.seen.append((host, headers))
                target = self.path.partition("/to/")[2]
                self.send_response(302 if target else 200)
                if target:
                    self.send_header("Location", f"http://{target}:{server.port}/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._http = ThreadingHTTPServer((FRIEND, 0), Handler)
        self.port = int(self._http.server_address[1])
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join(30)
        self._http.server_close()

    def url(self, host: str, path: str = "/") -> str:
        """Of this server by one of its names."""
        return f"http://{host}:{self.port}{path}"

    def reached(self, host: str) -> list[set[str]]:
        """Names of the headers that propagate, of each request to a host."""
        wanted = KEPT_BACK | {"traceparent"}
        return [wanted & set(headers) for name, headers in self.seen if name == host]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def _requests(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.get(url, timeout=30)


def _httpx(url: str) -> None:
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        client.get(url, timeout=30)


def _urllib(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(url, timeout=30).close()


CLIENTS = {"requests": _requests, "httpx": _httpx, "urllib": _urllib}
by_each_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture
def send(configure: Callable[..., Telemetry], server: Server) -> Callable[..., None]:
    """Configure, and send a request within a block with id and baggage."""

    def call(client: str, host: str, path: str = "/", **settings: Any) -> None:
        if pepperpy_otel.get_telemetry() is None:
            configure(instrument=list(CLIENTS), **settings)
        with use_correlation_id("abc"), bind(tenant="acme"):
            CLIENTS[client](server.url(host, path))

    return call


@by_each_client
def test_without_a_list_everybody_is_sent_everything(
    client: str, send: Callable[..., None], server: Server
) -> None:
    """Which is the default, and what the documentation says."""
    send(client, FRIEND)
    send(client, STRANGER)
    assert server.reached(FRIEND) == server.reached(STRANGER) == [KEPT_BACK | {"traceparent"}]
    assert server.seen[0][1]["x-correlation-id"] == "abc"
    assert server.seen[0][1]["baggage"] == "correlation.id=abc,tenant=acme"


@by_each_client
@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
def test_a_host_outside_the_list_gets_nothing_but_the_trace(
    client: str, sampler: str, send: Callable[..., None], server: Server
) -> None:
    """Also where the span of the call is not sampled; who is on the list gets it all."""
    settings = {"propagation_hosts": [FRIEND], "sampler": sampler}
    send(client, FRIEND, **settings)
    send(client, STRANGER)
    assert server.reached(FRIEND) == [KEPT_BACK | {"traceparent"}]
    assert server.reached(STRANGER) == [{"traceparent"}]


@by_each_client
def test_a_redirection_does_not_carry_it_there(
    client: str, send: Callable[..., None], server: Server
) -> None:
    """Clients copy the headers of the first request into the second, to another host."""
    send(client, FRIEND, f"/to/{STRANGER}", propagation_hosts=[FRIEND])
    assert server.reached(FRIEND) == [KEPT_BACK | {"traceparent"}]
    [headers] = server.reached(STRANGER)
    assert not headers & KEPT_BACK


@by_each_client
def test_nobody_is_a_list_too(client: str, send: Callable[..., None], server: Server) -> None:
    """``none`` keeps everything in the house."""
    send(client, FRIEND, propagation_hosts="none")
    assert server.reached(FRIEND) == [{"traceparent"}]


@by_each_client
def test_the_port_counts_where_the_list_names_one(
    client: str, send: Callable[..., None], server: Server
) -> None:
    """Another port of the same host is another receiver."""
    send(client, FRIEND, propagation_hosts=[f"{FRIEND}:{server.port}", f"{STRANGER}:1"])
    send(client, STRANGER)
    assert server.reached(FRIEND) == [KEPT_BACK | {"traceparent"}]
    assert server.reached(STRANGER) == [{"traceparent"}]


def _sent_by_hand(server: Server, host: str, **request: Any) -> None:
    connection = http.client.HTTPConnection(FRIEND, server.port, timeout=30)
    try:
        if host != FRIEND:  # as through a proxy that is given whole URLs
            connection.request("GET", server.url(host), **request)
        else:
            connection.request("GET", "/", **request)
        connection.getresponse().read()
    finally:
        connection.close()


def test_headers_that_are_written_by_hand_pass_the_gate_as_well(
    configure: Callable[..., Telemetry], server: Server
) -> None:
    """Below every client the same list holds: for the connection, and for a proxy's target."""
    configure(propagation_hosts=[FRIEND])
    headers = {"Baggage": "a=1", "X-Correlation-ID": "abc", "X-Other": "kept"}
    _sent_by_hand(server, FRIEND, headers=headers)
    _sent_by_hand(server, STRANGER, headers=headers)
    assert server.reached(FRIEND) == [KEPT_BACK]
    assert server.reached(STRANGER) == [set()]
    assert [headers["x-other"] for _, headers in server.seen] == ["kept", "kept"]


def test_a_rollback_opens_the_gate(configure: Callable[..., Telemetry], server: Server) -> None:
    """``http.client`` is what it was."""
    before = http.client.HTTPConnection.putheader, http.client.HTTPConnection.putrequest
    configure(propagation_hosts="none")
    assert http.client.HTTPConnection.putheader is not before[0]
    report = pepperpy_otel.rollback()
    assert "http.client.HTTPConnection.putrequest and putheader" in report.restored
    assert (
        http.client.HTTPConnection.putheader,
        http.client.HTTPConnection.putrequest,
    ) == before
    _sent_by_hand(server, FRIEND, headers={"Baggage": "a=1"})
    assert server.reached(FRIEND) == [{"baggage"}]
