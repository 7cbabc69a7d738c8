"""What a log call costs the caller while the collector takes connections and never answers.

One process: ``logger.info`` with two extras over a ``NullHandler`` first, then with the telemetry
set up and its destination hanging, long enough for the queue to be full::

    python benchmarks/log_call.py

The p99 may be 0.1 ms above the NullHandler's, and no call may take 10 ms more than its longest.
"""

from __future__ import annotations

import argparse
import gc
import logging
import statistics
import sys
import time

from sink import Sink

TARGET = 100.0  # microseconds of p99 above the NullHandler's
BLOCKED = 10_000.0  # microseconds: that call was held up


def calls(logger: logging.Logger, seconds: float, rate: int) -> list[float]:
    """Microseconds of each call, at ``rate`` calls a second."""
    taken: list[float] = []
    pause = 1.0 / rate
    deadline = time.perf_counter() + seconds
    due = time.perf_counter()
    number = 0
    while due < deadline:
        number += 1
        started = time.perf_counter()
        logger.info("order %d placed", number, extra={"order": number, "customer": "c-17"})
        taken.append((time.perf_counter() - started) * 1e6)
        due += pause
        if (rest := due - time.perf_counter()) > 0:
            time.sleep(rest)
    return taken


def show(name: str, values: list[float]) -> float:
    """Print one line; the p99."""
    ranks = statistics.quantiles(values, n=1000)
    print(
        f"  {name:<28} {len(values):7d} calls  median {ranks[499]:7.1f} us  p99 {ranks[989]:7.1f}"
        f"  p99.9 {ranks[998]:8.1f}  longest {max(values):9.1f}"
    )
    return ranks[989]


def main() -> int:
    """Run everything; exit status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each (default: 20)")
    parser.add_argument("--rate", type=int, default=1000, help="calls a second (default: 1000)")
    arguments = parser.parse_args()
    import pepperpy_otel

    null = logging.getLogger("bench.null")
    null.propagate = False
    null.addHandler(logging.NullHandler())
    null.setLevel(logging.INFO)
    ours = logging.getLogger("bench.ours")
    ours.setLevel(logging.INFO)
    logging.getLogger().addHandler(logging.NullHandler())
    with Sink("hang") as sink:
        telemetry = pepperpy_otel.configure(
            "bench", endpoint=sink.endpoint, instrument=False, shutdown_timeout_millis=100
        )
        calls(ours, 2.0, arguments.rate)  # warm, and the first send hangs by now
        gc.collect()
        rounds: dict[str, list[float]] = {"NullHandler": [], "pepperpy-otel, blackholed": []}
        for _ in range(4):  # in turn, so that a busy machine hits both alike
            rounds["NullHandler"] += calls(null, arguments.seconds / 4, arguments.rate)
            rounds["pepperpy-otel, blackholed"] += calls(
                ours, arguments.seconds / 4, arguments.rate
            )
        stats = telemetry.stats()
        telemetry.shutdown()
    print(f"log calls at {arguments.rate} a second; {stats.delivered.logs} records delivered")
    p99 = {name: show(name, values) for name, values in rounds.items()}
    above = p99["pepperpy-otel, blackholed"] - p99["NullHandler"]
    longest = max(rounds["pepperpy-otel, blackholed"]) - max(rounds["NullHandler"])
    print(f"  p99 above the NullHandler's: {above:.1f} us (target {TARGET:.0f})")
    return 1 if above > TARGET or longest > BLOCKED else 0


if __name__ == "__main__":
    sys.exit(main())
