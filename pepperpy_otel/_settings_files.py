"""Parsers of paths: what is named must be there and be readable, before anything is set."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from pepperpy_otel._settings_given import Given
    from pepperpy_otel._settings_values import Source


def directory(given: Given) -> str:
    """A directory that exists or can still be made."""
    path = _path(given)
    try:
        blocked = not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        blocked = False  # it is made when it is needed
    except (OSError, ValueError):  # below a file, out of reach, too long, with a NUL
        blocked = True
    if blocked:
        raise given.reject("is not a directory", "give the path of a directory")
    return str(path)


def readable(given: Given) -> str:
    """A file that can be read."""
    path = _path(given)
    try:
        with path.open("rb"):
            return str(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise given.reject(
            f"cannot be read ({reason})", "give the path of a readable file"
        ) from None


def certificate(given: Given) -> str:
    """A file of CA certificates in PEM format."""
    import ssl

    path = readable(given)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):
        raise given.reject(
            "holds no certificates in PEM format", "give the path of a PEM file"
        ) from None
    return path


def client_pair(
    key: str | None, key_source: Source, certificate: str | None, source: Source
) -> tuple[str, str]:
    """The client's key and certificate (paths), once it is certain that they belong together.

    One file may hold both, under either name; gRPC wants it named twice.

    Raises:
        ConfigurationError: They do not.
    """
    import ssl

    if certificate is None:
        with contextlib.suppress(OSError, ValueError):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(str(key), password=lambda: "")
            return str(key), str(key)
        raise ConfigurationError(
            key_source.name,
            key,
            key_source.kind,
            "is a key without a certificate",
            "set the client certificate too",
        )
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(certificate, key, password=lambda: "")  # never ask on a terminal
    except (OSError, ValueError):
        if key is None:
            problem, fix = "holds no private key", "set the client key too"
        else:
            problem = f"does not fit the key in {key_source.name}"
            fix = "give a certificate and its unencrypted key, both in PEM format"
        raise ConfigurationError(source.name, certificate, source.kind, problem, fix) from None
    return key or certificate, certificate


def _path(given: Given) -> Path:
    raw = given.raw
    try:
        path = os.fspath(raw) if isinstance(raw, (str, os.PathLike)) else None
        if isinstance(path, str) and path.strip():
            return Path(path).expanduser()
    except Exception:  # the object's own __fspath__, or a home directory that nobody knows
        pass
    raise given.reject("is not a path", "give a path as a string")
