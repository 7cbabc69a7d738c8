"""CPU of a whole process from start_span to delivered, ours beside the SDK's batch processor.

Each run is a process of its own that makes 20,000 spans with 8 attributes, sends them to a sink
on this machine and says what CPU time that took, start-up excluded; the two take turns::

    python benchmarks/pipeline.py --runs 7

Every run must have delivered every span, or the figure is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from sink import Sink

WAYS = ("stock", "pepperpy")
TARGET = 0.5
#: Room for every span, on both sides: a span that is dropped costs nothing.
QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "65536"}
ATTRIBUTES: dict[str, Any] = {
    "http.request.method": "GET",
    "http.route": "/orders/{id}",
    "url.scheme": "https",
    "server.address": "shop.example",
    "server.port": 8443,
    "http.response.status_code": 200,
    "app.tenant.premium": True,
    "app.cart.total": 99.5,
}


def work(way: str, endpoint: str, spans: int, compression: str) -> dict[str, float]:
    """Make and deliver the spans in this process; its CPU seconds."""
    if way == "stock":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
        provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(
                    endpoint=f"{endpoint}/v1/traces", compression=Compression(compression)
                )
            )
        )
        tracer = provider.get_tracer("bench")
        flush: Any = provider.force_flush
    else:
        import pepperpy_otel

        os.environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
        telemetry = pepperpy_otel.configure(
            "bench", endpoint=endpoint, metrics=False, logs=False, instrument=False, health=False
        )
        tracer = telemetry.tracer_provider.get_tracer("bench")
        flush = telemetry.force_flush
    tracer.start_span("warm-up", attributes=ATTRIBUTES).end()
    flush(10_000)
    started, cpu = time.perf_counter(), time.process_time()
    for number in range(spans):
        with tracer.start_as_current_span("GET /orders/{id}") as span:
            for name, value in ATTRIBUTES.items():
                span.set_attribute(name, value)
            span.set_attribute("order.id", number)
        if number % 256 == 255:
            time.sleep(0.002)  # an app waits too, and the worker gets its turn
    made = time.process_time()
    flush(30_000)
    ended = time.process_time()
    return {
        "cpu": ended - cpu,
        "making": made - cpu,
        "wall": time.perf_counter() - started,
    }


def once(way: str, spans: int, compression: str) -> dict[str, float]:
    """One process; its figures, and how many spans came."""
    with Sink() as sink:
        command = [sys.executable, __file__, "--work", way, "--endpoint", sink.endpoint]
        command += ["--spans", str(spans), "--compression", compression]
        env = {**os.environ, **QUEUE}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=True, timeout=300
        )
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        figures["lost"] = spans + 1 - sink.summary()["spans"]
        return figures


def main() -> int:
    """Run everything; exit status 1 when the target is missed or a span was lost by us."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each way (default: 5)")
    parser.add_argument("--spans", type=int, default=20_000, help="spans a run (default: 20000)")
    parser.add_argument("--compression", default="none", choices=("none", "gzip"))
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        figures = work(arguments.work, arguments.endpoint, arguments.spans, arguments.compression)
        print(json.dumps(figures))
        return 0
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(arguments.runs):
        for way in WAYS:
            runs[way].append(once(way, arguments.spans, arguments.compression))
    medians = {
        way: {name: statistics.median(run[name] for run in each) for name in each[0]}
        for way, each in runs.items()
    }
    print(f"{arguments.spans} spans with 9 attributes, {arguments.compression}, CPU of the process")
    for way, median in medians.items():
        print(
            f"  {way:<10} {median['cpu'] / arguments.spans * 1e6:7.1f} us a span "
            f"(of which while making {median['making'] / arguments.spans * 1e6:6.1f})  "
            f"lost at most {max(run['lost'] for run in runs[way]):.0f}"
        )
    ratio = medians["pepperpy"]["cpu"] / medians["stock"]["cpu"]
    print(f"  ratio {ratio:.2f} x (target {TARGET})")
    lost = any(run["lost"] for run in runs["pepperpy"])
    return 1 if ratio > TARGET or lost else 0


if __name__ == "__main__":
    sys.exit(main())
