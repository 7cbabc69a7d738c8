"""A small FastAPI + SQLite service under wrk: plain, with opentelemetry-distro, with ours.

Each way is one uvicorn worker of the same app; the ways take turns, and both sides export the same
spans (the ASGI send and receive spans are left out on both)::

    python benchmarks/web.py --runs 3 --seconds 8        # wrk is Debian's package of that name

Needs fastapi, uvicorn, opentelemetry-distro and the instrumentations of FastAPI and sqlite3. The
figures are requests a second and, truer on a busy machine, CPU time of the service a request.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from sink import Sink

APP = """
import os, sqlite3

if os.environ.get("WAY") == "pepperpy":
    import pepperpy_otel
    pepperpy_otel.configure("bench", logs=False, health=False)
from fastapi import FastAPI
app = FastAPI()
if os.environ.get("WAY") == "distro":
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["send", "receive"])
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("create table item (id integer primary key, name text)")
database.executemany("insert into item values (?, ?)", [(n, f"item {n}") for n in range(100)])


@app.get("/items/{number}")
async def item(number: int):
    cursor = database.cursor()
    row = cursor.execute("select name from item where id = ?", (number,)).fetchone()
    return {"id": number, "name": row[0]}
"""
WAYS = ("plain", "distro", "pepperpy")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command_of(way: str, port: int) -> list[str]:
    """How this way is started."""
    uvicorn = ["uvicorn", "app:app", "--port", str(port), "--no-access-log", "--log-level", "error"]
    scripts = Path(sys.executable).parent
    if way == "distro":
        return [str(scripts / "opentelemetry-instrument"), *uvicorn]
    return [sys.executable, "-m", *uvicorn]


def once(way: str, seconds: int, directory: Path) -> dict[str, float]:
    """One service, one wrk; requests a second, CPU microseconds and spans a request."""
    import psutil

    port = free_port()
    with Sink() as sink:
        env = {
            **os.environ,
            "WAY": way,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_PYTHON_DISTRO": "distro",
            "OTEL_PYTHON_CONFIGURATOR": "configurator",
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi" if way == "distro" else "",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_SERVICE_NAME": "bench",
            "OTEL_BSP_MAX_QUEUE_SIZE": "65536",
        }
        service = subprocess.Popen(command_of(way, port), cwd=directory, env=env)
        try:
            url = f"http://127.0.0.1:{port}/items/7"
            deadline = time.monotonic() + 30
            while True:
                try:
                    urllib.request.urlopen(url, timeout=1).read()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            load(url, 2)
            process = psutil.Process(service.pid)
            before, spans = sum(process.cpu_times()[:2]), sink.summary()["spans"]
            requests, rate, p99 = load(url, seconds)
            time.sleep(6.0)  # what is queued is part of the cost
            cpu = sum(process.cpu_times()[:2]) - before
            kept = sink.summary()["spans"] - spans
        finally:
            service.terminate()
            service.wait(20)
    return {"rate": rate, "cpu": cpu / requests * 1e6, "spans": kept / requests, "p99": p99}


def load(url: str, seconds: int) -> tuple[int, float, float]:
    """Run wrk; requests, requests a second and the p99 in milliseconds."""
    wrk = ["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", url]
    text = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    count, rate = (
        re.search(r"(\d+) requests in", text),
        re.search(r"Requests/sec:\s+([\d.]+)", text),
    )
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    if not (count and rate and p99):
        raise SystemExit(text)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}[p99[2]]
    return int(count[1]), float(rate[1]), float(p99[1]) * unit


def main() -> int:
    """Run everything and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each way (default: 3)")
    parser.add_argument("--seconds", type=int, default=8, help="of load in each (default: 8)")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed (apt-get install wrk)", file=sys.stderr)
        return 2
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "app.py").write_text(APP)
        for _ in range(arguments.runs):
            for way in WAYS:
                runs[way].append(once(way, arguments.seconds, Path(directory)))
    medians = {
        way: {name: statistics.median(run[name] for run in each) for name in each[0]}
        for way, each in runs.items()
    }
    plain = medians["plain"]
    print(f"FastAPI + SQLite, one worker, wrk -c8, medians of {arguments.runs}")
    for way, median in medians.items():
        print(
            f"  {way:<10} {median['rate']:8.0f} requests/s ({median['rate'] / plain['rate']:.2f} x)"
            f"  CPU {median['cpu']:7.0f} us a request (+{median['cpu'] - plain['cpu']:.0f})"
            f"  p99 {median['p99']:6.2f} ms  {median['spans']:.2f} spans a request"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
