"""Ports for servers that the tests start, and for nobody."""

from __future__ import annotations

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
#: Below the range from which Linux gives ports to clients (32768 to 60999): between here and the
#: server's start one of the many connections of a test run would take one of those.
_SERVER_PORTS = (15000, 32000)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(*_SERVER_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((LOOPBACK, port))
            found += [port] if port not in found else []
    return found


def free_port() -> int:
    """A port on which nobody listens."""
    return free_ports(1)[0]
