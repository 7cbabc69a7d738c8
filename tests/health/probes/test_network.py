"""TCP ports, HTTP addresses and certificates, against servers in this process."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.servers import (
    CERTIFICATES,
    LOOPBACK,
    read_request,
    tcp_server,
)
from tests.ports import free_port

if TYPE_CHECKING:
    import socket

TRUSTED = ssl.create_default_context(cafile=str(CERTIFICATES / "good.pem"))
EXPIRED = ssl.create_default_context(cafile=str(CERTIFICATES / "expired.pem"))


def _silent(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.recv(4096)


def test_a_port_that_accepts_is_healthy_and_a_closed_one_is_not() -> None:
    """A connection is made and ended; close() has nothing to do."""
    with tcp_server(lambda connection: None) as port:
        probe = probes.tcp(LOOPBACK, port)
        assert probe().status is HealthStatus.HEALTHY
        assert probe().status is HealthStatus.HEALTHY
        probe.close()
    result = probe()
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason.startswith(f"tcp {LOOPBACK}:{port}: ConnectionRefusedError")


@pytest.mark.parametrize("port", [0, 65536, "80", None, True])
def test_a_port_that_is_none_is_refused(port: object) -> None:
    """At construction."""
    with pytest.raises(ValueError, match="port="):
        probes.tcp(LOOPBACK, port)  # type: ignore[arg-type]


def test_http_keeps_one_connection() -> None:
    """Two good answers over one connection; it is made anew after the server closed it."""
    requests: list[list[bytes]] = []

    def answer(connection: socket.socket) -> None:
        requests.append([])
        while len(requests[-1]) < 2 and (request := read_request(connection)):
            requests[-1].append(request)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with tcp_server(answer) as port:
        probe = probes.http(f"http://{LOOPBACK}:{port}/ready?x=1", headers={"X-Key": "k3y"})
        for _ in range(3):
            assert probe().status is HealthStatus.HEALTHY
        probe.close()
    assert [len(each) for each in requests] == [2, 1]
    assert requests[0][0].startswith(b"GET /ready?x=1 HTTP/1.1\r\n")
    assert b"X-Key: k3y\r\n" in requests[0][0]


@pytest.mark.parametrize(
    ("status", "expect", "healthy"),
    [
        (204, None, True),
        (302, None, True),
        (404, None, False),
        (503, None, False),
        (503, 503, True),
    ],
)
def test_the_status_decides(status: int, expect: int | None, healthy: bool) -> None:
    """200 to 399 are good, or what is expected; a redirect is not followed."""
    options = {} if expect is None else {"expect": {expect}}

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 %d X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" % status)
        read_request(connection)

    with tcp_server(answer) as port:
        probe = probes.http(f"http://{LOOPBACK}:{port}", method="HEAD", **options)  # type: ignore[arg-type]
        result = probe()
        probe.close()
    assert (result.status is HealthStatus.HEALTHY) is healthy
    assert result.data["status"] == status
    assert healthy or result.reason == f"HEAD http://{LOOPBACK}:{port}/: status {status}"


def test_a_long_body_is_not_read_to_its_end() -> None:
    """The connection is given up instead, and the next run makes a new one."""
    connections = []

    def answer(connection: socket.socket) -> None:
        connections.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n" + b"x" * 200_000)

    with tcp_server(answer) as port:
        probe = probes.http(f"http://{LOOPBACK}:{port}/")
        assert probe().status is HealthStatus.HEALTHY
        assert probe().status is HealthStatus.HEALTHY
    assert len(connections) == 2


def test_an_address_with_a_password_authenticates_and_never_shows_it() -> None:
    """Neither as written, nor decoded, nor in base64."""
    seen = []

    def answer(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"garbage hunter@2 hunter%402 YXBwOmh1bnRlckAy\r\n\r\n")

    with tcp_server(answer) as port:
        result = probes.http(f"http://app:hunter%402@{LOOPBACK}:{port}/")()
    assert b"Authorization: Basic YXBwOmh1bnRlckAy\r\n" in seen[0]
    assert result.status is HealthStatus.UNHEALTHY
    for secret in ("hunter@2", "hunter%402", "YXBwOmh1bnRlckAy"):
        assert secret not in str(result)


def test_a_server_that_never_answers_fails_in_time() -> None:
    """One timeout over the whole run."""
    with tcp_server(_silent) as port:
        probe = probes.http(f"http://{LOOPBACK}:{port}/", timeout=0.3)
        started = time.monotonic()
        result = probe()
        assert time.monotonic() - started < 3
        assert result.reason.endswith("no answer within 0.3 s")
        probe.close()


def test_https_verifies() -> None:
    """With the authority it is good; without, the certificate is the reason."""

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        read_request(connection)

    with tcp_server(answer, certificate="good.pem") as port:
        probe = probes.http(f"https://localhost:{port}/", ssl_context=TRUSTED)
        assert probe().status is HealthStatus.HEALTHY
        probe.close()
        result = probes.http(f"https://localhost:{port}/")()
        assert result.status is HealthStatus.UNHEALTHY
        assert "CERTIFICATE_VERIFY_FAILED" in result.reason


@pytest.mark.parametrize(
    "url",
    ["ftp://h/", "http://", "//h/", "", None, "http://u:hunter2@h:port/", "http://u:hunter2@[x/"],
)
def test_an_address_that_cannot_be_asked_is_refused_without_repeating_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match="url") as error:
        probes.http(url)
    assert "hunter2" not in str(error.value)


def test_a_method_that_writes_is_refused() -> None:
    """Probes read."""
    with pytest.raises(ValueError, match="method='POST'"):
        probes.http("http://h/", method="POST")


def test_a_certificate_is_judged_by_the_days_that_it_is_good_for() -> None:
    """Good, soon to expire, expired, of another name, of nobody we trust."""

    def days(port: int, **options: object) -> tuple[HealthStatus, str]:
        options = {"ssl_context": TRUSTED, **options}
        probe = probes.tls("localhost", port, **options)  # type: ignore[arg-type]
        result = probe()
        probe.close()
        return result.status, result.reason

    with tcp_server(lambda connection: connection.recv(1), certificate="good.pem") as port:
        status, reason = days(port)
        assert (status, reason[:9]) == (HealthStatus.HEALTHY, "good for ")
        status, reason = days(port, degraded_days=1e6)
        assert status is HealthStatus.DEGRADED
        assert "the certificate expires in" in reason
        status, reason = days(port, server_name="example.org")
        assert status is HealthStatus.UNHEALTHY
        assert "example.org" in reason
        assert days(port, ssl_context=None)[0] is HealthStatus.UNHEALTHY
    with tcp_server(lambda connection: None, certificate="expired.pem") as port:
        status, reason = days(port, ssl_context=EXPIRED)
        assert status is HealthStatus.UNHEALTHY
        assert reason == f"tls localhost:{port}: certificate has expired"


def test_a_port_without_tls_is_unhealthy() -> None:
    """And a closed one too."""
    with tcp_server(lambda connection: connection.sendall(b"hello")) as port:
        assert probes.tls(LOOPBACK, port)().status is HealthStatus.UNHEALTHY
    assert probes.tls(LOOPBACK, free_port())().status is HealthStatus.UNHEALTHY


def test_a_context_that_does_not_verify_is_refused() -> None:
    """Python tells no dates then."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="does not verify"):
        probes.tls("localhost", ssl_context=context)
