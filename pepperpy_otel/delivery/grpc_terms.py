"""gRPC's terms, whoever speaks it: targets, metadata, where a status has its details."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pepperpy_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

USER_AGENT = f"pepperpy-otel/{__version__}"
#: Where a status carries its details.
DETAILS = "grpc-status-details-bin"
_KEY = re.compile(r"[0-9a-z_.-]+")


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
