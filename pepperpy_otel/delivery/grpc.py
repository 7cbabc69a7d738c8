"""OTLP over gRPC: one channel, made anew whenever it could not be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from pepperpy_otel._version import __version__
from pepperpy_otel.delivery.encoding import SERVICES, Encoder, read_answer
from pepperpy_otel.delivery.outcome import Outcome, from_grpc, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

USER_AGENT = f"pepperpy-otel/{__version__}"
_KEY = re.compile(r"[0-9a-z_.-]+")
#: After these a channel waits before it connects again, longer each time; a new one does not.
_STALE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})


class GrpcSender:
    """Calls ``Export`` of one signal's service.

    Args:
        signal: Which signal.
        endpoint: Where to, and how.

    Raises:
        OSError: A certificate cannot be read.
        ValueError: A header cannot be carried.
    """

    def __init__(self, signal: Signal, endpoint: OtlpEndpoint) -> None:
        self.signal = signal
        self.target = endpoint.shown
        self._timeout = endpoint.timeout
        self._address, secure = address_of(endpoint)
        self._credentials = credentials_of(endpoint) if secure else None
        headers = {name.lower(): value for name, value in endpoint.headers.items()}
        agent = headers.pop("user-agent", USER_AGENT)
        self._metadata = metadata_of(headers)
        self._options = [
            ("grpc.primary_user_agent", agent),
            # Else a new channel would take over the waiting time of the one it replaces.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._compression = (
            grpc.Compression.Gzip
            if endpoint.compression == "gzip"
            else grpc.Compression.NoCompression
        )
        self._encoder = Encoder(signal)
        self._channel: Any = None
        self._export: Any = None

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Encode ``items`` and make the call; see ``Sender``."""
        encoded = self._encoder.encode(items)
        if not encoded.items:
            return encoded.outcome()
        outcome = self._call(encoded.body, encoded.items, min(timeout, self._timeout))
        return outcome.with_unencodable(encoded.unencodable, encoded.error)

    def _call(self, body: bytes, count: int, timeout: float) -> Outcome:
        try:
            answer = self._connected()(
                body, timeout=timeout, metadata=self._metadata, compression=self._compression
            )
        except grpc.RpcError as error:
            return self._failed(error, count, timeout)
        except ValueError as error:  # the channel was closed from another thread
            self.close()
            return Outcome(retry=True, error=one_line(str(error)))
        return read_answer(self.signal, answer, count)

    def _connected(self) -> Any:
        if self._channel is None:
            if self._credentials is None:
                self._channel = grpc.insecure_channel(self._address, options=self._options)
            else:
                self._channel = grpc.secure_channel(
                    self._address, self._credentials, options=self._options
                )
            self._export = self._channel.unary_unary(f"/{SERVICES[self.signal]}/Export")
        return self._export

    def _failed(self, error: Any, count: int, timeout: float) -> Outcome:
        code = error.code().name
        if code in _STALE:
            self.close()
        detail = one_line(error.details() or "")
        if code == "DEADLINE_EXCEEDED":
            detail = f"no answer within {timeout:g} s"
        return from_grpc(code, count, retry_after=retry_delay(error), detail=detail)

    def interrupt(self) -> None:
        """Break off a call under way; called from another thread."""
        channel = self._channel
        if channel is not None:
            channel.close()

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def address_of(endpoint: OtlpEndpoint) -> tuple[str, bool]:
    """What gRPC calls the target, and whether to use TLS: by the scheme, else by ``insecure``."""
    parts = urlsplit(endpoint.url)
    if parts.scheme in ("http", "https"):
        return parts.netloc.rpartition("@")[2], parts.scheme == "https"
    return endpoint.url, not endpoint.insecure


def metadata_of(headers: Mapping[str, str]) -> tuple[tuple[str, str | bytes], ...]:
    """Headers as gRPC carries them: ASCII text, or bytes under names that end in ``-bin``.

    Raises:
        ValueError: One cannot be carried. (gRPC would call each request INTERNAL.)
    """
    metadata: list[tuple[str, str | bytes]] = []
    for name, value in headers.items():
        if not _KEY.fullmatch(name):
            raise ValueError(f"gRPC cannot carry a header of the name {name!r}")
        if name.endswith("-bin"):
            metadata.append((name, value.encode()))
        elif value.isascii() and value.isprintable():
            metadata.append((name, value))
        else:
            raise ValueError(f"gRPC cannot carry the value of the header {name}: it is not ASCII")
    return tuple(metadata)


def credentials_of(endpoint: OtlpEndpoint) -> Any:
    """The TLS set-up; a client certificate does not need an authority of our own beside it."""
    chain = _read(endpoint.client_certificate)
    key = _read(endpoint.client_key) or chain  # one file may hold both
    return grpc.ssl_channel_credentials(
        root_certificates=_read(endpoint.certificate), private_key=key, certificate_chain=chain
    )


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def retry_delay(error: Any) -> float | None:
    """Seconds that the server asked us to wait, in a RetryInfo among the status details."""
    try:
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            for detail in Status.FromString(value).details:
                if detail.Is(RetryInfo.DESCRIPTOR):
                    info = RetryInfo.FromString(detail.value)
                    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    except Exception:  # details that cannot be read are no details
        return None
    return None
