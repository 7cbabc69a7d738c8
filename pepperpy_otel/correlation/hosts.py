"""To whom baggage and correlation id may go, and how the receiver of a message is found out.

A propagator is given headers and a context, not where they go. The context has the span of the
call: instrumentations of clients inject inside of it, with ``url.full`` or ``server.address`` (or
the older names) among its attributes. Where a list is set and no such span says who the receiver
is, nothing is sent: a list that fails open is none.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.context import create_key, get_value, set_value
from opentelemetry.trace import SpanKind, get_current_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.context import Context

#: In the list, stands for all producers of messages: their brokers are not known at that point.
MESSAGING = "@messaging"
_RECEIVER = create_key("pepperpy-otel-receiver")
_URLS = ("url.full", "http.url")
#: Ports that a URL does not name.
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_NAMES = (("server.address", "server.port"), ("net.peer.name", "net.peer.port"))


@dataclass(frozen=True, slots=True)
class Receiver:
    """One that a message may go to.

    Attributes:
        host: Name or address, in lower case.
        port: Its port, where that is known.
    """

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Hosts:
    """A list of receivers.

    Attributes:
        patterns: ``example.com``, ``*.example.com`` (everything below it), both also with
            ``:port``; ``10.0.0.0/8``; ``@messaging``.
    """

    patterns: tuple[str, ...]
    _exact: frozenset[Receiver] = field(init=False, repr=False)
    _below: tuple[Receiver, ...] = field(init=False, repr=False)
    _networks: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        exact, below, networks = set(), [], []
        for pattern in self.patterns:
            if "/" in pattern:
                networks.append(ipaddress.ip_network(pattern, strict=False))
                continue
            receiver = _split(pattern)
            if receiver.host.startswith("*."):
                below.append(Receiver(receiver.host[1:], receiver.port))
            else:
                exact.add(receiver)
        object.__setattr__(self, "_exact", frozenset(exact))
        object.__setattr__(self, "_below", tuple(below))
        object.__setattr__(self, "_networks", tuple(networks))

    def allow(self, receiver: Receiver) -> bool:
        """Whether it is on the list."""
        host = receiver.host
        if receiver in self._exact or Receiver(host) in self._exact:
            return True
        for parent in self._below:
            if host.endswith(parent.host) and parent.port in (None, receiver.port):
                return True
        return bool(self._networks) and _in(host, self._networks)

    def allow_from(self, context: Context | None) -> bool:
        """Whether what is injected in this context may go where it goes: certain, or no."""
        told = get_value(_RECEIVER, context)
        if isinstance(told, Receiver):
            return self.allow(told)
        span: Any = get_current_span(context)
        kind = getattr(span, "kind", None)
        if kind is SpanKind.PRODUCER and MESSAGING in self.patterns:
            return True
        if kind not in (SpanKind.CLIENT, SpanKind.PRODUCER):
            return False  # the address of a server span is our own
        named = list(receivers_in(getattr(span, "attributes", None) or {}))
        return bool(named) and all(map(self.allow, named))


def going_to(host: str, context: Context | None = None) -> Context:
    """A context that says where what is injected goes: ``host`` or ``host:port``."""
    return set_value(_RECEIVER, _split(host), context)


def receivers_in(attributes: Mapping[str, Any]) -> Iterator[Receiver]:
    """Everybody whom the attributes of a client's span name; what cannot be read is nobody."""
    ports: dict[str, int | None] = {}
    for name in _URLS:
        if name in attributes:
            receiver = receiver_of(attributes[name])
            ports[receiver.host] = receiver.port
            yield receiver
    for name, port in _NAMES:
        if name in attributes:
            host = _host(attributes[name])
            # Instrumentations name the port only where it is not the usual one.
            yield Receiver(host, _port(attributes.get(port, ports.get(host))))


def receiver_of(url: object) -> Receiver:
    """Who a URL names; one that is read in more than one way names nobody."""
    if isinstance(url, str) and "\\" not in url and url.isprintable() and " " not in url:
        try:
            parts = urlsplit(url)
            port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
            return Receiver(_host(parts.hostname), port)
        except ValueError:
            pass
    return Receiver("")


def _split(pattern: str) -> Receiver:
    host, colon, port = pattern.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return Receiver(_host(host), int(port))
    return Receiver(_host(pattern))


def _host(value: object) -> str:
    return str(value or "").strip("[]").rstrip(".").lower()


def _port(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _in(host: str, networks: Iterable[Any]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)
