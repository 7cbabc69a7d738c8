"""How each signal is sent by OTLP: the rows of the signal and the general ones become one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_values import NO_LIMIT, RANK, OtlpSettings, Source, masked_url
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pepperpy_otel._settings_reading import Reading
    from pepperpy_otel._settings_values import Protocol

_ENDPOINTS: dict[str, str] = {
    "http/protobuf": "http://localhost:4318",
    "grpc": "http://localhost:4317",
}
#: Exporter names of the SDK that say the protocol too.
_EXPORTERS: dict[str, Protocol] = {
    "otlp_proto_http": "http/protobuf",
    "otlp_proto_grpc": "grpc",
}


def _chosen(reading: Reading, signal: str, name: str) -> tuple[Any, Source]:
    """The row of the signal or the general one: the higher source wins, then the specific."""
    return next(_ranked(reading, signal, name))


def _ranked(reading: Reading, signal: str, name: str) -> Iterator[tuple[Any, Source]]:
    rows = sorted(
        (f"{signal}_{name}", name), key=lambda row: RANK[reading.sources[row].kind]
    )  # stable: the specific one first
    for row in rows:
        if row == name or reading.sources[row].kind != "default":
            yield reading.values[row], reading.sources[row]


def otlp_of(reading: Reading, signal: str, forced: Protocol | None) -> OtlpSettings:
    """How a signal is sent; ``forced`` is the protocol that the exporter's name says."""

    def chosen(name: str) -> Any:
        return _chosen(reading, signal, name)[0]

    protocol: Protocol = forced or chosen("protocol")
    endpoint = _endpoint(reading, signal, protocol)
    key, certificate = _client(reading, signal)
    transport = "grpc" if protocol == "grpc" else "http"
    return OtlpSettings(
        endpoint=endpoint or _default_endpoint(signal, protocol),
        protocol=protocol,
        headers=dict(chosen("headers") or {}),
        timeout=chosen("timeout") or NO_LIMIT,
        compression=chosen("compression"),
        certificate=chosen("certificate"),
        client_key=key,
        client_certificate=certificate,
        insecure=_is_plain(endpoint, insecure=chosen("insecure")),
        endpoint_given=endpoint is not None,
        credential_provider=chosen(f"{transport}_credential_provider"),
    )


def _default_endpoint(signal: str, protocol: Protocol) -> str:
    base = _ENDPOINTS[protocol]
    return base if protocol == "grpc" else f"{base}/v1/{signal}"


def _is_plain(endpoint: str | None, *, insecure: bool) -> bool:
    if endpoint is None:
        return True
    from pepperpy_otel._settings_otlp import is_plain

    return is_plain(endpoint, insecure=insecure)


def _endpoint(reading: Reading, signal: str, protocol: Protocol) -> str | None:
    """The endpoint that was given and that the protocol can use, in full.

    One that it cannot use is nobody's concern as long as the signal does not leave by OTLP.
    """
    used = any(name.startswith("otlp") for name in reading.values[signal])
    for value, source in _ranked(reading, signal, "endpoint"):
        if value is None:
            continue
        from pepperpy_otel._settings_otlp import misfit, url_of

        if (why := misfit(value, protocol)) is not None:
            if used:
                reading.problems.add(
                    ConfigurationError(source.name, masked_url(value), source.kind, *why)
                )
        elif protocol == "grpc" or source == reading.sources[f"{signal}_endpoint"]:
            return str(value)
        else:
            return url_of(value, signal)
    return None


def _client(reading: Reading, signal: str) -> tuple[str | None, str | None]:
    """The client's key and certificate, if they belong together."""
    key, key_source = _chosen(reading, signal, "client_key")
    certificate, source = _chosen(reading, signal, "client_certificate")
    if key is None and certificate is None:
        return None, None
    from pepperpy_otel._settings_files import client_pair

    try:
        return client_pair(key, key_source, certificate, source)
    except ConfigurationError as error:
        reading.problems.add(error)
        return None, None


def forced_protocol(reading: Reading, signal: str) -> Protocol | None:
    """The protocol that ``otlp_proto_grpc`` or ``otlp_proto_http`` names, if one alone does.

    As in the SDK, the exporter's name wins over a protocol that says otherwise, with a warning.
    Named together, or beside ``otlp``, they are several destinations and stay as they are.
    """
    names = [name for name in reading.values[signal] if name.startswith("otlp")]
    if len(names) != 1 or names[0] not in _EXPORTERS:
        return None
    forced = _EXPORTERS[names[0]]
    said, source = _chosen(reading, signal, "protocol")
    if source.kind != "default" and said != forced:
        where = reading.sources[signal]
        reading.problems.add(
            ConfigurationError(
                source.name,
                said,
                source.kind,
                f"contradicts {names[0]!r} in {where.name}, which wins",
                f"use {forced!r}, or 'otlp' in {where.name}",
            )
        )
    return forced


def plain_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of exporters, with ``otlp`` for those that say the protocol too."""
    return tuple("otlp" if name in _EXPORTERS else name for name in names)
