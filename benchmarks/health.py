"""Health: what a round costs, whether its verdicts are right, and what the scheduler costs at rest.

Rounds with a tenth of the checks hung, the read of a snapshot, the CPU of 50 checks in the
background; beside fastapi-watch and django-health-check where they are installed. With
``--matrix N`` the fault matrix of the tests runs N times in a row::

    python benchmarks/health.py
    python benchmarks/health.py --matrix 10
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.health import HealthChecker, HealthStatus
from pepperpy_otel.health.scheduler import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
OWN = "tests/health/test_matrix_own_faults.py"
ROUNDS = 30
SIZES = (10, 50, 200)
#: Seconds that a dependency takes to answer.
ANSWER = 0.005
TIMEOUT = 0.5
#: Rounds after which every verdict has to be there.
SETTLED = 10
P95_MILLIS = 100.0
READ_MILLIS = 0.2
REST_PERCENT = 0.2


def well() -> None:
    """A dependency that answers."""
    time.sleep(ANSWER)


class Peak:
    """The most threads that were there at once, sampled."""

    def __init__(self) -> None:
        self.threads = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        self._before = threading.active_count()

    def _sample(self) -> None:
        while not self._end.wait(0.002):
            self.threads = max(self.threads, threading.active_count())

    def stop(self) -> int:
        """How many came on top of those that were there."""
        self._end.set()
        self._thread.join()
        return self.threads - self._before


def rounds(size: int) -> list[str]:
    """Forced rounds over ``size`` checks; what was missed."""
    release = threading.Event()
    checker = HealthChecker()
    hung = {f"hung-{number}" for number in range(size // 10)}
    names = [f"well-{number}" for number in range(size - len(hung))]
    for number, name in enumerate(names):
        checker.register(name, well, timeout=TIMEOUT, interval=60)
        if number % 9 == 0 and number // 9 < len(hung):
            checker.register(f"hung-{number // 9}", release.wait, timeout=TIMEOUT, interval=60)
    peak = Peak()
    elapsed, wrong, answered = [], 0, []
    for number in range(ROUNDS):
        before = {name: checker.get_details(name)["age"] for name in names}
        report = checker.run()
        elapsed.append(report.elapsed * 1000)
        after = {name: checker.get_details(name)["age"] for name in names}
        answered.append(sum(1 for name in names if _newer(before[name], after[name])))
        early = {HealthStatus.UNKNOWN} if number < SETTLED else set()
        for name, verdict in report.verdicts.items():
            right = HealthStatus.UNHEALTHY if name in hung else HealthStatus.HEALTHY
            wrong += verdict.status not in {right, *early}
        time.sleep(0.05)
    threads = peak.stop()
    release.set()
    checker.stop()
    p95 = statistics.quantiles(elapsed, n=20)[-1]
    share = min(answered) / len(names)
    print(
        f"  {size:4} checks, {len(hung):2} hung: round p50 {statistics.median(elapsed):5.1f} ms, "
        f"p95 {p95:5.1f} ms, worst {max(elapsed):5.1f} ms; {wrong} wrong verdicts in {ROUNDS} "
        f"rounds; {threads} threads; {share:.0%} of the healthy ones run in the worst round"
    )
    missed = []
    if p95 >= P95_MILLIS:
        missed.append(f"{size} checks: p95 {p95:.1f} ms, target {P95_MILLIS:g} ms")
    if wrong:
        missed.append(f"{size} checks: {wrong} wrong verdicts")
    if threads > WORKERS + len(hung):
        missed.append(f"{size} checks: {threads} threads, target {WORKERS + len(hung)}")
    return missed


def _newer(before: float | None, after: float | None) -> bool:
    return after is not None and (before is None or after < before)


def cached(size: int = 200) -> list[str]:
    """The read of a snapshot; what was missed."""
    checker = HealthChecker()
    for number in range(size):
        checker.register(f"check-{number}", lambda: None)
    for _ in range(5):
        checker.run()
    times = []
    for _ in range(1000):
        started = time.perf_counter()
        checker.check_all()
        times.append((time.perf_counter() - started) * 1000)
    checker.stop()
    median = statistics.median(times)
    print(f"  cached check_all() of {size} checks: {median:.3f} ms")
    return [f"cached read: {median:.3f} ms"] if median >= READ_MILLIS else []


def rest(seconds: float, size: int = 50) -> list[str]:
    """The CPU of the scheduler with ``size`` checks at their default interval."""
    checker = HealthChecker()
    for number in range(size):
        checker.register(f"check-{number}", lambda: None)
    checker.start()
    time.sleep(2.0)  # the first runs
    before, started = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    used = time.process_time() - before
    percent = 100 * used / (time.perf_counter() - started)
    checker.stop()
    print(f"  scheduler at rest, {size} checks: {percent:.3f} % of a core over {seconds:g} s")
    return [f"at rest: {percent:.3f} %"] if percent >= REST_PERCENT else []


def peers(size: int = 200) -> None:
    """The same hung and healthy checks in other libraries, as far as they are installed."""
    for title, module, measure in (
        ("fastapi-watch", "fastapi_watch", _fastapi_watch),
        ("django-health-check", "health_check", _django_health_check),
    ):
        if importlib.util.find_spec(module) is None:
            print(f"  {title}: not installed")
            continue
        try:
            print(f"  {title}: {measure(size)}")
        except Exception as error:
            print(f"  {title}: {type(error).__name__}: {error}")


def _fastapi_watch(size: int) -> str:
    import asyncio

    from fastapi_watch.models import ProbeResult, ProbeStatus  # type: ignore[import-not-found]
    from fastapi_watch.probes import BaseProbe  # type: ignore[import-not-found]

    release = threading.Event()

    class Probe(BaseProbe):  # type: ignore[misc]
        def __init__(self, name: str, act: Callable[[], object]) -> None:
            self.name = name
            self._act = act

        async def check(self) -> ProbeResult:
            await asyncio.wait_for(asyncio.to_thread(self._act), TIMEOUT)
            return ProbeResult(name=self.name, status=ProbeStatus.HEALTHY)

    probes = [
        Probe(f"p{number}", release.wait if number % 10 == 0 else well) for number in range(size)
    ]

    async def once() -> float:
        started = time.perf_counter()
        await asyncio.gather(*(probe.check() for probe in probes), return_exceptions=True)
        return (time.perf_counter() - started) * 1000

    try:
        return f"its probes, gathered: {asyncio.run(once()):.0f} ms for {size}"
    finally:
        release.set()


def _django_health_check(size: int) -> str:
    import health_check  # type: ignore[import-not-found]

    version = getattr(health_check, "__version__", "?")
    return f"{version}: runs its checks for each request in the default executor; not timed"


def matrix(times: int) -> list[str]:
    """The fault matrix of the tests, that many times in a row; what was missed."""
    failed = 0
    command = [sys.executable, "-m", "pytest", "tests/health/test_matrix.py", OWN, "-q"]
    for number in range(1, times + 1):
        started = time.perf_counter()
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True
        )
        last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
        print(f"  matrix {number}: {last} ({time.perf_counter() - started:.0f} s)", flush=True)
        failed += done.returncode != 0
        for line in done.stdout.splitlines():
            if line.startswith(("FAILED", "ERROR", "E  ")):
                print(f"    {line}", flush=True)
    return [f"the fault matrix failed {failed} of {times} times"] if failed else []


def main() -> int:
    """Run what is asked for; exit status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--matrix", type=int, default=0, help="run the fault matrix that often")
    parser.add_argument("--rest", type=float, default=20.0, help="seconds at rest (default: 20)")
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}")
    if arguments.matrix:
        missed = matrix(arguments.matrix)
    else:
        missed = [line for size in SIZES for line in rounds(size)]
        missed += cached() + rest(arguments.rest)
        peers()
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
