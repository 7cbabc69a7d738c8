"""The stack as containers: up until everything is healthy, or the name of what is not."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from pepperpy_otel.stack import ports
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.rows import Row
from pepperpy_otel.stack.variables import BIND, LOOPBACK, PORTS
from pepperpy_otel.stack.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pepperpy_otel.stack.compose import Compose

POLL_SECONDS = 1.0
STOP_SECONDS = 20.0
#: The service behind each port; the last one of a service is where it is met.
SERVICES = {
    "grafana": "grafana",
    "jaeger": "jaeger",
    "prometheus": "prometheus",
    "loki": "loki",
    "collector-health": "otel-collector",
    "otlp-grpc": "otel-collector",
    "otlp-http": "otel-collector",
    "alertmanager": "alertmanager",
    "shop": "shop-storefront",
    "agent-otlp-grpc": "otel-agent",
    "agent-otlp-http": "otel-agent",
}


def up(
    compose: Compose,
    profiles: Sequence[str],
    numbers: Mapping[str, int],
    *,
    anew: bool,
    wait: bool,
    seconds: float,
) -> None:
    """Start all services and wait until they are healthy.

    Args:
        compose: The stack.
        profiles: Parts of it beyond the servers.
        numbers: The number of each port.
        anew: Whether the configurations have changed under those that run.
        wait: Whether to wait for health beyond what compose waits for itself.
        seconds: How long.

    Raises:
        StackError: A port is taken, or a service is not healthy: which, and what it said last.
    """
    running = {row.service for row in compose.rows() if row.state not in ("absent", "created")}
    names = [
        port.name
        for port in PORTS
        if (not port.profile or port.profile in profiles) and SERVICES[port.name] not in running
    ]
    ports.check(compose.variables.get(BIND, LOOPBACK), numbers, names)
    watch = Watch(compose, compose.services(profiles), seconds)
    with compose.up(profiles, anew=anew) as process:
        try:
            while _goes_on(process, watch, wait=wait):
                time.sleep(POLL_SECONDS)
        finally:
            _end(process)
    if process.returncode == 0 and (watch.all_good() or not wait):
        return
    raise StackError(watch.complaint())


def status(compose: Compose, profiles: Sequence[str], found: Mapping[str, str]) -> list[Row]:
    """The services that there are or should be, each with its address; none if none is there.

    Args:
        compose: The stack.
        profiles: Parts of it that were started beyond the servers.
        found: The address of each port.
    """
    there = {row.service: row for row in compose.rows()}
    if not there:
        return []
    met = {service: found.get(port, "") for port, service in SERVICES.items()}
    rows = there | {
        service: Row(service, "absent")
        for service in compose.services(profiles)
        if service not in there
    }
    return [
        Row(name, rows[name].state, rows[name].version, met.get(name, "")) for name in sorted(rows)
    ]


def secret(compose: Compose, *, token: bool) -> str:
    """Grafana's generated password, or the token of applications.

    Raises:
        StackError: The stack was never started, or the engine does not hand it out.
    """
    if not compose.rows():
        raise StackError("nothing of the stack is there; start it: pepperpy-otel stack up")
    return compose.token() if token else compose.password()


def _goes_on(process: subprocess.Popen[bytes], watch: Watch, *, wait: bool) -> bool:
    if process.poll() is None:
        # Compose itself has no patience to lose: it waits for a service that crashes again and
        # again for as long as anybody looks on.
        return watch.hopeful()
    return wait and process.returncode == 0 and not watch.all_good() and watch.hopeful()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
