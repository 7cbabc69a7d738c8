"""OTLP over gRPC in a forked child: without gRPC's own library.

A fork while a call is under way in the parent ("Other threads are currently calling into gRPC,
skipping fork() handlers") leaves grpcio in a state in which a new channel in the child hung or
crashed, measured on 1.85.1 with Python 3.13: SIGSEGV in 1 of 40 children, 22 of 200 where the
parent used futures; with the channel closed before, 3 of 200 hung; with an idle one all 240 worked,
but 5 of 5 hung with ``GRPC_ENABLE_FORK_SUPPORT=0``. A send that hangs cannot be paused, it waits in
the library. A child that leaves grpcio alone, its exit included, is well (400 of 400).

So a child speaks HTTP/2 itself, one connection a request, and never touches what it inherited.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import struct
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from pepperpy_otel.delivery.connection import Connection, Deadline
from pepperpy_otel.delivery.destination import encode_and_transmit
from pepperpy_otel.delivery.encoding import SERVICES, Encoder, read_answer
from pepperpy_otel.delivery.grpc_terms import (
    DETAILS,
    USER_AGENT,
    address_of,
    metadata_of,
)
from pepperpy_otel.delivery.http2.call import Answer, Call, Http2Error, StreamReset
from pepperpy_otel.delivery.otlp.answers import delay_in
from pepperpy_otel.delivery.outcome import Outcome, from_grpc, one_line
from pepperpy_otel.delivery.proxies import proxy_for, tls_context

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.encoding import Encoded
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

DEFAULT_PORT = 443
#: The names of gRPC's codes, by number.
CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
#: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
_OF_HTTP = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    **dict.fromkeys((429, 502, 503, 504), "UNAVAILABLE"),
}
#: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors
_OF_RESET = {7: "UNAVAILABLE", 8: "CANCELLED", 11: "RESOURCE_EXHAUSTED", 12: "PERMISSION_DENIED"}
_PREFIX = struct.Struct(">?I")


class ForkedGrpcSender:
    """Calls ``Export`` of one signal's service.

    Args:
        signal: Which signal.
        endpoint: Where to, and how.

    Raises:
        OSError: A certificate cannot be read.
        ValueError: A header cannot be carried, or the target is one that only gRPC's own library
            can resolve (``xds:`` for example).
    """

    def __init__(self, signal: Signal, endpoint: OtlpEndpoint) -> None:
        self.signal = signal
        self.target = endpoint.shown
        self._timeout = endpoint.timeout
        address, secure = address_of(endpoint)
        self._path, self._host, self._port = target_of(address)
        self._tls = tls_context(endpoint) if secure else None
        if self._tls is not None:
            self._tls.set_alpn_protocols(["h2"])
        # As gRPC has it, a proxy for https serves both.
        self._proxy = None if self._path else proxy_for(f"https://{self._host}:{self._port}")
        self._compress = endpoint.compression == "gzip"
        self._headers = self._fixed_headers(endpoint)
        self._encoder = Encoder(signal)
        self._connection: Connection | None = None
        self._interrupted = False
        self._retryable = endpoint.grpc_retryable

    def _fixed_headers(self, endpoint: OtlpEndpoint) -> list[tuple[bytes, bytes]]:
        given = {name.lower(): value for name, value in endpoint.headers.items()}
        agent = given.pop("user-agent", None)
        host = f"[{self._host}]" if ":" in self._host else self._host
        fixed = {
            ":method": "POST",
            ":scheme": "http" if self._tls is None else "https",
            ":path": f"/{SERVICES[self.signal]}/Export",
            ":authority": "localhost" if self._path else f"{host}:{self._port}",
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": f"{agent} {USER_AGENT}" if agent else USER_AGENT,
            "grpc-accept-encoding": "identity,gzip",
            **({"grpc-encoding": "gzip"} if self._compress else {}),
        }
        headers = [(name.encode(), value.encode()) for name, value in fixed.items()]
        for name, value in metadata_of(given):
            carried = value.encode() if isinstance(value, str) else _base64(value)
            headers.append((name.encode(), carried))
        return headers

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Encode ``items`` and make the call; see ``Sender``."""
        return encode_and_transmit(self, items, timeout)

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The request; see ``OtlpSender``."""
        return self._encoder.encode(items)

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        """Make the call; see ``OtlpSender``."""
        seconds = min(timeout, self._timeout)
        try:
            answer = self._call(body, seconds)
        except TimeoutError:
            code, detail = "DEADLINE_EXCEEDED", f"no answer within {seconds:g} s"
        except StreamReset as reset:
            code, detail = _OF_RESET.get(reset.code, "INTERNAL"), str(reset)
        except (OSError, Http2Error) as error:
            code, detail = "UNAVAILABLE", one_line(str(error) or type(error).__name__)
            if self._interrupted:
                code, detail = "CANCELLED", f"no answer within {seconds:g} s"
        else:
            return self._read(answer, count)
        finally:
            self.close()
        return from_grpc(code, count, detail=detail, retry=self._retryable)

    def _call(self, body: bytes, seconds: float) -> Answer:
        wire = _Wire(self._connect(Deadline(seconds)))
        left = (b"grpc-timeout", b"%dm" % min(max(int(seconds * 1000), 1), 99_999_999))
        message = gzip.compress(body, 6) if self._compress else body
        prefix = _PREFIX.pack(self._compress, len(message))
        return Call(wire).make([*self._headers, left], prefix + message)

    def _connect(self, deadline: Deadline) -> Connection:
        connection = Connection(self._host, self._port, tls=self._tls, proxy=self._proxy)
        self._connection = connection
        connection.deadline = deadline
        connection.connect_for_http2(self._path)
        return connection

    def _read(self, answer: Answer, count: int) -> Outcome:
        headers = answer.headers
        status = headers.get(b"grpc-status")
        detail = unquote_to_bytes(headers.get(b"grpc-message", b"")).decode("utf-8", "replace")
        if status is None:
            http = _integer(headers.get(b":status", b""))
            code, detail = _OF_HTTP.get(http, "UNKNOWN"), f"HTTP {http} without a gRPC status"
        else:
            number = _integer(status)
            code = CODES[number] if number < len(CODES) else "UNKNOWN"
        if code == "OK":
            return read_answer(self.signal, _message(answer), count)
        details = headers.get(DETAILS.encode())
        delay = None
        if details is not None:
            with contextlib.suppress(ValueError):
                delay = delay_in(base64.b64decode(details + b"=" * (-len(details) % 4)))
        detail = one_line(detail)
        return from_grpc(code, count, retry_after=delay, detail=detail, retry=self._retryable)

    def interrupt(self) -> None:
        """Break off a call under way; called from another thread."""
        self._interrupted = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def let_go(self) -> None:
        """In a child of the child: see ``HttpSender.let_go()``."""
        if self._connection is not None:
            self._connection.let_go()

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Wire:
    """A connection as a call wants it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.send(data)

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        sock: socket.socket = self._connection.sock
        while len(self._buffer) < count:
            sock.settimeout(self._connection.deadline.left())
            more = sock.recv(65536)
            if not more:
                raise ConnectionResetError("the server closed the connection")
            self._buffer += more
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


