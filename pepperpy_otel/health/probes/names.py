"""Does the DNS know a name? Asks the name servers themselves, with a deadline.

`getaddrinfo` cannot be ended: with a dead name server it holds its thread for 10 seconds and more,
and what it answers may come from /etc/hosts. So the question is put by hand (RFC 1035 §4), to the
servers and with the search list of /etc/resolv.conf, as the C library does.
"""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.wording import healthy, unhealthy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
RESOLV_CONF = "/etc/resolv.conf"
NO_ERROR, NO_SUCH_NAME = 0, 3
_ANSWERS = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def dns(
    name: str,
    *,
    record: str = "A",
    servers: Sequence[str] = (),
    resolv_conf: str = RESOLV_CONF,
    timeout: float = 1.0,
) -> Blocking[None]:
    """A probe: a name server knows the name.

    Args:
        name: Host name; a short one is tried with the search list, one ending in ``.`` is not.
        record: ``A``, ``AAAA``, ``CNAME``, ``MX``, ``NS``, ``SRV`` or ``TXT``.
        servers: Addresses of name servers, ``"10.0.0.2"`` or ``"10.0.0.2:5353"``; those of
            /etc/resolv.conf by default, read anew in each run.
        resolv_conf: The file to read instead.
        timeout: Seconds for a run, shared out to the servers and names that are tried.

    Raises:
        ValueError: The name, the record or the timeout cannot be used.
    """
    if record not in TYPES:
        raise ValueError(f"record={record!r} is not known; use one of {', '.join(TYPES)}")
    question("" if name == "." else name, TYPES[record], 0)  # refuses a name that cannot be asked
    return Blocking(_Names(name, record, tuple(servers), resolv_conf), timeout)


@dataclass(frozen=True)
class Resolver:
    """What a resolv.conf says."""

    servers: tuple[str, ...] = ("127.0.0.1",)
    search: tuple[str, ...] = ()
    ndots: int = 1

    @classmethod
    def read(cls, path: str) -> Resolver:
        """The file's words; the C library's defaults for what is not there."""
        servers: list[str] = []
        search: tuple[str, ...] = ()
        ndots = 1
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            key, *values = line.split() or [""]
            if key == "nameserver" and values:
                servers.append(values[0])
            elif key in ("search", "domain"):
                search = tuple(values)
            elif key == "options":
                found = [word[6:] for word in values if word.startswith("ndots:")]
                ndots = int(found[-1]) if found and found[-1].isdigit() else ndots
        return cls(tuple(servers) or cls.servers, search, ndots)

    def tried(self, name: str) -> list[str]:
        """The full names to ask for, in their order."""
        if name.endswith("."):
            return [name]
        searched = [f"{name}.{domain.strip('.')}." for domain in self.search]
        absolute = [f"{name}."]
        return absolute + searched if name.count(".") >= self.ndots else searched + absolute


class _Names:
    own = False
    secrets: tuple[str, ...] = ()

    def __init__(self, name: str, record: str, servers: tuple[str, ...], path: str) -> None:
        self.target = f"dns {record} {name}"
        self._name = name
        self._type = TYPES[record]
        self._servers = servers
        self._path = path

    def open(self, deadline: Deadline) -> None:
        """Nothing is kept."""

    def ask(self, connection: None, deadline: Deadline) -> HealthResult:
        resolver = Resolver.read(self._path)
        servers = self._servers or resolver.servers
        names = resolver.tried(self._name)
        share = deadline.left() / (len(servers) * len(names))
        problem = ""
        silent = 0
        for name in names:
            for server in servers:
                try:
                    code, answers, cut = asked(server, name, self._type, share)
                except OSError as error:
                    silent += 1
                    problem = f"{server}: {_said(error)}"
                    continue
                if code == NO_ERROR and (answers or cut):
                    return healthy(f"{answers} records", target=self.target, server=server)
                problem = f"{server}: {_ANSWERS.get(code, code) if code else 'no such record'}"
                if code in (NO_ERROR, NO_SUCH_NAME):
                    break  # an answer; the next server would say the same
        if silent == len(servers) * len(names):
            raise TimeoutError(problem)
        return unhealthy(f"{self.target}: {problem}", target=self.target)

    def close(self, connection: None) -> None:
        """Nothing to end."""


def asked(server: str, name: str, kind: int, seconds: float) -> tuple[int, int, bool]:
    """One question by UDP: (response code, number of answers, whether it was cut short).

    Raises:
        OSError: No answer in time, or the server's port is closed.
    """
    host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    number = random.getrandbits(16)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(seconds)
        udp.connect((host, int(port)))
        udp.send(question(name, kind, number))
        while True:
            answer = udp.recv(4096)
            if len(answer) >= 12 and answer[:2] == number.to_bytes(2, "big") and answer[2] & 0x80:
                flags, _questions, answers = struct.unpack("!HHH", answer[2:8])
                return flags & 0x0F, answers, bool(flags & 0x0200)


def question(name: str, kind: int, number: int) -> bytes:
    """The message that asks for a name (RFC 1035 §4.1), recursion desired.

    Raises:
        ValueError: The name cannot be written in DNS.
    """
    labels = [label for label in name.rstrip(".").split(".") if name.strip(".")]
    try:
        encoded = [label.encode("idna") for label in labels]
    except UnicodeError:
        encoded = [b""]
    if any(not 0 < len(label) < 64 for label in encoded) or sum(map(len, encoded)) > 240:
        raise ValueError(f"name={name!r} is not a name that DNS can look up")
    asked_name = b"".join(bytes([len(label)]) + label for label in encoded) + b"\0"
    header = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0)
    return header + asked_name + struct.pack("!HH", kind, 1)


def _said(error: OSError) -> str:
    return "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
