"""Spans a second and core of the Collector, in each shape that collector-config has.

A Collector with the shipped configuration takes traces of eight spans (an HTTP server's, with eight
attributes) from this process, and a second Collector behind it takes what comes out. What counts
is the CPU time of the first one, from the first request until the last span is out; spans divided
by it are what one core does. The load is bounded (``--spans``) and stays on this machine::

    python benchmarks/collector.py [compose] [agent] [gateway] [gateway-all]

``gateway`` keeps a tenth of the traces, ``gateway-all`` all of them without tail sampling. Other
work on the machine costs wall-clock time and little CPU time, but caches and clocks are shared:
run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import importlib.util
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # a checkout need not be installed
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
from encoding import RESOURCE, request
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sink import LOOPBACK

from pepperpy_otel.delivery.encoding import Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path(__file__).resolve().parent.parent / "collector-config"
SPANS_IN_TRACE = 8
SPANS_IN_REQUEST = 512  # what our exporter sends at once
READY_SECONDS = 30.0
QUIET_SECONDS = 4.0  # nothing came out for so long: that was all
LAST_SECONDS = 120.0
BEHIND = """
receivers:
  otlp:
    protocols:
      grpc: {{ endpoint: "{host}:{grpc}", max_recv_msg_size_mib: 64 }}
      http:
        endpoint: "{host}:{http}"
        metrics_url_path: /api/v1/otlp/v1/metrics
        logs_url_path: /otlp/v1/logs
exporters: {{ debug: {{ verbosity: basic }} }}
service:
  telemetry: {{ metrics: {{ level: none }}, logs: {{ sampling: {{ enabled: false }} }} }}
  pipelines:
    traces: {{ receivers: [otlp], exporters: [debug] }}
    metrics: {{ receivers: [otlp], exporters: [debug] }}
    logs: {{ receivers: [otlp], exporters: [debug] }}
