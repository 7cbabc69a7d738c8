"""Parsers for OTLP, and what can only be judged when the protocol of a signal is known."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pepperpy_otel._settings_given import one_line, quoted
from pepperpy_otel._settings_names import words
from pepperpy_otel._settings_scalars import number
from pepperpy_otel._settings_values import masked_url

if TYPE_CHECKING:
    from pepperpy_otel._settings_given import Given
    from pepperpy_otel._settings_values import Protocol

#: From here on seconds make no sense and are taken for the specification's milliseconds.
_MILLISECONDS_FROM = 1000
#: Name schemes that gRPC knows beside host:port (its naming document), without a URL of ours.
_GRPC_SCHEMES = ("dns", "unix", "unix-abstract", "ipv4", "ipv6", "vsock", "xds")
_CODES = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
)
_URL = "use a URL such as 'http://localhost:4318'"


def endpoint(given: Given) -> str:
    """An endpoint as the user wrote it; ``fits()`` says whether the protocol can use it."""
    raw = given.raw
    value = raw.strip() if isinstance(raw, str) else ""
    shown = masked_url(value) if value else raw
    if not value or not value.isprintable() or " " in value:
        raise given.reject("is not a URL", _URL, value=shown)
    if (problem := _problem_of(value)) is not None:
        raise given.reject(problem, _URL, value=shown)
    return value


def _problem_of(value: str) -> str | None:
    scheme, slashes, _ = value.partition("://")
    if not slashes:
        scheme, colon, _ = value.partition(":")
        if colon and scheme in _GRPC_SCHEMES:
            return None
        return _problem_of_address(f"//{value}")
    if scheme.lower() in ("http", "https"):
        return _problem_of_address(value)
    return None if scheme in _GRPC_SCHEMES else "is not an http:// or https:// URL"


def _problem_of_address(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is not a URL ({one_line(error)})"
    if not parts.hostname:
        return "is a URL without a host"
    return "has port 0, to which nothing can be sent" if port == 0 else None


def misfit(value: str, protocol: Protocol) -> tuple[str, str] | None:
    """Why a protocol cannot use an endpoint (problem and fix), or ``None``."""
    if protocol == "grpc" or value.lower().startswith(("http://", "https://")):
        return None
    if "://" in value or value.partition(":")[0] in _GRPC_SCHEMES:
        return "is no endpoint for http/protobuf", _URL
    shown = masked_url(value) + ("" if ":" in value else ":4318")
    return "has no scheme", f"use 'http://{shown}' or 'https://{shown}'"


def url_of(general: str, signal: str) -> str:
    """The general endpoint with ``/v1/<signal>`` appended to its path; a query stays behind it."""
    parts = urlsplit(general)
    return parts._replace(path=f"{parts.path.rstrip('/')}/v1/{signal}", fragment="").geturl()


def is_plain(value: str, *, insecure: bool) -> bool:
    """Whether the connection is in plain text: the scheme decides, then the setting."""
    scheme = value.partition("://")[0].lower()
    return insecure if scheme not in ("http", "https") else scheme == "http"


def timeout(given: Given) -> float:
    """Seconds; 1000 and more are milliseconds, as the specification writes them."""
    value = number(given)
    fix = "use a number of seconds, 0 for no limit"
    if value is None:
        raise given.reject("is not a number", fix)
    if value < 0:
        raise given.reject("is negative", fix)
    if value >= _MILLISECONDS_FROM:
        value /= 1000
        given.remark("is read as milliseconds, being 1000 or more", f"for seconds write {value:g}")
    return value


def grpc_codes(given: Given) -> tuple[str, ...]:
    """Status codes of gRPC by name."""
    found = []
    for name in words(given):
        if (code := name.upper()) in _CODES:
            found.append(code)
        else:
            given.complain(
                f"names {quoted(name)}, which is not a gRPC status code",
                "use names such as 'UNAVAILABLE', separated by commas",
            )
    return tuple(found)
