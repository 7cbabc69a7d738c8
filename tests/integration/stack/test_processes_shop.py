"""``pepperpy-otel stack up --processes`` with the real servers, and the shop that sends to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from pepperpy_otel.stack.daemon import Daemon, start_of
from tests.integration import launch, readback, shop
from tests.integration.locate import locate
from tests.integration.readback import eventually
from tests.integration.stack.compose import loki_lines
from tests.ports import LOOPBACK, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("all_servers")]

SERVERS = ("jaeger", "prometheus", "loki", "collector")
PORTS = ("jaeger", "prometheus", "loki", "otlp-grpc", "otlp-http", "collector-health")
SECONDS = 60.0
#: A directory may have any name, also one that means something in YAML and in a shell.
ODD = "my stack: $HOME #1"


@dataclass(slots=True)
class Stack:
    """The stack of this module, driven by the command that users type.

    Attributes:
        directory: Its own.
        ports: The published ports.
        env: The environment of the command.
        visit: What the shop has done before the first test.
    """

    directory: Path
    ports: dict[str, int]
    env: dict[str, str]
    visit: shop.Visit

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``pepperpy-otel stack ARGUMENTS``."""
        return subprocess.run(
            [str(launch.BIN / "pepperpy-otel"), "stack", *arguments],
            env=self.env,
            cwd=self.directory.parent,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def up(self) -> str:
        """Start what does not run; what the command said first."""
        done = self.run("up", "--processes", "--timeout", "120")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    def url(self, name: str) -> str:
        """Where it is met."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def pids(self) -> dict[str, int]:
        """What runs."""
        found = {name: Daemon(name, self.directory).running() for name in SERVERS}
        return {name: record.pid for name, record in found.items() if record is not None}

    def query(self, promql: str) -> list[dict[str, object]]:
        """Samples of an instant query."""
        return readback.prometheus_query(self.url("prometheus"), promql)


@pytest.fixture(scope="module")
def stack(all_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is up, and that the shop has sent to for as long as one visit takes."""
    if any(locate(name).image for name in SERVERS):
        pytest.skip("some server is to be had as an image only")
    home = tmp_path_factory.mktemp("processes")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    variables = {f"STACK_{k.upper().replace('-', '_')}_PORT": str(v) for k, v in ports.items()}
    programs = {f"PEPPERPY_OTEL_{each.upper()}_BINARY": locate(each).executable for each in SERVERS}
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("STACK_", "OTEL_"))},
        **variables,
        **programs,
        "STACK_DIRECTORY": str(home / ODD),
        "STACK_FLUSH_INTERVAL": "1s",
        "STACK_TRACES_RETENTION": "2d",
    }
    stack = Stack(home / ODD, ports, environment, shop.Visit({}))
    try:
        stack.up()
        settings = {
            "SHOP_CONFIGURE": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("otlp-http"),
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        }
        stack.visit = shop.visit(launch.PLAIN, settings, home)
        yield stack
    finally:
        left = stack.pids()
        done = stack.run("down", "--volumes", "--yes")
        assert done.returncode == 0, done.stderr
        assert [pid for pid in left.values() if start_of(pid) is not None] == []


def everything_is_there(stack: Stack) -> None:
    """The trace of an order in Jaeger, its logs in Loki, what was counted in Prometheus."""
    trace_id = stack.visit.orders["placed"][0]
    service = stack.visit.storefront
    spans = eventually(
        lambda: len(found := readback.jaeger_trace(stack.url("jaeger"), trace_id)) == 7 and found,
        timeout=SECONDS,
        what="the trace in Jaeger",
    )
    assert {span["service"] for span in spans or ()} == set(stack.visit.service_names.values())
    logs = eventually(
        lambda: loki_lines(
            stack.url("loki"), f'{{service_name="{service}"}} | trace_id="{trace_id}"'
        ),
        timeout=SECONDS,
        what="the log records of the same trace in Loki",
    )
    assert {"order received", "order placed"} <= {each["line"] for each in logs}
    for name in ("http_server_request_duration_seconds_count", "shop_orders_total"):
        query = f'last_over_time({name}{{service_name="{service}"}}[2h])'
        eventually(lambda query=query: stack.query(query), timeout=SECONDS, what=query)


