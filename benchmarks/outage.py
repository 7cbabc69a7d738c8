"""An outage: nothing lost with a spool, bounded memory, an app that does not notice.

A child process makes spans at a steady rate and answers a small "request" (some milliseconds of
work) all the time; its collector works, fails for a while, and comes back::

    python benchmarks/outage.py --seconds 600            # the long run
    python benchmarks/outage.py --seconds 20 --mode hang # a collector that never answers
    python benchmarks/outage.py --seconds 20 --kill      # kill -9 in the middle, then a restart

What it demands: every span arrives, RSS grows by less than 64 MiB, no ``end()`` takes 50 ms; after
a ``kill -9`` every span that had been spooled arrives, with less than 1 % of them twice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from sink import MODES, Sink

RSS_LIMIT = 64 * 1024 * 1024
SLOWEST_END = 0.050
DUPLICATES = 0.01


def app(endpoint: str, spool: str, rate: int) -> None:
    """The child: spans at ``rate`` until a line comes on standard input, then the end."""
    import threading

    import psutil

    import pepperpy_otel

    telemetry = pepperpy_otel.configure(
        "outage",
        endpoint=endpoint,
        spool_directory=spool,
        instrument=False,
        health=False,
        metrics=False,
        logs=False,
    )
    tracer = telemetry.tracer_provider.get_tracer("bench")
    process = psutil.Process()
    stop = threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                break
            stats = telemetry.stats()
            counts = {
                kind: getattr(stats, kind).traces
                for kind in ("delivered", "spooled", "dropped", "pending", "recovered")
            }
            figures = {
                **counts,
                "made": made,
                "rss": process.memory_info().rss,
                "slowest_end": slowest,
                "request_p99": _p99(requests),
                "threads": threading.active_count(),
                "error": stats.last_error,
            }
            requests.clear()
            print(json.dumps(figures), flush=True)
        stop.set()

    made, slowest = 0, 0.0
    requests: list[float] = []
    threading.Thread(target=listen, daemon=True).start()
    due = time.perf_counter()
    batch = max(rate // 100, 1)  # a "request" every 10 ms makes this many spans
    while not stop.is_set():
        started = time.perf_counter()
        for number in range(batch):
            span = tracer.start_span("work", attributes={"n": number, "route": "/orders/{id}"})
            before = time.perf_counter()
            span.end()
            slowest = max(slowest, time.perf_counter() - before)
            made += 1
        sum(range(20_000))
        requests.append(time.perf_counter() - started)
        due += batch / rate
        if (rest := due - time.perf_counter()) > 0:
            time.sleep(rest)
    result = telemetry.shutdown()
    print(json.dumps({"made": made, "spooled": result.spooled.traces}), flush=True)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


class App:
    """The child, and what it says of itself."""

    def __init__(self, endpoint: str, spool: Path, rate: int) -> None:
        command = [sys.executable, __file__, "--app", endpoint, "--spool", str(spool)]
        self.process = subprocess.Popen(
            [*command, "--rate", str(rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _line(self, text: str) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert isinstance(stdin, IO) or stdin is not None
        assert stdout is not None
        stdin.write(f"{text}\n")
        stdin.flush()
        figures: dict[str, Any] = json.loads(stdout.readline())
        return figures

    def figures(self) -> dict[str, Any]:
        """What it counts and measures now; the request latencies since the last time."""
        return self._line("figures")

    def stop(self) -> dict[str, Any]:
        """Let it end; what it made."""
        figures = self._line("stop")
        self.process.wait(30)
        return figures


def say(moment: str, figures: dict[str, Any]) -> None:
    """One line."""
    print(
        f"  {moment:<18} made {figures['made']:8d}  delivered {figures['delivered']:8d}  "
        f"spooled {figures['spooled']:8d}  pending {figures['pending']:5d}  "
        f"dropped {figures['dropped']:5d}  RSS {figures['rss'] / 2**20:6.1f} MiB  "
        f"slowest end() {figures['slowest_end'] * 1e3:6.2f} ms  "
        f"request p99 {figures['request_p99'] * 1e3:6.2f} ms  threads {figures['threads']}",
        flush=True,
    )


def wait_until_drained(child: App, seconds: float) -> dict[str, Any]:
    """Until nothing is spooled any more; the figures of then, with the latencies meanwhile."""
    deadline = time.monotonic() + seconds
    worst = 0.0
    while True:
        time.sleep(1.0)
        figures = child.figures()
        worst = max(worst, figures["request_p99"])
        if not figures["spooled"] or time.monotonic() > deadline:
            return {**figures, "request_p99": worst}


def outage(seconds: float, rate: int, mode: str) -> list[str]:
    """Healthy, down, back; what was not as promised."""
    missed: list[str] = []
    with Sink() as sink, tempfile.TemporaryDirectory() as directory:
        child = App(sink.endpoint, Path(directory), rate)
        child.figures()
        time.sleep(6.0)
        before = child.figures()
        say("before", before)
        sink.set_mode(mode)
        ended = time.monotonic() + seconds
        worst = before
        while (rest := ended - time.monotonic()) > 0:
            time.sleep(min(rest, max(seconds / 10, 1.0)))
            figures = child.figures()
            say("down", figures)
            worst = max(worst, figures, key=lambda each: each["rss"])
        sink.set_mode("ok")
        back = time.monotonic()
        drained = wait_until_drained(child, seconds + 120)
        say("drained", drained)
        print(f"  drained {time.monotonic() - back:.1f} s after the collector came back")
        worst = max(worst, drained, key=lambda each: each["rss"])
        made = child.stop()["made"]
        arrived = sink.summary()
    grown = worst["rss"] - before["rss"]
    print(
        f"  {made} made, {arrived['spans']} arrived, {arrived['duplicate_spans']} twice, "
        f"RSS grew by {grown / 2**20:.1f} MiB"
    )
    if arrived["spans"] != made:
        missed.append(f"{made - arrived['spans']} spans lost")
    if grown > RSS_LIMIT:
        missed.append(f"RSS grew by {grown / 2**20:.1f} MiB")
    if drained["slowest_end"] > SLOWEST_END:
        missed.append(f"an end() took {drained['slowest_end'] * 1e3:.1f} ms")
    return missed


def killed(seconds: float, rate: int, mode: str) -> list[str]:
    """Kill the app (-9) in mid-outage; a second process finds what the first has spooled."""
    missed: list[str] = []
    with Sink() as sink, tempfile.TemporaryDirectory() as directory:
        child = App(sink.endpoint, Path(directory), rate)
        child.figures()
        time.sleep(2.0)
        sink.set_mode(mode)
        time.sleep(seconds)
        last = child.figures()
        child.process.kill()
        child.process.wait()
        say("killed", last)
        sink.set_mode("ok")
        second = App(sink.endpoint, Path(directory), 1)
        deadline = time.monotonic() + seconds + 60
        while second.figures()["recovered"] < last["spooled"] and time.monotonic() < deadline:
            time.sleep(0.5)
        own = second.stop()["made"]
        arrived = sink.summary()
    came = arrived["spans"] - own
    expected = last["delivered"] + last["spooled"]
    print(
        f"  {came} of {expected} spooled or delivered arrived, {arrived['duplicate_spans']} twice"
    )
    if came < expected:
        missed.append(f"{expected - came} spooled spans lost")
    if arrived["duplicate_spans"] > DUPLICATES * max(expected, 1):
        missed.append(f"{arrived['duplicate_spans']} spans came twice")
    return missed


def main() -> int:
    """Run one; exit status 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of outage (default: 60)")
    parser.add_argument("--rate", type=int, default=2000, help="spans a second (default: 2000)")
    parser.add_argument("--mode", choices=MODES[1:-1], default="refuse", help="how it fails")
    parser.add_argument("--kill", action="store_true", help="kill -9 in the middle, then restart")
    parser.add_argument("--app", help=argparse.SUPPRESS)
    parser.add_argument("--spool", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.app:
        app(arguments.app, arguments.spool, arguments.rate)
        return 0
    print(f"{arguments.rate} spans/s, {arguments.mode} for {arguments.seconds:g} s")
    run = killed if arguments.kill else outage
    missed = run(arguments.seconds, arguments.rate, arguments.mode)
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
