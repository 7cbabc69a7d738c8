"""Does a TCP port accept connections? A new connection each time: accepting is what is asked."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.wording import healthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult


def tcp(host: str, port: int, *, timeout: float = 1.0) -> Blocking[None]:
    """A probe: a TCP connection can be made.

    It says nothing about the program behind: the kernel accepts for one that hangs, too. Use the
    probe of the protocol where there is one.

    Args:
        host: Name or address.
        port: TCP port, 1 to 65535.
        timeout: Seconds for a run; looking up the name is not under it (the system has no way to
            end it), only under the check's own timeout.

    Raises:
        ValueError: The port or the timeout cannot be used.
    """
    return Blocking(_Port(host, checked_port(port)), timeout)


def checked_port(port: int) -> int:
    """The port as given.

    Raises:
        ValueError: It is not a TCP port.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"port={port!r} is not a port; use a number from 1 to 65535")
    return port


class _Port:
    own = False
    secrets: tuple[str, ...] = ()

    def __init__(self, host: str, port: int) -> None:
        self.target = f"tcp {host}:{port}"
        self._address = (host, port)

    def open(self, deadline: Deadline) -> None:
        """Nothing is kept."""

    def ask(self, connection: None, deadline: Deadline) -> HealthResult:
        with socket.create_connection(self._address, timeout=deadline.left()):
            return healthy("accepts connections")

    def close(self, connection: None) -> None:
        """Nothing to end."""