def target_of(address: str) -> tuple[str | None, str, int]:
    """Path of a Unix socket, or host and port, behind what gRPC calls a target.

    Raises:
        ValueError: Only gRPC's own library can resolve it.
    """
    scheme, separator, rest = address.partition(":")
    if scheme == "unix":
        return rest.removeprefix("//"), "localhost", 0
    if separator and scheme in ("dns", "ipv4", "ipv6"):
        address = rest.rpartition("/")[2] if rest.startswith("//") else rest
        address = address.split(",")[0]
    elif "://" in address or "/" in address:
        raise ValueError(f"a forked child cannot reach a target of the kind {scheme}:")
    host, separator, port = address.rpartition(":")
    if not separator or "]" in port:
        host, port = address, str(DEFAULT_PORT)
    return None, host.strip("[]"), int(port)


def _integer(text: bytes) -> int:
    """The number of a status; one that is none becomes a number that is no status."""
    return int(text) if text.isdigit() and len(text) < 4 else 999


def _base64(value: bytes) -> bytes:
    return base64.b64encode(value).rstrip(b"=")


def _message(answer: Answer) -> bytes:
    """The one message of an answer; nothing if there is none, which is an empty one."""
    if len(answer.body) < _PREFIX.size:
        return b""
    compressed, length = _PREFIX.unpack_from(answer.body)
    body = answer.body[_PREFIX.size : _PREFIX.size + length]
    if not compressed:
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return b""
