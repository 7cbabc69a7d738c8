"""What it costs to share a Prometheus page with other workers, at each measurement.

    python benchmarks/prometheus_workers.py [--calls N] [--rounds N]

Compares, alternating in one process: our counter and histogram with and without the file, and
prometheus_client's own multiprocess mode (a process of its own, since a variable switches it on at
import). Microseconds of CPU a call; the best round of each counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ATTRIBUTES = {"method": "GET", "route": "/orders", "status": 200}
_CLIENT = """
import json, sys, time
from prometheus_client import Counter, Histogram
calls, rounds = int(sys.argv[1]), int(sys.argv[2])
counter = Counter("hits", "h", ["method", "route", "status"])
histogram = Histogram("took", "t", ["method", "route", "status"])
def measure(call):
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, time.process_time() - began)
    return best / calls * 1e6
print(json.dumps([
    measure(lambda: counter.labels("GET", "/orders", 200).inc()),
    measure(lambda: histogram.labels("GET", "/orders", 200).observe(0.2)),
]))
"""


def instruments(directory: Path | None) -> tuple[Callable[[], None], Callable[[], None]]:
    """A call of a counter and one of a histogram, with or without the file."""
    from opentelemetry.sdk.resources import Resource

    from pepperpy_otel.metrics.multiprocess import Group, Mirror
    from pepperpy_otel.metrics.provider import MeterProvider
    from pepperpy_otel.metrics.reader import SharedReader

    group = None if directory is None else Group(directory, private=False)
    provider: Any = MeterProvider()
    provider.arm(resource=Resource({}), readers=[SharedReader(mirror=Mirror(group))])
    meter = provider.get_meter("benchmark")
    counter, histogram = meter.create_counter("hits"), meter.create_histogram("took", "s")
    return lambda: counter.add(1, ATTRIBUTES), lambda: histogram.record(0.2, ATTRIBUTES)


def of_client(calls: int, rounds: int, directory: str | None) -> tuple[float, float]:
    """The same two calls of prometheus_client."""
    env = dict(os.environ)
    if directory is not None:
        env["PROMETHEUS_MULTIPROC_DIR"] = directory
    done = subprocess.run(
        [sys.executable, "-c", _CLIENT, str(calls), str(rounds)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = json.loads(done.stdout)
    return first, second


def cpu(call: Callable[[], None], calls: int) -> float:
    """Microseconds of CPU for one call."""
    began = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - began) / calls * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        plain, shared = instruments(None), instruments(Path(scratch) / "ours")
        best = [[float("inf")] * 2 for _ in range(2)]
        for _ in range(options.rounds):
            for row, pair in enumerate((plain, shared)):
                for column, call in enumerate(pair):
                    best[row][column] = min(best[row][column], cpu(call, options.calls))
        client_plain = of_client(options.calls, options.rounds, None)
        (Path(scratch) / "client").mkdir()
        client_shared = of_client(options.calls, options.rounds, f"{scratch}/client")
    print(f"{'µs of CPU a call':<36}{'counter':>10}{'histogram':>12}")
    for name, row_values in (
        ("ours, alone", best[0]),
        ("ours, shared with other workers", best[1]),
        ("prometheus_client, alone", client_plain),
        ("prometheus_client, multiprocess", client_shared),
    ):
        print(f"{name:<36}{row_values[0]:>10.2f}{row_values[1]:>12.2f}")
    ratio = [shared_value / alone for alone, shared_value in zip(*best, strict=True)]
    print(f"{'ours, shared : alone':<36}{ratio[0]:>9.2f}x{ratio[1]:>11.2f}x")


if __name__ == "__main__":
    main()
