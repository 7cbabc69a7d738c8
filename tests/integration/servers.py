"""The real Collector, Jaeger and Prometheus as processes on free loopback ports.

    with Stack(tmp_path) as stack:
        run_app(env={"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http})
        eventually(lambda: stack.traces("shop"))

Every server waits until it answers, tells its last log lines when it does not, and is gone at the
end whatever happened. A server's ``process`` can be stopped, killed and started again on the same
ports in the middle of a test.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.integration import readback
from tests.integration.locate import CONFIG, Unavailable, locate
from tests.integration.process import LOOPBACK, Process, ServerError, free_ports, run_tool
from tests.integration.readback import eventually

__all__ = [
    "CONFIG",
    "Collector",
    "Jaeger",
    "Process",
    "Prometheus",
    "ServerError",
    "Stack",
    "Unavailable",
    "eventually",
    "free_ports",
    "run_tool",
]


class Jaeger:
    """Jaeger with collector-config/jaeger.yaml: OTLP/gRPC in, query API out."""

    def __init__(self, directory: Path) -> None:
        otlp, query, query_grpc, health = free_ports(4)
        self.otlp_grpc = f"http://{LOOPBACK}:{otlp}"
        self.query_url = f"http://{LOOPBACK}:{query}"
        self.process = Process(
            locate("jaeger"),
            ["--config", str(CONFIG / "jaeger.yaml")],
            env={
                "JAEGER_LISTEN_HOST": LOOPBACK,
                "JAEGER_OTLP_GRPC_PORT": str(otlp),
                "JAEGER_QUERY_PORT": str(query),
                "JAEGER_QUERY_GRPC_PORT": str(query_grpc),
                "JAEGER_HEALTH_PORT": str(health),
            },
            directory=directory,
            ready_url=f"http://{LOOPBACK}:{health}/status",
        )


class Prometheus:
    """Prometheus with collector-config/prometheus.yaml and its OTLP receiver."""

    def __init__(self, directory: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        self.process = Process(
            locate("prometheus"),
            [
                f"--config.file={CONFIG / 'prometheus.yaml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--web.enable-otlp-receiver",
                "--enable-feature=exemplar-storage",
            ],
            env={},
            directory=directory,
            ready_url=f"{self.url}/-/ready",
        )


class Collector:
    """The Collector with collector-config/collector-local.yaml, or another file made like it."""

    def __init__(
        self,
        directory: Path,
        *,
        jaeger_otlp_grpc: str,
        prometheus_url: str,
        config: Path = CONFIG / "collector-local.yaml",
        env: Mapping[str, str] | None = None,
    ) -> None:
        grpc, http, health = free_ports(3)
        self.otlp_grpc = f"http://{LOOPBACK}:{grpc}"
        self.otlp_http = f"http://{LOOPBACK}:{http}"
        self.log_file = directory / "logs.jsonl"
        self.process = Process(
            locate("collector"),
            ["--config", str(config)],
            env={
                "COLLECTOR_OTLP_GRPC": f"{LOOPBACK}:{grpc}",
                "COLLECTOR_OTLP_HTTP": f"{LOOPBACK}:{http}",
                "COLLECTOR_HEALTH": f"{LOOPBACK}:{health}",
                "COLLECTOR_LOG_FILE": str(self.log_file),
                "JAEGER_OTLP_GRPC": jaeger_otlp_grpc.removeprefix("http://"),
                "PROMETHEUS_URL": prometheus_url,
                **(env or {}),
            },
            directory=directory,
            ready_url=f"http://{LOOPBACK}:{health}/",
        )


class Stack:
    """Jaeger, Prometheus and a Collector that feeds them; the logs end in a file.

    Raises:
        Unavailable: A server cannot be had on this machine.
    """

    def __init__(self, directory: Path) -> None:
        self.jaeger = Jaeger(directory)
        self.prometheus = Prometheus(directory)
        self.collector = Collector(
            directory,
            jaeger_otlp_grpc=self.jaeger.otlp_grpc,
            prometheus_url=self.prometheus.url,
        )
        self.otlp_http = self.collector.otlp_http
        self.otlp_grpc = self.collector.otlp_grpc
        self.log_file = self.collector.log_file
        self.jaeger_query = self.jaeger.query_url
        self.prometheus_url = self.prometheus.url
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Stack":
        with contextlib.ExitStack() as starting:
            for server in (self.jaeger, self.prometheus, self.collector):
                starting.enter_context(server.process)
            self._exit = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit.close()

    def traces(self, service: str, **options: Any) -> dict[str, list[dict[str, Any]]]:
        """Traces of a service by trace id; options: see ``readback.jaeger_traces``."""
        return readback.jaeger_traces(self.jaeger_query, service, **options)

    def trace(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of one trace."""
        return readback.jaeger_trace(self.jaeger_query, trace_id)

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Samples of an instant query."""
        return readback.prometheus_query(self.prometheus_url, promql)

    def log_records(self, service: str = "") -> list[dict[str, Any]]:
        """Log records in the order of arrival, of one service if named."""
        found = readback.log_records(self.log_file)
        return [record for record in found if service in ("", record["service"])]
