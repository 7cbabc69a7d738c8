"""A server as a plain process: what it is started with, made from what the user chose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pepperpy_otel.stack.variables import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pepperpy_otel.stack.binaries import Binary

DATA = "data"
#: Ports that only the servers use among each other; another free one is taken where one is in use.
INTERNAL = {
    "jaeger-otlp": 14317,
    "jaeger-query-grpc": 16685,
    "jaeger-health": 14133,
    "loki-grpc": 9096,
}
#: How long data is kept when nothing is chosen, as in docker-compose.yml.
RETENTION = {
    "STACK_METRICS_RETENTION": "45d",
    "STACK_TRACES_RETENTION": "72h",
    "STACK_LOGS_RETENTION": "168h",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all servers are started with.

    Attributes:
        config: The directory of the configurations.
        directory: The stack's own directory.
        variables: The ``STACK_`` variables that are set.
        ports: The number of each port by its name, internal ones included.
        binaries: The programs.
        digest: What the configurations say.
    """

    config: Path
    directory: Path
    variables: Mapping[str, str]
    ports: Mapping[str, int]
    binaries: Mapping[str, Binary]
    digest: str

    def address(self, port: str) -> str:
        """``127.0.0.1:NUMBER``."""
        return f"{LOOPBACK}:{self.ports[port]}"

    def url(self, port: str) -> str:
        """``http://127.0.0.1:NUMBER``."""
        return f"http://{self.address(port)}"

    def data(self, server: str) -> Path:
        """Where a server keeps its data."""
        return self.directory / DATA / server

    def inside(self, path: Path) -> str:
        """A path in the stack's directory as its servers see it: they are started there.

        Relative, because some put it into YAML as it is, and a directory may have any name.
        """
        return str(path.relative_to(self.directory))

    def retention(self, signal: str) -> str:
        """How long ``metrics``, ``traces`` or ``logs`` are kept."""
        name = f"STACK_{signal.upper()}_RETENTION"
        return self.variables.get(name, RETENTION[name])


@dataclass(frozen=True, slots=True)
class Launch:
    """One server, ready to be started.

    Attributes:
        command: Program and arguments.
        env: Its part of the environment.
        ready_url: Answers 200 when it can work.
        url: Where it is met.
        version: Of its program.
        digest: What the configurations say.
    """

    command: list[str]
    env: dict[str, str]
    ready_url: str
    url: str
    version: str
    digest: str

    @property
    def plan(self) -> str:
        """All of it as one text: what is the same need not be started again."""
        return json.dumps([self.command, self.env, self.digest], sort_keys=True)


@dataclass(frozen=True, slots=True)
class Server:
    """How one server is launched.

    Attributes:
        name: The server.
        ports: Names of the ports that it listens on.
        arguments: Makes its arguments.
        env: Makes its part of the environment.
        ready: The port and path that answer 200 when it can work.
        url: The port at which it is met.
    """

    name: str
    ports: tuple[str, ...]
    arguments: Callable[[Setting], list[str]]
    env: Callable[[Setting], dict[str, str]]
    ready: tuple[str, str]
    url: str

    def launch(self, setting: Setting) -> Launch:
        """Make its command line."""
        binary = setting.binaries[self.name]
        port, path = self.ready
        return Launch(
            [str(binary.path), *self.arguments(setting)],
            self.env(setting),
            setting.url(port) + path,
            setting.url(self.url),
            binary.version,
            setting.digest,
        )
