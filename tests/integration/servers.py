"""The real Collector, Jaeger, Prometheus and Loki as processes on free loopback ports.

    with Stack(tmp_path) as stack:
        run_app(env={"OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http})
        eventually(lambda: stack.traces("shop"))

``Stack(tmp_path, loki=True)`` sends the logs to Loki; without it they end in a file, which most
tests find easier to read. Every server waits until it answers, tells its last log lines when it
does not, and is gone at the end whatever happened. A server's ``process`` can be stopped, killed
and started again on the same ports in the middle of a test.
"""

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.integration import readback
from tests.integration.locate import CONFIG, Unavailable, locate
from tests.integration.process import Process, ServerError, run_tool
from tests.integration.readback import eventually
from tests.ports import LOOPBACK, free_ports

__all__ = [
    "CONFIG",
    "Collector",
    "Jaeger",
    "Loki",
    "Process",
    "Prometheus",
    "ServerError",
    "Stack",
    "Unavailable",
    "eventually",
    "free_ports",
    "run_tool",
]


#: What a second configuration file says on top of the first.
LOGS_TO_FILE = """
exporters: {{ file/logs: {{ path: "{path}", append: true, flush_interval: 200ms }} }}
service: {{ pipelines: {{ logs: {{ exporters: [file/logs, count] }} }} }}
"""


class Jaeger:
    """Jaeger with collector-config/jaeger.yaml: OTLP/gRPC in, query API out."""

    def __init__(self, directory: Path, *, prometheus_url: str = "http://127.0.0.1:9") -> None:
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
                "JAEGER_DIRECTORY": str(directory / "jaeger-data"),
                "JAEGER_PROMETHEUS_URL": prometheus_url,
            },
            directory=directory,
            ready_url=f"http://{LOOPBACK}:{health}/status",
        )


class Prometheus:
    """Prometheus with collector-config/prometheus.yaml, its rules, and its OTLP receiver.

    Args:
        directory: Where it may write.
        loki_url: A Loki to scrape beside Prometheus itself.
    """

    def __init__(self, directory: Path, *, loki_url: str = "") -> None:
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        config = directory / "prometheus-config"
        for name in ("targets", "alertmanagers"):  # what is watched has to be there
            (config / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFIG / "prometheus.yaml", config)
        if (CONFIG / "rules").is_dir():
            shutil.copytree(CONFIG / "rules", config / "rules", dirs_exist_ok=True)
        targets = {"prometheus": self.url, "loki": loki_url}
        (config / "targets" / "local.yaml").write_text(
            "".join(
                f"- {{targets: ['{url.removeprefix('http://')}'], labels: {{job: {job}}}}}\n"
                for job, url in targets.items()
                if url
            )
        )
        self.process = Process(
            locate("prometheus"),
            [
                f"--config.file={config / 'prometheus.yaml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--web.enable-otlp-receiver",
                "--enable-feature=exemplar-storage",
            ],
            env={},
            directory=directory,
            ready_url=f"{self.url}/-/ready",
        )


class Loki:
    """Loki with collector-config/loki.yaml: OTLP in, LogQL out."""

    def __init__(self, directory: Path) -> None:
        port, grpc = free_ports(2)
        self.url = f"http://{LOOPBACK}:{port}"
        self.process = Process(
            locate("loki"),
            [f"-config.file={CONFIG / 'loki.yaml'}", "-config.expand-env=true"],
            env={
                "LOKI_LISTEN_HOST": LOOPBACK,
                "LOKI_HTTP_PORT": str(port),
                "LOKI_GRPC_PORT": str(grpc),
                "LOKI_DIRECTORY": str(directory / "loki-data"),
            },
            directory=directory,
            ready_url=f"{self.url}/ready",
        )


class Collector:
    """The Collector with collector-config/collector-local.yaml, or another file made like it.

    Args:
        directory: Where it may write.
        jaeger_otlp_grpc: Where traces go.
        prometheus_url: Where metrics go.
        loki_url: Where logs go; without it they go to ``log_file``.
        config: The configuration.
        env: Further variables.
    """

    def __init__(
        self,
        directory: Path,
        *,
        jaeger_otlp_grpc: str,
        prometheus_url: str,
        loki_url: str = "",
        config: Path = CONFIG / "collector-local.yaml",
        env: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        grpc, http, health = free_ports(3)
        self.otlp_grpc = f"http://{LOOPBACK}:{grpc}"
        self.otlp_http = f"http://{LOOPBACK}:{http}"
        self.log_file = directory / "logs.jsonl"
        configs = [config]
        if not loki_url:
            configs.append(directory / "logs-to-file.yaml")
            configs[1].write_text(LOGS_TO_FILE.format(path=self.log_file))
        key = directory / "redaction-key"
        key.write_text(secrets.token_urlsafe(48))
        self.process = Process(
            locate("collector"),
            [f"--config={each}" for each in configs],
            env={
                "COLLECTOR_OTLP_GRPC": f"{LOOPBACK}:{grpc}",
                "COLLECTOR_OTLP_HTTP": f"{LOOPBACK}:{http}",
                "COLLECTOR_HEALTH": f"{LOOPBACK}:{health}",
                "COLLECTOR_QUEUE_DIRECTORY": str(directory / "collector-queue"),
                "COLLECTOR_REDACTION_KEY_FILE": str(key),
                "COLLECTOR_FLUSH_INTERVAL": "1s",
                "JAEGER_OTLP_GRPC": jaeger_otlp_grpc.removeprefix("http://"),
                "PROMETHEUS_URL": prometheus_url,
                "LOKI_URL": loki_url,
                **(env or {}),
            },
            directory=directory,
            ready_url=f"http://{LOOPBACK}:{health}/",
        )


class Stack:
    """Jaeger, Prometheus, Loki if wanted, and a Collector that feeds them.

    Args:
        directory: Where they may write.
        loki: Whether the logs go to a Loki instead of a file.

    Raises:
        Unavailable: A server cannot be had on this machine.
    """

    def __init__(self, directory: Path, *, loki: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.loki = Loki(directory) if loki else None
        loki_url = self.loki.url if self.loki else ""
        self.prometheus = Prometheus(directory, loki_url=loki_url)
        self.jaeger = Jaeger(directory, prometheus_url=self.prometheus.url)
        self.collector = Collector(
            directory,
            jaeger_otlp_grpc=self.jaeger.otlp_grpc,
            prometheus_url=self.prometheus.url,
            loki_url=loki_url,
        )
        self.otlp_http = self.collector.otlp_http
        self.otlp_grpc = self.collector.otlp_grpc
        self.log_file = self.collector.log_file
        self.jaeger_query = self.jaeger.query_url
        self.prometheus_url = self.prometheus.url
        self._exit = contextlib.ExitStack()

    @property
    def processes(self) -> list[Process]:
        """The servers in the order in which they start."""
        backends = [self.jaeger, self.prometheus, *([self.loki] if self.loki else [])]
        return [each.process for each in (*backends, self.collector)]

    def __enter__(self) -> "Stack":
        with contextlib.ExitStack() as starting:
            for process in self.processes:
                starting.enter_context(process)
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
