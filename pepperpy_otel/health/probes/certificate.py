"""How long is the TLS certificate of a server still good? Asked anew each time, as clients do."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.port import checked_port
from pepperpy_otel.health.probes.wording import degraded, healthy, unhealthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

DAY = 86400.0


def tls(
    host: str,
    port: int = 443,
    *,
    degraded_days: float = 14.0,
    server_name: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeout: float = 1.0,
) -> Blocking[None]:
    """A probe: the server's certificate is trusted, for this name, and not about to expire.

    One that is not trusted or has expired is UNHEALTHY, because clients refuse it.

    Args:
        host: Name or address to connect to.
        port: TCP port; the server must speak TLS from the first byte.
        degraded_days: Fewer days left than this are DEGRADED.
        server_name: Name that the certificate must have; the host by default.
        ssl_context: With authorities of your own; it must verify.
        timeout: Seconds for a run.

    Raises:
        ValueError: The port or the timeout cannot be used, or the context does not verify.
    """
    context = ssl_context or ssl.create_default_context()
    if context.verify_mode is not ssl.CERT_REQUIRED:
        # Python gives no dates of a certificate that it did not verify.
        raise ValueError("ssl_context does not verify; give one with verify_mode=CERT_REQUIRED")
    probe = _Certificate(host, checked_port(port), server_name or host, context, degraded_days)
    return Blocking(probe, timeout)


class _Certificate:
    own = False
    secrets: tuple[str, ...] = ()

    def __init__(
        self, host: str, port: int, name: str, context: ssl.SSLContext, degraded_days: float
    ) -> None:
        self.target = f"tls {host}:{port}"
        self._address = (host, port)
        self._name = name
        self._context = context
        self._degraded_days = degraded_days

    def open(self, deadline: Deadline) -> None:
        """Nothing is kept."""

    def ask(self, connection: None, deadline: Deadline) -> HealthResult:
        with socket.create_connection(self._address, timeout=deadline.left()) as plain:
            plain.settimeout(deadline.left())
            try:
                with self._context.wrap_socket(plain, server_hostname=self._name) as secured:
                    found = secured.getpeercert()
            except ssl.SSLCertVerificationError as error:
                return unhealthy(f"{self.target}: {error.verify_message}", target=self.target)
        return self._judged(str((found or {})["notAfter"]))

    def _judged(self, not_after: str) -> HealthResult:
        # The wall clock, because that is what the clients of this server compare with.
        days = (ssl.cert_time_to_seconds(not_after) - time.time()) / DAY
        data = {"target": self.target, "days_left": round(days, 1), "not_after": not_after}
        if days < self._degraded_days:
            return degraded(f"{self.target}: the certificate expires in {days:.1f} days", **data)
        return healthy(f"good for {days:.0f} days", **data)

    def close(self, connection: None) -> None:
        """Nothing to end."""
