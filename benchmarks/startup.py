"""Start-up: what configure() costs until the app's first line, beside opentelemetry-distro.

Makes two virtual environments (without instrumentations; with FastAPI's, requests' and sqlite3's),
runs each way of starting in turn, again and again, and prints the medians as ratios. Run it on a
quiet machine::

    python benchmarks/startup.py --runs 15

The first user line is stamped by the app itself against the moment before its process was started,
so that the launcher of ``opentelemetry-instrument`` counts, as it does for a user.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "import os, time; print(time.time_ns() - int(os.environ['STARTED']))\n"
PLAIN = STAMP
CONFIGURED = "import pepperpy_otel; pepperpy_otel.configure(service_name='bench')\n" + STAMP
IMPORTS = {
    "python": "pass",
    "OpenTelemetry API": "import opentelemetry.trace, opentelemetry.metrics, opentelemetry._logs",
    "pepperpy_otel": "import pepperpy_otel",
}
BASE = ["opentelemetry-distro", "opentelemetry-exporter-otlp"]
INSTRUMENTATIONS = [
    *("fastapi", "requests", "uvicorn"),
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-requests",
    "opentelemetry-instrumentation-sqlite3",
]
DISTRO = {"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "configurator"}
OURS = {"OTEL_PYTHON_DISTRO": "pepperpy_otel", "OTEL_PYTHON_CONFIGURATOR": "pepperpy_otel"}
#: Exporters are built and nothing is sent in the first second: both sides pay for start-up only.
COMMON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_SERVICE_NAME": "bench"}


def environment(path: Path, packages: list[str]) -> Path:
    """A virtual environment with this checkout and ``packages``; its ``bin`` directory."""
    venv.create(path, with_pip=True)
    pip = [str(path / "bin" / "python"), "-m", "pip", "install", "-q"]
    subprocess.run([*pip, str(ROOT), *packages], check=True)
    return path / "bin"


def once(command: list[str], extra: dict[str, str]) -> float:
    """Milliseconds from before the process starts to the app's first line."""
    started = time.time_ns()
    env = {**os.environ, **COMMON, **extra, "STARTED": str(started)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout.split()[-1]) / 1e6


def compare(ways: dict[str, tuple[list[str], dict[str, str]]], runs: int) -> dict[str, float]:
    """The median of each way; the ways take turns, so that a busy machine hits them alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs + 1):
        for name, (command, extra) in ways.items():
            times[name].append(once(command, extra))
    return {name: statistics.median(values[1:]) for name, values in times.items()}  # 1st: warm-up


def report(title: str, medians: dict[str, float], reference: str) -> None:
    """Print one table."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<52} {value:8.1f} ms  {value / medians[reference]:5.2f} x")


def startup(bin_directory: Path, scripts: Path, runs: int) -> dict[str, float]:
    """Every way of starting in one environment."""
    python = str(bin_directory / "python")
    instrument = str(bin_directory / "opentelemetry-instrument")
    plain, configured = str(scripts / "plain.py"), str(scripts / "configured.py")
    ways = {
        "python app.py (no telemetry)": ([python, plain], {}),
        "opentelemetry-instrument, opentelemetry-distro": ([instrument, python, plain], DISTRO),
        "opentelemetry-instrument, pepperpy-otel": ([instrument, python, plain], OURS),
        "pepperpy_otel.configure()": ([python, configured], {}),
    }
    return compare(ways, runs)


def imports(bin_directory: Path, scripts: Path, runs: int) -> dict[str, float]:
    """The bare imports."""
    ways: dict[str, tuple[list[str], dict[str, str]]] = {}
    for name, line in IMPORTS.items():
        script = scripts / f"import_{len(ways)}.py"
        script.write_text(f"{line}\n{STAMP}")
        ways[name] = ([str(bin_directory / "python"), str(script)], {})
    return compare(ways, runs)


def main() -> int:
    """Run everything; exit status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="runs of each way (default: 15)")
    parser.add_argument("--keep", type=Path, help="directory for the environments, kept for reuse")
    arguments = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        where = arguments.keep or Path(temporary)
        scripts = Path(temporary) / "scripts"
        scripts.mkdir()
        (scripts / "plain.py").write_text(PLAIN)
        (scripts / "configured.py").write_text(CONFIGURED)
        sets = {"no instrumentations": BASE, "FastAPI, requests, sqlite3": BASE + INSTRUMENTATIONS}
        for title, packages in sets.items():
            path = where / title.split()[0].strip(",")
            ready = (path / "bin").exists()
            bin_directory = path / "bin" if ready else environment(path, packages)
            medians = startup(bin_directory, scripts, arguments.runs)
            distro = "opentelemetry-instrument, opentelemetry-distro"
            report(f"start-up, {title}", medians, distro)
            ratio = medians["pepperpy_otel.configure()"] / medians[distro]
            if ratio > 0.6:
                missed.append(f"start-up with {title}: {ratio:.2f} x, target 0.60")
        bare = imports(bin_directory, scripts, arguments.runs)
        report("bare import, interpreter included", bare, "OpenTelemetry API")
        if bare["pepperpy_otel"] > 1.25 * bare["OpenTelemetry API"]:
            missed.append("import pepperpy_otel: more than 1.25 x the OpenTelemetry API")
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
