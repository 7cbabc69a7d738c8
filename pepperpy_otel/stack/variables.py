"""The ``STACK_`` variables: where the stack listens, how long it keeps data, which images it runs.

Compose reads them by itself; here they are read for what compose cannot do: say which port is
taken, print the addresses, and run the same stack as plain processes.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pepperpy_otel.stack.errors import WRONG_USE, StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX = "STACK_"
BIND = "STACK_BIND"
LOOPBACK = "127.0.0.1"
MAX_PORT = 65535
#: Set to anything: applications have to send a token.
AUTH = "STACK_OTLP_AUTH"
TRACES_RETENTION = "STACK_TRACES_RETENTION"
#: Prometheus and Loki know days; Jaeger reads durations of Go, which has none.
DAYS = re.compile(r"(\d+)d")


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the stack publishes.

    Attributes:
        name: As in ``--port NAME=NUMBER``.
        default: The number when nothing was chosen.
        title: Who is met there, in words.
        profile: The compose profile that it belongs to; empty for the stack itself.
    """

    name: str
    default: int
    title: str
    profile: str = ""

    @property
    def variable(self) -> str:
        """The variable that changes it."""
        return f"{PREFIX}{self.name.upper().replace('-', '_')}_PORT"


PORTS = (
    Port("grafana", 3000, "Grafana"),
    Port("jaeger", 16686, "Jaeger"),
    Port("prometheus", 9090, "Prometheus"),
    Port("loki", 3100, "Loki"),
    Port("otlp-grpc", 4317, "OTLP/gRPC"),
    Port("otlp-http", 4318, "OTLP/HTTP"),
    Port("collector-health", 13133, "Collector health"),
    Port("alertmanager", 9093, "Alertmanager", "alerts"),
    Port("shop", 8000, "Shop", "demo"),
    Port("agent-otlp-grpc", 14317, "Agent OTLP/gRPC", "kafka"),
    Port("agent-otlp-http", 14318, "Agent OTLP/HTTP", "kafka"),
)


def gather(environ: Mapping[str, str], remembered: Mapping[str, str], file: Path) -> dict[str, str]:
    """The variables that are set: the environment before what ``up`` remembered before ``.env``.

    Args:
        environ: The environment, with the options of the command laid over it.
        remembered: The variables of the stack that runs.
        file: The ``.env`` that compose would read.
    """
    given = _read(file) | dict(remembered)
    given |= {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    given = {name: value for name, value in given.items() if value}
    if days := DAYS.fullmatch(given.get(TRACES_RETENTION, "")):
        given[TRACES_RETENTION] = f"{int(days[1]) * 24}h"
    return given


def _read(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if line.startswith(PREFIX))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def port_options(choices: Iterable[str]) -> dict[str, str]:
    """``["grafana=3001"]`` as variables.

    Raises:
        StackError: A choice has no such form, or names no port of the stack.
    """
    known = {port.name: port for port in PORTS}
    chosen = {}
    for choice in choices:
        name, _, number = choice.partition("=")
        if name not in known or not number:
            raise StackError(
                f"--port {choice!r} is none; use NAME=NUMBER with a name of {', '.join(known)}",
                WRONG_USE,
            )
        chosen[known[name].variable] = number
    return chosen


def numbers(variables: Mapping[str, str]) -> dict[str, int]:
    """The number of each port by its name.

    Raises:
        StackError: A variable is no port, or two ports are the same.
    """
    found: dict[str, int] = {}
    for port in PORTS:
        text = variables.get(port.variable, str(port.default))
        number = int(text) if text.isascii() and text.isdigit() else 0
        if not 0 < number <= MAX_PORT:
            raise StackError(f"{port.variable}={text!r} is no port; use 1 to {MAX_PORT}", WRONG_USE)
        found[port.name] = number
    always = [port for port in PORTS if not port.profile]
    for port, other in itertools.combinations(always, 2):
        if found[port.name] == found[other.name]:
            raise StackError(
                f"{port.variable} and {other.variable} are both {found[port.name]}; change one",
                WRONG_USE,
            )
    return found
