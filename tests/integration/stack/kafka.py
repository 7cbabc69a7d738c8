"""A real Kafka broker as a process: its own jars from Maven Central, one node in KRaft mode."""

import importlib.util
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.integration.locate import CONFIG, Program, Unavailable
from tests.integration.process import Process, ServerError
from tests.ports import LOOPBACK, free_ports

JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLUSTER = "cGVwcGVycHktb3RlbC1rYQ"
LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


class Broker:
    """One broker that is its own controller, with topics that come into being when written to.

    Args:
        directory: Its records, its configuration and its log.
        partitions: Of each topic.

    Raises:
        Unavailable: Java or the jars cannot be had.
    """

    def __init__(self, directory: Path, *, partitions: int) -> None:
        java, jars = _java(), _jars()
        port, controller = free_ports(2)
        self.address = f"{LOOPBACK}:{port}"
        properties = directory / "server.properties"
        properties.write_text(
            "\n".join(
                [
                    "process.roles=broker,controller",
                    "node.id=1",
                    f"controller.quorum.voters=1@{LOOPBACK}:{controller}",
                    f"listeners=PLAINTEXT://{self.address},CONTROLLER://{LOOPBACK}:{controller}",
                    "controller.listener.names=CONTROLLER",
                    f"log.dirs={directory / 'kafka'}",
                    f"num.partitions={partitions}",
                    "offsets.topic.num.partitions=1",
                    "offsets.topic.replication.factor=1",
                    "transaction.state.log.replication.factor=1",
                    "transaction.state.log.min.isr=1",
                    "share.coordinator.state.topic.replication.factor=1",
                    "share.coordinator.state.topic.min.isr=1",
                    "group.initial.rebalance.delay.ms=0",
                ]
            ),
            encoding="utf-8",
        )
        command = [*JVM, LOG_LEVEL, "-cp", f"{jars}/*"]
        _format([java, *command], properties)
        self.process = _BrokerProcess(
            Program("kafka", "maven", java),
            [*command, "kafka.Kafka", str(properties)],
            env={},
            directory=directory,
            ready_url=f"http://{self.address}/",
        )


class _BrokerProcess(Process):
    """Ready when it takes connections: Kafka speaks no HTTP."""

    def _ready_or_ended(self) -> bool:
        host, _, port = self.ready_url.removeprefix("http://").rstrip("/").partition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return not self.running
        return True


def _format(command: list[str], properties: Path) -> None:
    done = subprocess.run(
        [*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"kafka's storage cannot be made: {(done.stdout + done.stderr)[-500:]}")


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise Unavailable("no kafka: java is not on PATH; install Java 17 or newer")
    return java


def _jars() -> Path:
    fetch = load_fetch_kafka()
    try:
        found: Path = fetch.ensure()
    except fetch.FetchError as error:
        raise Unavailable(f"no kafka: {error}") from error
    return found


def load_fetch_kafka() -> ModuleType:
    """``collector-config/scale/fetch_kafka.py`` as a module; its directory is no package."""
    name = "pepperpy_otel_fetch_kafka"
    if name not in sys.modules:
        path = CONFIG / "scale" / "fetch_kafka.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]
