"""docker-compose.yml as a user runs it, on an engine of the tests' own and on free ports."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.integration import readback
from tests.integration.launch import REPOSITORY
from tests.integration.readback import eventually
from tests.ports import LOOPBACK, free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from tests.integration.stack.engine import Engine

PORTS = (
    *("OTLP_GRPC", "OTLP_HTTP", "COLLECTOR_HEALTH", "JAEGER", "PROMETHEUS", "LOKI", "GRAFANA"),
    *("SHOP", "ALERTMANAGER", "AGENT_OTLP_GRPC", "AGENT_OTLP_HTTP"),
)
#: What takes seconds in real life and is nothing that a test has to wait for.
QUICK = {"STACK_FLUSH_INTERVAL": "1s", "STACK_HEALTH_INTERVAL": "2s"}
#: Generous, for a loaded machine; `up --wait` ends as soon as everything is healthy.
UP_SECONDS = 300


class Compose:
    """One project: ``up`` starts it, leaving removes it with its volumes.

    Args:
        engine: Where it runs.
        variables: On top of the images and ports, as a user would set them.
        profiles: As in ``--profile``.
    """

    def __init__(
        self,
        engine: Engine,
        images: Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
    ) -> None:
        self.engine = engine
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._profiles = [f"--profile={name}" for name in profiles]
        self._env = {
            **images,
            **{f"STACK_{name}_PORT": str(port) for name, port in self.ports.items()},
            **(variables or {}),
        }

    @property
    def file(self) -> Path:
        """The compose file."""
        return REPOSITORY / "docker-compose.yml"

    def span(self) -> dict[str, str]:
        """The last quarter of an hour, as Prometheus' API wants it."""
        now = time.time()
        return {"start": f"{now - 900:.0f}", "end": f"{now + 60:.0f}"}

    def url(self, name: str) -> str:
        """Where one of ``PORTS`` is published."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def run(self, *args: str, check: bool = True, timeout: float = UP_SECONDS + 60) -> str:
        """``docker compose ARGS``; what it wrote to stdout.

        Raises:
            DockerError: It failed, and ``check`` is true.
        """
        done = self.engine.docker(
            *("compose", "--file", str(self.file), *self._profiles, *args),
            env=self._env,
            check=check,
            timeout=timeout,
        )
        return done.stdout

    def up(self, *services: str) -> float:
        """``up -d --wait``, without pulling or building; seconds that it took."""
        began = time.monotonic()
        wait = ("--wait", f"--wait-timeout={UP_SECONDS}", "--pull=never", "--no-build")
        self.run("up", "--detach", *wait, *services)
        return time.monotonic() - began

    def containers(self) -> dict[str, dict[str, Any]]:
        """What ``ps --all`` says of each service's container."""
        lines = self.run("ps", "--all", "--format=json").splitlines()
        return {each["Service"]: each for each in map(json.loads, lines)}

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        name = self.containers()[service]["Name"]
        (told,) = json.loads(self.engine.docker("inspect", name).stdout)
        return dict(told)

    def secret(self, name: str) -> str:
        """One of the generated secrets, read as root."""
        volume = ("--volume", "pepperpy-otel_secrets:/secrets:ro")
        command = ("run", "--rm", "--network=none", *volume, self._env["STACK_BUSYBOX_IMAGE"])
        return self.engine.docker(*command, "cat", f"/secrets/{name}").stdout

    def logs(self, service: str) -> str:
        """All that a service wrote."""
        return self.run("logs", "--no-color", "--no-log-prefix", service)

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Samples of an instant query."""
        return readback.prometheus_query(self.url("PROMETHEUS"), promql)

    def traces(self, service: str) -> dict[str, list[dict[str, Any]]]:
        """Traces of a service by trace id."""
        return readback.jaeger_traces(self.url("JAEGER"), service)

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of one trace."""
        return readback.jaeger_trace(self.url("JAEGER"), trace_id)

    def log_lines(self, logql: str) -> list[dict[str, Any]]:
        """Log lines of the last hours: labels with structured metadata, and the line."""
        return loki_lines(self.url("LOKI"), logql)

    def wait_for_collector(self) -> None:
        """Until the Collector answers, after it was killed or restarted."""
        eventually(
            lambda: readback.get(self.url("COLLECTOR_HEALTH"))[0] == 200,
            timeout=60,
            what="the Collector's health",
        )

    def __enter__(self) -> Compose:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run("down", "--volumes", "--remove-orphans", "--timeout=2", check=False)


def loki_lines(url: str, logql: str, *, hours: float = 100) -> list[dict[str, Any]]:
    """Log lines that a query finds, newest first, each ``{"line": …, "labels": {…}}``."""
    now = time.time_ns()
    params = {
        "query": logql,
        "start": str(now - int(hours * 3.6e12)),
        "end": str(now + 60 * 10**9),
        "limit": "1000",
    }
    status, body = readback.get(f"{url}/loki/api/v1/query_range", params)
    if status != 200:
        raise AssertionError(f"Loki answers {status}: {body[:300]!r}")
    return [
        {"line": value[1], "labels": stream["stream"]}
        for stream in json.loads(body)["data"]["result"]
        for value in stream["values"]
    ]
