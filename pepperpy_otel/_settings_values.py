"""The values that settings are made of: where one came from, and those that belong together.

Plain and frozen, known by no other name than their own: ``delivery`` and the signal packages get
them as constructor arguments and never see which variable they were.

``Value`` stands in for frozen dataclasses and named tuples: they generate code when they are
defined, a millisecond for each class, and this is imported by every start-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from typing_extensions import dataclass_transform

    Kind = Literal["argument", "environment", "pyproject.toml", "default"]
    Protocol = Literal["http/protobuf", "grpc"]
    Compression = Literal["gzip", "none"]
    ExporterChoice = Literal["pepperpy", "stock"]
    ConsoleLogs = Literal["json", "text", "none"]
    Temporality = Literal["cumulative", "delta", "lowmemory"]
    HistogramAggregation = Literal[
        "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    ]
    ExemplarFilter = Literal["trace_based", "always_on", "always_off"]
else:

    def dataclass_transform(**_: Any) -> Any:
        """For type checkers alone: the constructor takes what the class declares."""
        return lambda cls: cls


#: Stands where a secret is not shown.
MASK = "***"

#: Which kind of source wins: the lower number.
RANK: dict[Kind, int] = {"argument": 0, "environment": 1, "pyproject.toml": 2, "default": 3}

#: Before the key of a setting in pyproject.toml.
KEY_PREFIX = "tool.pepperpy_otel."

#: What a timeout of 0 stands for: the specification reads it as no limit and lets an
#: implementation use the milliseconds of a 32-bit integer (seconds; about 25 days).
NO_LIMIT = float((2**31 - 1) // 1000)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Value:
    """Fields by keyword, never assigned again, compared by what they hold."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be assigned")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.items()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"


class Source(Value):
    """Where a value came from.

    Attributes:
        kind: What the user turned to set it; ``default`` if nobody did.
        name: The exact name there: an argument, an environment variable, a pyproject key
            (``tool.pepperpy_otel.protocol``); empty for a default.
    """

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


class OtlpSettings(Value):
    """How one signal is sent by OTLP.

    Attributes:
        endpoint: For ``http/protobuf`` the full URL, ``/v1/<signal>`` included; for ``grpc`` what
            the user wrote: ``host:port`` or a URL.
        protocol: The wire protocol.
        headers: Names in lower case, values decoded.
        timeout: Seconds for one export, retries included.
        compression: What is done to the body.
        certificate: Path of the CA certificate (PEM), or ``None`` for the system's.
        client_key: Path of the client's private key (PEM).
        client_certificate: Path of the client's certificate chain (PEM).
        insecure: Whether the connection is in plain text, the endpoint's scheme counted in.
        endpoint_given: Whether the user named an endpoint at all.
        credential_provider: Entry point that makes the credentials or the session.
    """

    endpoint: str
    protocol: Protocol
    headers: Mapping[str, str]
    timeout: float
    compression: Compression
    certificate: str | None
    client_key: str | None
    client_certificate: str | None
    insecure: bool
    endpoint_given: bool
    credential_provider: str | None

    def __repr__(self) -> str:
        # A settings object that lands in somebody's log must not take the token with it.
        return f"OtlpSettings({self.protocol} to {masked_url(self.endpoint)})"


class BatchSettings(Value):
    """How spans or log records are batched; times in seconds, sizes in items."""

    schedule_delay: float
    max_queue_size: int
    max_export_batch_size: int
    export_timeout: float


class SpanLimitSettings(Value):
    """Limits of spans under the names of the SDK's ``SpanLimits``; ``None`` means no limit.

    Every value is final (specific limit, general limit, default). The SDK takes ``None`` as "read
    the environment again", so pass ``SpanLimits.UNSET`` (-1) for it: ``sdk_arguments()`` does.
    """

    max_attributes: int | None
    max_events: int | None
    max_links: int | None
    max_span_attributes: int | None
    max_event_attributes: int | None
    max_link_attributes: int | None
    max_attribute_length: int | None
    max_span_attribute_length: int | None

    def sdk_arguments(self) -> dict[str, int]:
        """Keyword arguments for ``SpanLimits`` with which it reads no variable itself."""
        return _without_none(vars(self))


class LogLimitSettings(Value):
    """Limits of log records under the names of the SDK's ``LogRecordLimits``."""

    max_attributes: int | None
    max_attribute_length: int | None
    max_log_record_attributes: int | None
    max_log_record_attribute_length: int | None

    def sdk_arguments(self) -> dict[str, int]:
        """Keyword arguments for ``LogRecordLimits`` with which it reads no variable itself."""
        return _without_none(vars(self))


def masked_url(text: str) -> str:
    """A URL whose user information and query are not shown."""
    text, query, _ = text.partition("?")
    scheme, slashes, rest = text.partition("//") if "//" in text else ("", "", text)
    _, at, host = rest.rpartition("@")
    if at:
        text = f"{scheme}{slashes}{MASK}@{host}"
    return f"{text}?{MASK}" if query else text


def _without_none(limits: Mapping[str, int | None]) -> dict[str, int]:
    return {name: -1 if value is None else value for name, value in limits.items()}
