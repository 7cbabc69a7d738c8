"""The last gate in front of hosts that are not on the list: ``http.client``, below every client.

``requests``, ``urllib`` and all that stands on urllib3 follow redirections by themselves: they copy
the headers of the first request, and no propagator is asked again. Where ``propagation_hosts`` is
set, this drops baggage and correlation id at the one place where the host is certain. Clients with
their own HTTP (httpx) are instrumented for each hop.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pepperpy_otel.correlation.hosts import Receiver, receiver_of
from pepperpy_otel.correlation.propagator import BAGGAGE
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.correlation.policy import Policy

_MARK = "_pepperpy_otel_withholds"


def install(now: Policy, record: Callable[[str, Callable[[], None]], None]) -> None:
    """Withhold from hosts that are not on the policy's list, until the undoing.

    Args:
        now: The policy; it has a list.
        record: Takes each change and its undoing.
    """
    from http.client import HTTPConnection

    assert now.hosts is not None
    allow, names = now.hosts.allow, frozenset((BAGGAGE, *now.headers))
    connection: Any = HTTPConnection
    put_request, put_header = connection.putrequest, connection.putheader
    active = True

    @functools.wraps(put_request)
    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if active:
            setattr(self, _MARK, not all(map(allow, _receivers(self, url))))
        return put_request(self, method, url, *args, **kwargs)

    @functools.wraps(put_header)
    def putheader(self: Any, header: Any, *values: Any) -> Any:
        if active and getattr(self, _MARK, True) and _name(header) in names:
            return None
        return put_header(self, header, *values)

    def undo() -> None:
        nonlocal active
        active = False
        if connection.putrequest is putrequest:
            connection.putrequest = put_request
        if connection.putheader is putheader:
            connection.putheader = put_header

    connection.putrequest, connection.putheader = putrequest, putheader
    record("http.client.HTTPConnection.putrequest and putheader", undo)


def _receivers(connection: Any, url: object) -> list[Receiver]:
    """Who gets the request: behind a tunnel, behind a proxy that is given whole URLs, or itself."""
    try:
        tunnel = getattr(connection, "_tunnel_host", None)
        if tunnel:
            return [Receiver(str(tunnel).strip("[]").rstrip(".").lower(), _port(connection))]
        own = Receiver(str(connection.host).strip("[]").rstrip(".").lower(), connection.port)
        if isinstance(url, str) and "://" in url.partition("?")[0]:
            return [own, receiver_of(url)]
        return [own]
    except Exception as error:
        report_internal("finding out who a request goes to", error)
        return [Receiver("")]


def _port(connection: Any) -> int | None:
    port = getattr(connection, "_tunnel_port", None)
    return port if isinstance(port, int) else None


def _name(header: object) -> str:
    return (header.decode("latin-1") if isinstance(header, bytes) else str(header)).lower()
