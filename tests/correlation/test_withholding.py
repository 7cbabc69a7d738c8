"""The gate in ``http.client``: whom it takes a connection to speak to, and its end."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from pepperpy_otel.correlation import withholding
from pepperpy_otel.correlation.hosts import Hosts, Receiver
from pepperpy_otel.correlation.policy import Policy
from pepperpy_otel.ledger import Ledger


def _connection(host: str, port: int = 80, tunnel: tuple[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection(host, port)
    if tunnel is not None:
        connection.set_tunnel(*tunnel)
    return connection


@pytest.mark.parametrize(
    ("connection", "url", "expected"),
    [
        (_connection("Good.com."), "/", [Receiver("good.com", 80)]),
        (_connection("[::1]", 81), "/?u=http://evil.org/", [Receiver("::1", 81)]),
        (
            _connection("proxy", 3128),
            "http://good.com:81/x",
            [Receiver("proxy", 3128), Receiver("good.com", 81)],
        ),
        (_connection("proxy", 3128, ("Good.com", 443)), "/", [Receiver("good.com", 443)]),
        (_connection("proxy", 3128, ("good.com", None)), "/", [Receiver("good.com", 80)]),
        (object(), "/", [Receiver("")]),
    ],
)
def test_who_gets_the_request(connection: Any, url: str, expected: list[Receiver]) -> None:
    """Through a tunnel its end, through a proxy both, and nobody who can be known is nobody."""
    assert withholding._receivers(connection, url) == expected


def test_a_port_that_is_none_is_not_known() -> None:
    """As in a connection of somebody else's making."""

    class Connection:
        _tunnel_host, _tunnel_port = "good.com", "443"

    assert withholding._receivers(Connection(), "/") == [Receiver("good.com", None)]


class _Wire(http.client.HTTPConnection):
    """A connection that keeps what it would send."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.sent = b""

    def send(self, data: Any) -> None:
        self.sent += data


def _sent(host: str) -> bytes:
    connection = _Wire(host)
    connection.putrequest("GET", "/")
    connection.putheader(b"Baggage", b"a=1")
    connection.putheader("Other", "b")
    connection.endheaders()
    return connection.sent


def test_names_of_bytes_and_what_others_have_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the undoing ours only passes on, where somebody still calls it."""
    before = http.client.HTTPConnection.putheader
    ledger = Ledger()
    withholding.install(Policy(hosts=Hosts(("good.com",))), ledger.record)
    assert b"Baggage" in _sent("good.com")
    assert b"Baggage" not in _sent("evil.org")
    assert b"Other: b" in _sent("evil.org")
    ours, ours_too = http.client.HTTPConnection.putheader, http.client.HTTPConnection.putrequest
    with monkeypatch.context() as patched:
        patched.setattr(http.client.HTTPConnection, "putheader", lambda *args: ours(*args))
        patched.setattr(http.client.HTTPConnection, "putrequest", lambda *args: ours_too(*args))
        ledger.undo()
        assert b"Baggage" in _sent("evil.org")
    http.client.HTTPConnection.putheader = before  # type: ignore[method-assign]
    http.client.HTTPConnection.putrequest = ours_too.__wrapped__  # type: ignore[attr-defined]
