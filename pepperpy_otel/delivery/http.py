"""OTLP over HTTP with protobuf bodies, on the standard library's client: one connection, kept."""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import http.client
import json
import math
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pepperpy_otel._version import __version__
from pepperpy_otel.delivery.connection import Connection, Deadline
from pepperpy_otel.delivery.destination import encode_and_transmit
from pepperpy_otel.delivery.encoding import Encoder, read_answer
from pepperpy_otel.delivery.otlp.answers import message_in
from pepperpy_otel.delivery.outcome import Outcome, from_http, one_line
from pepperpy_otel.delivery.proxies import basic, proxy_for, tls_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.encoding import Encoded
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

USER_AGENT = f"pepperpy-otel/{__version__}"
CONTENT_TYPE = "application/x-protobuf"


class HttpSender:
    """Posts batches of one signal to one URL.

    Args:
        signal: Which signal.
        endpoint: Where to, and how.

    Raises:
        OSError: A certificate cannot be used.
        ValueError: The URL or the proxy cannot be used.
    """

    def __init__(self, signal: Signal, endpoint: OtlpEndpoint) -> None:
        self.signal = signal
        self.target = endpoint.shown
        self._timeout = endpoint.timeout
        self._compress = endpoint.compression == "gzip"
        parts = urlsplit(endpoint.url)
        if not parts.hostname:
            raise ValueError(f"{self.target!r} has no host")
        self._host = parts.hostname
        self._tls = tls_context(endpoint) if parts.scheme == "https" else None
        self._port = parts.port or (80 if self._tls is None else 443)
        self._proxy = proxy_for(endpoint.url)
        self._path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        if parts.query:
            self._path += f"?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}"
        self._headers = self._fixed_headers(endpoint)
        if self._proxy is not None and self._tls is None:
            self._path = f"http://{self._authority()}{self._path}"
            self._headers.update({k: v.encode() for k, v in self._proxy.headers.items()})
        self._encoder = Encoder(signal)
        self._connection: Connection | None = None
        self._interrupted = False

    def _fixed_headers(self, endpoint: OtlpEndpoint) -> dict[str, bytes]:
        headers = {"user-agent": USER_AGENT}
        parts = urlsplit(endpoint.url)
        if parts.username is not None:
            headers["authorization"] = basic(parts.username, parts.password)
        headers.update({name.lower(): value for name, value in endpoint.headers.items()})
        headers["content-type"] = CONTENT_TYPE
        if self._compress:
            headers["content-encoding"] = "gzip"
        return {name: value.encode() for name, value in headers.items()}

    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Encode and post ``items``; see ``Sender``."""
        return encode_and_transmit(self, items, timeout)

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The request; see ``OtlpSender``."""
        return self._encoder.encode(items)

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        """Post a request; see ``OtlpSender``."""
        seconds = min(timeout, self._timeout)
        deadline = Deadline(seconds)
        try:
            return self._post(gzip.compress(body, 6) if self._compress else body, count, deadline)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            error = TimeoutError() if self._interrupted else error
            return Outcome(retry=True, error=_describe(error, seconds))
        except BaseException:
            self._drop()
            raise

    def _post(self, body: bytes, count: int, deadline: Deadline) -> Outcome:
        with contextlib.closing(self._exchange(body, deadline)) as response:
            answer = response.read_bounded()
            if response.will_close or not response.isclosed():  # asked for, or too much to read
                self._drop()
        status = response.status
        if 200 <= status < 300:
            return read_answer(self.signal, answer, count)
        return from_http(
            status,
            count,
            retry_after=parse_retry_after(response.getheader("Retry-After")),
            detail=_message(response.getheader("Content-Type", ""), answer),
        )

    def _exchange(self, body: bytes, deadline: Deadline) -> Any:
        """Post, once more on a new connection if the server had closed the kept one."""
        kept = self._connection
        if kept is not None:
            kept.deadline = deadline
            try:
                response = kept.post(self._path, self._headers, body)
                if response.status != http.client.REQUEST_TIMEOUT:  # said to the idle connection
                    return response
                response.close()
            except OSError as error:
                if isinstance(error, TimeoutError) or self._interrupted:
                    raise
            self._drop()
        connection = self._connection = Connection(
            self._host, self._port, tls=self._tls, proxy=self._proxy
        )
        connection.deadline = deadline
        return connection.post(self._path, self._headers, body)

    def interrupt(self) -> None:
        """Break off a request under way; called from another thread."""
        self._interrupted = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._drop()

    def let_go(self) -> None:
        """In a forked child: have the parent's connection open in the parent only."""
        if self._connection is not None:
            self._connection.let_go()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number or a date; ``None`` if it is neither."""
    if value is None:
        return None
    try:
        return max(float(int(value)), 0.0)
    except OverflowError:  # more digits than a float has room for: as long as we wait at all
        return math.inf
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _message(content_type: str, body: bytes) -> str:
    """What the server says is wrong, if it says so in a way that we can read."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CONTENT_TYPE:
        return message_in(body)
    if kind == "application/json":
        try:
            message = json.loads(body)["message"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        return one_line(str(message))
    return one_line(body.decode("utf-8", "replace")) if kind == "text/plain" else ""


def _describe(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"the name cannot be resolved: {error.strerror}"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
        return one_line(f"the answer is not HTTP: {error}")
    return one_line(str(error) or type(error).__name__)
