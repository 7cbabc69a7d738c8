"""Agents and gateways of collector-config/scale as processes on the loopback interface.

Gateways of one group listen on one port at 127.0.0.1, 127.0.0.2 …, as pods do on addresses of
their own. What Kubernetes' DNS does for the agents, a hosts file does here that only the agent's
process sees: ``Names`` writes it, and who is taken out of it is gone for the agent.
"""

import contextlib
import functools
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.integration.conftest import REQUIRED, required
from tests.integration.locate import CONFIG, Program, Unavailable, locate
from tests.integration.process import Process
from tests.integration.sink import Sink
from tests.ports import LOOPBACK, free_ports

SCALE = CONFIG / "scale"
NAME = "gateways.test"
ADDRESSES = {"g1": "127.0.0.1", "g2": "127.0.0.2"}
OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Names:
    """A hosts file with one name and the addresses that it has at the moment."""

    def __init__(self, path: Path, addresses: Sequence[str]) -> None:
        self.path = path
        self.set(addresses)

    def set(self, addresses: Sequence[str]) -> None:
        """Change the addresses, in place: the file is mounted by its inode."""
        lines = ["127.0.0.1 localhost", *(f"{address} {NAME}" for address in addresses)]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Agent:
    """A Collector with agent.yaml, or with more files on top of it.

    Args:
        directory: Where its log and its queues are.
        names: The hosts file that it sees; None for the machine's.
        gateway_port: Where the gateways of ``names`` listen; 0 when there are none.
        overlays: Files of collector-config/scale after agent.yaml.
        env: Further variables of the configuration.
    """

    def __init__(
        self,
        directory: Path,
        *,
        names: Names | None = None,
        gateway_port: int = 0,
        overlays: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        grpc, http, health = free_ports(3)
        self.otlp_http = f"http://{LOOPBACK}:{http}"
        self.process = _collector(
            "agent",
            directory,
            ("agent.yaml", *overlays),
            names,
            {
                "COLLECTOR_OTLP_GRPC": f"{LOOPBACK}:{grpc}",
                "COLLECTOR_OTLP_HTTP": f"{LOOPBACK}:{http}",
                "COLLECTOR_HEALTH": f"{LOOPBACK}:{health}",
                "COLLECTOR_QUEUE_DIRECTORY": str(directory / "queue-agent"),
                "GATEWAY_HOST": NAME if names is not None else LOOPBACK,
                "GATEWAY_PORT": str(gateway_port),
                **(env or {}),
            },
        )


class Gateway:
    """A Collector with gateway.yaml; a sink stands for its Jaeger, Prometheus and Loki.

    Args:
        name: Its ``GATEWAY_ID``.
        address: Where it listens, a loopback address of its own in the group.
        port: The group's OTLP/gRPC port.
        overlays: Files of collector-config/scale after gateway.yaml.
        env: Further variables of the configuration.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        address: str,
        port: int,
        sink: Sink,
        overlays: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        http, health = free_ports(2)
        self.name = name
        self.address = address
        self.sink = sink
        self.process = _collector(
            name,
            directory,
            ("gateway.yaml", *overlays),
            None,
            {
                "GATEWAY_ID": name,
                "COLLECTOR_OTLP_GRPC": f"{address}:{port}",
                "COLLECTOR_OTLP_HTTP": f"{address}:{http}",
                "COLLECTOR_HEALTH": f"{LOOPBACK}:{health}",
                "COLLECTOR_QUEUE_DIRECTORY": str(directory / f"queue-{name}"),
                "COLLECTOR_FLUSH_INTERVAL": "1s",
                "JAEGER_OTLP_GRPC": sink.grpc.removeprefix("http://"),
                "PROMETHEUS_URL": sink.http,
                "LOKI_URL": sink.http,
                **(env or {}),
            },
        )
        self.otlp_http = f"http://{address}:{http}"
        self.metrics_url = f"{self.otlp_http}/v1/metrics"


class Tiers:
    """An agent, two gateways that it knows by name, and a sink behind each; a context manager.

    Args:
        directory: Where all of them write.
        env: Further variables of the gateways' configuration.
    """

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        (port,) = free_ports(1)
        self.names = Names(directory / "hosts", list(ADDRESSES.values()))
        self.sinks = {name: Sink() for name in ADDRESSES}
        self.gateways = {
            name: Gateway(
                directory, name, address=address, port=port, sink=self.sinks[name], env=env
            )
            for name, address in ADDRESSES.items()
        }
        own = {"COLLECTOR_METRICS_URL": self.gateways["g1"].metrics_url}
        self.agent = Agent(directory, names=self.names, gateway_port=port, env=own)
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Tiers":
        with contextlib.ExitStack() as starting:
            for sink in self.sinks.values():
                starting.enter_context(sink)
            for gateway in self.gateways.values():
                starting.enter_context(gateway.process)
            starting.enter_context(self.agent.process)
            self._exit = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()


@contextlib.contextmanager
def two_gateways(directory: Path, env: Mapping[str, str]) -> Iterator[Tiers]:
    """``Tiers`` while the block runs; its tests are skipped where they cannot be had."""
    try:
        tiers = Tiers(directory, env)
    except Unavailable as reason:
        lacking(reason)
    with tiers:
        yield tiers


def _collector(
    name: str,
    directory: Path,
    files: Sequence[str],
    names: Names | None,
    env: Mapping[str, str],
) -> Process:
    found = locate("collector")
    args = [argument for file in files for argument in ("--config", str(SCALE / file))]
    program = Program(name, found.origin, found.executable, found.engine, found.image)
    if names is not None:
        if found.image:
            raise Unavailable("the hosts file of a Collector in a container cannot be changed")
        prefix = own_hosts()
        args = [*prefix[1:], "sh", "-c", OWN_HOSTS, str(names.path), found.executable, *args]
        program = Program(name, found.origin, prefix[0])
    address = env["COLLECTOR_HEALTH"]
    return Process(program, args, env=env, directory=directory, ready_url=f"http://{address}/")


def lacking(reason: Unavailable) -> NoReturn:
    """Skip the tests of a fixture, or fail where servers are required."""
    if required():
        pytest.fail(f"{REQUIRED} is set, but {reason}", pytrace=False)
    pytest.skip(str(reason))


@functools.cache
def own_hosts() -> tuple[str, ...]:
    """The command before one that shall have files of its own mounted.

    Raises:
        Unavailable: The machine does not allow it.
    """
    for command in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
        trial = [*command, "sh", "-c", OWN_HOSTS, "/etc/hosts", "true"]
        if shutil.which("unshare") and subprocess.run(trial, capture_output=True).returncode == 0:
            return command
    raise Unavailable("a process cannot be given a hosts file of its own here (unshare --mount)")
