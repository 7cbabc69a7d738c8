"""Where the stack is met: the pages to open, the addresses to send to, the line for the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.stack.variables import BIND, LOOPBACK, PORTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: Addresses that mean "every interface": one of them is this machine's own.
ANY = ("0.0.0.0", "::", "[::]", "")


def urls(
    variables: Mapping[str, str], ports: Mapping[str, int], leave_out: Collection[str] = ()
) -> dict[str, str]:
    """Each address by the name of its port.

    Args:
        variables: The ``STACK_`` variables that are set.
        ports: The number of each port.
        leave_out: Names of ports behind which nobody is.
    """
    bind = variables.get(BIND, LOOPBACK)
    host = LOOPBACK if bind in ANY else f"[{bind}]" if ":" in bind else bind
    return {
        port.name: f"http://{host}:{ports[port.name]}"
        for port in PORTS
        if port.name not in leave_out
    }


def lines(found: Mapping[str, str]) -> list[str]:
    """The addresses as aligned text."""
    titles = {port.name: port.title for port in PORTS if port.name in found}
    width = max(map(len, titles.values()))
    return [f"{title:<{width}}  {found[name]}" for name, title in titles.items()]


def app_line(found: Mapping[str, str]) -> str:
    """The setting that makes an app send here."""
    return f"OTEL_EXPORTER_OTLP_ENDPOINT={found['otlp-http']}"
