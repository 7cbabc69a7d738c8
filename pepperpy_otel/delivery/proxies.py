"""Which proxy the environment asks for, and what TLS needs: the two ways to a server."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from pepperpy_otel.delivery.endpoint import OtlpEndpoint


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and the header that lets us in."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_for(url: str) -> Proxy | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or the system) name for ``url``.

    Raises:
        ValueError: It is one that we cannot go through.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    text = proxies.get(parts.scheme) or proxies.get("all")
    if not text or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(text if "://" in text else f"http://{text}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ValueError(f"a proxy of the kind {proxy.scheme}:// is not supported; use http://")
    headers = {}
    if proxy.username is not None:
        headers["Proxy-Authorization"] = basic(proxy.username, proxy.password)
    return Proxy(proxy.hostname, proxy.port or 80, headers)


def basic(username: str, password: str | None) -> str:
    """The value of an authorization header for the user of a URL."""
    pair = f"{unquote(username)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def tls_context(endpoint: OtlpEndpoint) -> ssl.SSLContext:
    """TLS as the endpoint wants it: its authorities or the system's, a client certificate.

    Raises:
        OSError: A file cannot be read, or is not what it should be.
    """
    import ssl

    trusted = endpoint.certificate
    if trusted is None:
        context = ssl.create_default_context()
        paths = ssl.get_default_verify_paths()
        if not (paths.cafile or paths.capath):
            # Python's own builds for macOS come without authorities; requests brings some.
            import certifi

            context.load_verify_locations(certifi.where())
    elif Path(trusted).is_dir():
        context = ssl.create_default_context(capath=trusted)
    else:
        context = ssl.create_default_context(cafile=trusted)
    certificate = endpoint.client_certificate or endpoint.client_key  # one file may hold both
    if certificate is not None:
        context.load_cert_chain(certificate, endpoint.client_key)
    return context
