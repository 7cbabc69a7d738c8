"""The two services of the shop as real processes on free loopback ports.

They run under ``pepperpy-otel run`` with the environment of the demo and nothing of the user's
telemetry settings, and they end with the demo whatever ends it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.counts import PipelineStats, SignalCounts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

PACKAGE = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
INVENTORY, STOREFRONT = "inventory", "storefront"
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
#: Of the user's own settings for OTLP, those that lead elsewhere than the demo wants to go.
DIRECTIONS = ("_ENDPOINT", "_PROTOCOL")


class ServiceError(Exception):
    """A service did not start; the message is what it said last."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where telemetry goes: OTLP endpoint, protocol, and whether that is our own receiver."""

    endpoint: str
    protocol: str
    own: bool


class Services:
    """The storefront and the inventory, from ``start()`` to ``stop()``; a context manager.

    Args:
        directory: For their logs, their data and the counts that they leave; nothing is put
            anywhere else.
        target: Where they send to.
    """

    def __init__(self, directory: Path, target: Target) -> None:
        ports = dict(zip((STOREFRONT, INVENTORY), _free_ports(2), strict=True))
        environment = base_environment(os.environ, target) | {
            "INVENTORY_URL": f"http://{LOOPBACK}:{ports[INVENTORY]}",
            "SHOP_DATA": str(directory),
            "PEPPERPY_OTEL_SPOOL_DIRECTORY": str(directory / "spool"),
        }
        self._services = [
            _Service(name, port, directory, environment) for name, port in ports.items()
        ]
        self.address = (LOOPBACK, ports[STOREFRONT])

    def start(self) -> None:
        """Start both and wait until they answer.

        Raises:
            ServiceError: One of them did not; both have been stopped.
        """
        try:
            for service in self._services:
                service.start()
            deadline = time.monotonic() + READY_SECONDS
            for service in self._services:
                service.wait_until_ready(deadline)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let both end by themselves, within a time limit; harmless when they have."""
        for service in self._services:
            service.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for service in self._services:
            service.wait_until_stopped(deadline)

    def counts(self) -> dict[str, PipelineStats | None]:
        """What each service's own telemetry has counted, after ``stop()``; ``None`` if unknown."""
        return {service.name: read_counts(service.counts_path) for service in self._services}

    def complaints(self) -> list[str]:
        """The lines that telemetry itself had to say, by service."""
        return [
            f"{service.name}: {line}"
            for service in self._services
            for line in service.output().splitlines()
            if line.startswith("pepperpy_otel:")
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(slots=True)
class _Service:
    name: str
    port: int
    directory: Path
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def counts_path(self) -> Path:
        return self.directory / f"{self.name}.counts.json"

    @property
    def output_path(self) -> Path:
        return self.directory / f"{self.name}.output"

    def output(self) -> str:
        return self.output_path.read_text("utf-8", "replace") if self.output_path.exists() else ""

    def start(self) -> None:
        script = shop_directory() / f"{self.name}.py"
        launcher = [sys.executable, "-m", "pepperpy_otel.cli", "run"]
        child = [
            sys.executable,
            "-m",
            "pepperpy_otel.demo.child",
            str(script),
            str(self.counts_path),
        ]
        with self.output_path.open("wb") as output:
            self._process = subprocess.Popen(
                [*launcher, *child],
                cwd=self.directory,
                env={**self.environment, "OTEL_SERVICE_NAME": self.name, "PORT": str(self.port)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends them in order
            )

    def wait_until_ready(self, deadline: float) -> None:
        assert self._process is not None
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(self.output().splitlines()[-5:])
                raise ServiceError(f"the {self.name} service did not start; it said last:\n{last}")
            time.sleep(0.05)

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def wait_until_stopped(self, deadline: float) -> None:
        if self._process is None:
            return
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
                return
            except subprocess.TimeoutExpired:
                end()
                deadline = time.monotonic() + 2
        self._process.wait()


def shop_directory() -> Path:
    """The shop: inside the package when that is installed, else beside it in the repository."""
    for directory in (PACKAGE, PACKAGE.parent):
        if (shop := directory / "examples" / "shop").is_dir():
            return shop
    raise ServiceError("the example shop is missing from this installation of pepperpy-otel")


def base_environment(environ: Mapping[str, str], target: Target) -> dict[str, str]:
    """The environment of the services: the user's, with the demo's telemetry settings for theirs.

    What opens the door of a Collector that the user named (headers, certificates) is kept.
    """
    keep_otlp = not target.own
    environment = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("OTEL_", "PEPPERPY_OTEL_", "SHOP_"))
        or (keep_otlp and name.startswith("OTEL_EXPORTER_OTLP_") and not name.endswith(DIRECTIONS))
    }
    environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": target.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": target.protocol,
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "SHOP_RESTOCK_SECONDS": "1",
    }
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [environ.get(name, ""), LOOPBACK, "localhost"]
        environment[name] = ",".join(filter(None, hosts))
    if (PACKAGE.parent / "pyproject.toml").exists():  # a checkout: importable from here only
        paths = [str(PACKAGE.parent), environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def read_counts(path: Path) -> PipelineStats | None:
    """What ``child`` has written, or ``None`` when it did not come to that."""
    try:
        counts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return PipelineStats(
        delivered=SignalCounts(**counts["delivered"]),
        spooled=SignalCounts(**counts["spooled"]),
        dropped=SignalCounts(**counts["dropped"]),
        pending=SignalCounts(**counts["pending"]),
        last_error=counts["last_error"],
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
