"""Whether the stack's ports are free, and who holds those that are not."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.variables import PORTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def check(bind: str, numbers: Mapping[str, int], names: Iterable[str]) -> None:
    """Make sure that the stack can listen on these ports.

    Args:
        bind: The address that it will listen on.
        numbers: The number of each port by its name.
        names: Those to look at; names that are no published port are passed over.

    Raises:
        StackError: One is taken, or may not be used: which, by whom, and the variable to change.
    """
    wanted = set(names)
    for port in PORTS:
        if port.name not in wanted:
            continue
        number = numbers[port.name]
        problem = _listen(bind, number)
        if problem is not None:
            reason = (
                f"is taken by {holder(number)}"
                if problem.errno == errno.EADDRINUSE
                else f"cannot be used ({problem.strerror})"
            )
            raise StackError(
                f"port {number} on {bind} ({port.title}) {reason}; "
                f"choose another one: {port.variable}=… or --port {port.name}=…"
            )


def next_free(bind: str, number: int, avoid: Collection[int]) -> int:
    """The first port from ``number`` on that nobody listens on and that is none of ``avoid``.

    Not any free one: those that the system hands out may be a client's a moment later.
    """
    while number in avoid or not is_free(bind, number):
        number += 1
    return number


def is_free(bind: str, number: int) -> bool:
    """Whether nobody listens there."""
    return _listen(bind, number) is None


def holder(number: int) -> str:
    """Who listens on a port of this machine, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            _, port = connection.laddr[:2] if connection.laddr else ("", 0)
            if connection.status == psutil.CONN_LISTEN and port == number:
                name = psutil.Process(connection.pid).name() if connection.pid else ""
                return f"{name} (pid {connection.pid})" if name else "a program of another user"
    except psutil.Error:  # macOS shows other users' sockets to root only
        pass
    return "another program"


def _listen(bind: str, number: int) -> OSError | None:
    """Why one cannot listen there, or ``None``."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        socket.create_server((bind, number), family=family).close()
    except OSError as error:
        return error
    return None
