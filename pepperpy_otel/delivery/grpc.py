"""OTLP over gRPC: one channel, made anew whenever it could not be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from pepperpy_otel.delivery.destination import encode_and_transmit
from pepperpy_otel.delivery.encoding import SERVICES, Encoder, read_answer
from pepperpy_otel.delivery.grpc_terms import (
    DETAILS,
    USER_AGENT,
    address_of,
    metadata_of,
)
from pepperpy_otel.delivery.otlp.answers import delay_in
from pepperpy_otel.delivery.outcome import Outcome, from_grpc, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.encoding import Encoded
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

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
        self._retryable = endpoint.grpc_retryable
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
        self._interrupted = False

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Encode ``items`` and make the call; see ``Sender``."""
        return encode_and_transmit(self, items, timeout)

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The request; see ``OtlpSender``."""
        return self._encoder.encode(items)

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        """Make the call; see ``OtlpSender``."""
        timeout = min(timeout, self._timeout)
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
        if code == "DEADLINE_EXCEEDED" or self._interrupted:
            detail = f"no answer within {timeout:g} s"
        after = retry_delay(error)
        return from_grpc(code, count, retry_after=after, detail=detail, retry=self._retryable)

    def interrupt(self) -> None:
        """Break off a call under way; called from another thread."""
        self._interrupted = True
        channel = self._channel
        if channel is not None:
            channel.close()

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def credentials_of(endpoint: OtlpEndpoint) -> Any:
    """The TLS set-up; a client certificate does not need an authority of our own beside it."""
    # One file may hold both, under either name.
    chain = _read(endpoint.client_certificate or endpoint.client_key)
    key = _read(endpoint.client_key) or chain
    return grpc.ssl_channel_credentials(
        root_certificates=_read(endpoint.certificate), private_key=key, certificate_chain=chain
    )


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def retry_delay(error: Any) -> float | None:
    """Seconds that the server asked us to wait, in a RetryInfo among the status details."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS:
            return delay_in(value)
    return None