"""


@dataclass(frozen=True)
class Shape:
    """One configuration of the Collector and what of the spans has to come out of it."""

    config: Path
    env: dict[str, str]
    keeps_all: bool = True


@dataclass(frozen=True)
class Figures:
    """What one run has shown."""

    cpu: float
    wall: float
    memory: int
    out: int


SHAPES = {
    "compose": Shape(CONFIG / "collector-local.yaml", {}),
    "agent": Shape(CONFIG / "scale" / "agent.yaml", {}),
    "gateway": Shape(CONFIG / "scale" / "gateway.yaml", {"SAMPLING_WAIT": "2s"}, keeps_all=False),
    "gateway-all": Shape(CONFIG / "scale" / "gateway.yaml", {"SAMPLING": "[]"}),
}


def bodies(spans: int) -> Iterator[tuple[bytes, int]]:
    """Encoded requests, each compressed, with the size that it had before."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark", "1.0")
    encoder = Encoder("traces")
    for number in range(spans // SPANS_IN_TRACE):
        with tracer.start_as_current_span("GET /users", kind=SpanKind.SERVER):
            for child in range(SPANS_IN_TRACE - 1):
                span = tracer.start_span("GET /users/{user_id}/orders", kind=SpanKind.SERVER)
                span.set_attributes(request(number * SPANS_IN_TRACE + child))
                span.end()
        if len(exporter.get_finished_spans()) >= SPANS_IN_REQUEST:
            body = encoder.encode(exporter.get_finished_spans()).body
            yield gzip.compress(body, 1), len(body)
            exporter.clear()


def ports(count: int) -> list[int]:
    """Free ones, all different."""
    import socket

    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def collector() -> str:
    """The Collector's binary: on PATH, or built before by build_servers.py."""
    if found := shutil.which("otelcol-pepperpy"):
        return found
    spec = importlib.util.spec_from_file_location("build_servers", CONFIG / "build_servers.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    paths = module.cached("collector")
    if paths is None:
        sys.exit("no Collector: run 'python collector-config/build_servers.py collector' first")
    return str(paths["collector"])


@contextlib.contextmanager
def running(
    config: Path, env: dict[str, str], log: Path, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A Collector that has begun to listen on ``port``."""
    command = [collector(), "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(OSError):
                http.client.HTTPConnection(LOOPBACK, port, timeout=1).connect()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the Collector did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(shape: Shape, requests: list[bytes], directory: Path) -> Figures:
    """One run, in a directory of its own."""
    grpc, port, health, behind_grpc, behind_http = ports(5)
    key, behind = directory / "key", directory / "behind.yaml"
    key.write_text(secrets.token_hex(32))
    behind.write_text(BEHIND.format(host=LOOPBACK, grpc=behind_grpc, http=behind_http))
    env = {
        "COLLECTOR_OTLP_GRPC": f"{LOOPBACK}:{grpc}",
        "COLLECTOR_OTLP_HTTP": f"{LOOPBACK}:{port}",
        "COLLECTOR_HEALTH": f"{LOOPBACK}:{health}",
        "COLLECTOR_QUEUE_DIRECTORY": str(directory / "queue"),
        "COLLECTOR_REDACTION_KEY_FILE": str(key),
        "COLLECTOR_MEMORY_LIMIT_MIB": "2000",
        "COLLECTOR_METRICS_URL": f"http://{LOOPBACK}:{behind_http}/api/v1/otlp/v1/metrics",
        "GATEWAY_PORT": str(behind_grpc),
        "JAEGER_OTLP_GRPC": f"{LOOPBACK}:{behind_grpc}",
        "PROMETHEUS_URL": f"http://{LOOPBACK}:{behind_http}",
        "LOKI_URL": f"http://{LOOPBACK}:{behind_http}",
        **shape.env,
    }
    out = directory / "behind.log"
    with (
        running(behind, {}, out, behind_http),
        running(shape.config, env, directory / "collector.log", port) as process,
    ):
        measured = psutil.Process(process.pid)
        time.sleep(1)  # the start is over
        began, before = time.monotonic(), sum(measured.cpu_times()[:2])
        send(port, requests)
        sent = time.monotonic()
        wanted = len(requests) * SPANS_IN_REQUEST if shape.keeps_all else None
        came = wait(out, wanted, deadline=sent + LAST_SECONDS)
        return Figures(
            cpu=sum(measured.cpu_times()[:2]) - before,
            wall=sent - began,
            memory=measured.memory_info().rss,
            out=came,
        )


def send(port: int, requests: list[bytes]) -> None:
    """One connection, one request after the other; a refused one is tried again."""
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    with contextlib.closing(http.client.HTTPConnection(LOOPBACK, port, timeout=60)) as connection:
        for body in requests:
            while True:
                connection.request("POST", "/v1/traces", body, headers)
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    break
                time.sleep(0.05)


def wait(log: Path, wanted: int | None, deadline: float) -> int:
    """The number of spans that came out, when it is the wanted one or rises no more."""
    came, since = 0, time.monotonic()
    while time.monotonic() < deadline:
        now = sum(map(int, re.findall(r'"spans": (\d+)', log.read_text(errors="replace"))))
        if now == wanted:
            return now
        if now != came:
            came, since = now, time.monotonic()
        elif wanted is None and time.monotonic() - since > QUIET_SECONDS:
            return now
        time.sleep(0.2)
    return came


def main() -> int:
    """Run the shapes; exit status 1 when one that keeps all spans has not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=", ".join(SHAPES))
    parser.add_argument("--spans", type=int, default=200_000, help="of each run (default: 200000)")
    arguments = parser.parse_args()
    made = list(bodies(arguments.spans))
    requests = [body for body, _ in made]
    spans = len(requests) * SPANS_IN_REQUEST
    size, compressed = sum(size for _, size in made), sum(map(len, requests))
    print(f"{spans} spans, {size / spans:.0f} bytes each ({compressed / spans:.0f} compressed)")
    lost = False
    for name in arguments.shapes or SHAPES:
        shape = SHAPES[name]
        with tempfile.TemporaryDirectory() as directory:
            figures = measure(shape, requests, Path(directory))
        lost |= shape.keeps_all and figures.out != spans
        print(
            f"  {name:<12} {spans / figures.cpu:8.0f} spans/s a core, "
            f"{figures.cpu / spans * 1e6:5.1f} us a span, sent in {figures.wall:.1f} s, "
            f"{figures.memory / 2**20:.0f} MiB, {figures.out} came out"
        )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
