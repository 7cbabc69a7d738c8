"""Where OTLP goes, in plain values.

The values of this package are named tuples: a frozen dataclass costs half a millisecond to
define, and they are all defined before the app's first line.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class OtlpEndpoint(NamedTuple):
    """One signal's OTLP receiver.

    Args:
        url: For HTTP the full URL with its path; for gRPC a URL or ``host:port``.
        headers: Sent with each request.
        timeout: Seconds that one request may take as a whole.
        compression: ``gzip`` or ``none``.
        certificate: File (or directory) of the authorities that the server's certificate is
            checked against; the system's without it.
        client_key: File of the client's key, where the server asks for one.
        client_certificate: File of the client's certificate; it may hold the key too.
        insecure: For gRPC without a scheme: whether TLS is left out.
        protocol: ``http/protobuf`` or ``grpc``.
        grpc_retryable: Names of the gRPC status codes after which a call is tried again; empty
            for those of the OTLP specification.
    """

    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    timeout: float = 10.0
    compression: Literal["gzip", "none"] = "none"
    certificate: str | None = None
    client_key: str | None = None
    client_certificate: str | None = None
    insecure: bool | None = None
    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    grpc_retryable: Collection[str] = ()

    @property
    def shown(self) -> str:
        """The URL for people: without user, password and query, which may be secrets."""
        parts = urlsplit(self.url)
        if not parts.netloc:
            return self.url
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
