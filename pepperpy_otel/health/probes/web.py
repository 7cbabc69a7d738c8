"""Does an HTTP(S) address answer with a good status? One kept-alive connection, stdlib only."""

from __future__ import annotations

import base64
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.wording import healthy, secrets_of, unhealthy

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

#: What Kubernetes takes for a good answer.
GOOD = range(200, 400)
#: Bytes of a body that are read to keep the connection; with a longer one it is not kept.
MOST_BYTES = 65536


def http(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    expect: Collection[int] = GOOD,
    ssl_context: ssl.SSLContext | None = None,
    timeout: float = 1.0,
) -> Blocking[HTTPConnection]:
    """A probe: the address answers with a good status. Redirects are not followed.

    Args:
        url: ``http://`` or ``https://``; a user and password in it become basic authentication.
        method: ``GET`` or ``HEAD`` (a probe reads only).
        headers: Sent along; their values are never shown.
        expect: Good status codes, 200 to 399 by default.
        ssl_context: For ``https``; the system's authorities by default.
        timeout: Seconds for a run.

    Raises:
        ValueError: The address, the method or the timeout cannot be used.
    """
    if method not in {"GET", "HEAD"}:
        raise ValueError(f"method={method!r} is not read-only; use 'GET' or 'HEAD'")
    return Blocking(_Web(url, method, dict(headers or {}), expect, ssl_context), timeout)


class _Web:
    own = True

    def __init__(
        self,
        url: str,
        method: str,
        headers: dict[str, str],
        expect: Collection[int],
        context: ssl.SSLContext | None,
    ) -> None:
        parts = _split(url)
        self.secrets = (*secrets_of(url), *headers.values())
        self._host = parts.hostname or ""
        self._port = parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.target = f"{method} {parts.scheme}://{self._host}{_port(parts)}{parts.path or '/'}"
        self._method = method
        self._expect = expect
        self._headers = {"User-Agent": "pepperpy-otel-health", "Accept": "*/*", **headers}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            basic = base64.b64encode(pair.encode()).decode("ascii")
            self._headers.setdefault("Authorization", f"Basic {basic}")
            self.secrets += (basic,)
        self._context = None
        if parts.scheme == "https":
            self._context = context or ssl.create_default_context()

    def open(self, deadline: Deadline) -> HTTPConnection:
        seconds = deadline.left()
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=seconds)
        return HTTPSConnection(self._host, self._port, timeout=seconds, context=self._context)

    def ask(self, connection: HTTPConnection, deadline: Deadline) -> HealthResult:
        connection.timeout = deadline.left()
        if connection.sock is not None:
            connection.sock.settimeout(deadline.left())
        connection.request(self._method, self._path, headers=self._headers)
        connection.sock.settimeout(deadline.left())
        with connection.getresponse() as response:
            status = response.status
            response.read(MOST_BYTES)
            whole = response.isclosed()
        if not whole:
            connection.close()  # opened again by http.client with the next request
        if status in self._expect:
            return healthy(f"status {status}", target=self.target, status=status)
        return unhealthy(f"{self.target}: status {status}", target=self.target, status=status)

    def close(self, connection: HTTPConnection) -> None:
        connection.close()


def _split(url: str) -> SplitResult:
    """The parts of the address; no error repeats it, because it may hold a password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for one that is no number
    except (ValueError, AttributeError, TypeError):
        raise ValueError("url is not an address; use 'https://host:port/path'") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"url with scheme {parts.scheme!r}: use 'https://host:port/path'")
    return parts


def _port(parts: SplitResult) -> str:
    return f":{parts.port}" if parts.port else ""