def test_every_signal_arrives(stack: Stack) -> None:
    """One trace over both services, its logs under the same trace id, its metrics."""
    everything_is_there(stack)


def test_the_way_from_a_metric_to_its_trace(stack: Stack) -> None:
    """Exemplars of the duration histogram, and of what the Collector derives from spans."""
    orders = {trace_id for each in stack.visit.orders.values() for trace_id in each}

    def exemplars(name: str) -> set[str]:
        params = {
            "query": f'{name}{{service_name="{stack.visit.storefront}"}}',
            "start": str(psutil.boot_time()),
            "end": "4102444800",
        }
        _, body = readback.get(f"{stack.url('prometheus')}/api/v1/query_exemplars", params)
        series = json.loads(body)["data"]
        return {found["labels"]["trace_id"] for each in series for found in each["exemplars"]}

    for name in (
        "http_server_request_duration_seconds_bucket",
        "traces_span_metrics_duration_seconds_bucket",
    ):
        eventually(lambda name=name: exemplars(name) & orders, timeout=SECONDS, what=name)


def test_what_is_derived_and_what_tells_of_health(stack: Stack) -> None:
    """Health gauges, rates of spans, the edge between both services, recorded rules' inputs."""
    client, server = stack.visit.storefront, stack.visit.inventory
    edge = f'client="{client}", server="{server}"'
    for query in (
        f'health_check_status{{service_name="{client}"}}',
        f'traces_span_metrics_calls_total{{service_name="{server}"}}',
        f"traces_service_graph_request_total{{{edge}}}",
        'up{job="loki"} == 1',
    ):
        eventually(lambda query=query: stack.query(query), timeout=SECONDS, what=query)


def test_status_and_urls(stack: Stack) -> None:
    """Each server with its version and address; all of them well."""
    status = stack.run("status")

    rows = [line.split() for line in status.stdout.splitlines()[1:]]
    assert [row[:2] for row in rows] == [[name, "healthy"] for name in SERVERS], status.stdout
    assert all(len(row) == 4 for row in rows), "a version is missing"
    assert status.returncode == 0
    assert json.loads(stack.run("urls", "--json").stdout) == {
        name: stack.url(name) for name in PORTS
    }


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    """Every socket of every server that waits for others."""
    listening = [
        connection.laddr
        for pid in stack.pids().values()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]

    assert {address.port for address in listening} >= set(stack.ports.values())
    assert {address.ip for address in listening} == {LOOPBACK}


def test_retention_is_honoured(stack: Stack) -> None:
    """What is chosen and what is the default reach the servers that keep data."""
    _, body = readback.get(f"{stack.url('prometheus')}/api/v1/status/flags")
    assert json.loads(body)["data"]["storage.tsdb.retention.time"] == "45d"
    _, body = readback.get(f"{stack.url('loki')}/config")
    assert b"\n  retention_period: 1w\n" in body
    environment = psutil.Process(stack.pids()["jaeger"]).environ()
    assert environment["JAEGER_TRACES_RETENTION"] == "48h"


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_was_killed(stack: Stack, server: str) -> None:
    """``up`` starts it again and nothing else; what it knew it still knows."""
    everything_is_there(stack)
    before = stack.pids()
    os.kill(before[server], signal.SIGKILL)
    eventually(lambda: server not in stack.pids())
    assert stack.run("status").returncode == 1

    assert stack.up() == f"The stack is up (started: {server})."

    after = stack.pids()
    assert {name for name in SERVERS if after[name] != before[name]} == {server}
    everything_is_there(stack)


def test_up_again(stack: Stack) -> None:
    """Nothing is started that runs as it should."""
    before = stack.pids()

    assert stack.up() == "The stack is up (everything ran already)."

    assert stack.pids() == before


def test_all_at_once(stack: Stack) -> None:
    """``down`` leaves no process, ``up`` finds the data of before."""
    everything_is_there(stack)
    before = stack.pids()

    done = stack.run("down")

    assert (done.returncode, done.stderr) == (0, "")
    assert "killed" not in done.stdout
    assert [name for name, pid in before.items() if start_of(pid) is not None] == []
    assert stack.run("status").returncode == 1
    stack.up()
    everything_is_there(stack)
