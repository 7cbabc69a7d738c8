"""A program: forks again and again while its threads record, a scrape runs and sends hang.

Arguments: the sink's port, the protocol, the number of forks. Prints one JSON object.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys
import threading
import time
import urllib.request
import warnings
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation

import pepperpy_otel

#: Seconds after which a child counts as hanging.
LIMIT = 20.0
#: Children at a time.
AT_ONCE = 4

warnings.simplefilter("ignore", DeprecationWarning)  # Python's own remark on forks with threads


class App:
    """Three threads that record everything, and one that scrapes."""

    def __init__(self, port: str, protocol: str) -> None:
        self.telemetry = pepperpy_otel.configure(
            "forking",
            endpoint=f"http://127.0.0.1:{port}",
            protocol=protocol,  # type: ignore[arg-type]
            prometheus_port=0,
            instrument=False,
            log_level="INFO",
        )
        self.tracer = trace.get_tracer("forking")
        meter = metrics.get_meter("forking")
        self.counter = meter.create_counter("work")
        self.histogram = meter.create_histogram("time")
        meter.create_observable_gauge("seen", [self._observe])
        self.log = logging.getLogger("forking")
        self.made = [0, 0, 0]
        self.scrapes = 0
        self.stopping = False
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(3)]
        self.threads.append(threading.Thread(target=self._scrape))

    @staticmethod
    def _observe(_: object) -> list[Observation]:
        time.sleep(0.002)
        return [Observation(1)]

    def record(self, name: str) -> None:
        with self.tracer.start_as_current_span(name, attributes={"a": 1}) as span:
            self.counter.add(1)
            self.histogram.record(0.1)
            self.log.info("%s", name)
            span.add_event("done")

    def _work(self, number: int) -> None:
        while not self.stopping:
            self.record(f"parent-{number}-{self.made[number]}")
            self.made[number] += 1
            time.sleep(0.002)

    def _scrape(self) -> None:
        address = self.telemetry.prometheus_address
        assert address is not None
        while not self.stopping:
            url = f"http://127.0.0.1:{address[1]}/metrics"
            with urllib.request.urlopen(url, timeout=30) as answer:
                answer.read()
            self.scrapes += 1


def child(app: App, number: int) -> int:
    """What each child does.

    Returns:
        Its exit status: which promise was broken.
    """
    faulthandler.dump_traceback_later(LIMIT - 2, exit=False)
    telemetry = pepperpy_otel.get_telemetry()
    if telemetry is not app.telemetry:
        return 2
    stats = telemetry.stats()
    if stats.delivered.total or stats.pending.total or stats.dropped.total:
        return 3
    app.record(f"child-{number}")
    result = telemetry.force_flush(10_000)
    if not result:
        print(result, telemetry.stats(), file=sys.stderr)
        return 4
    if result.delivered.traces != 1 or result.delivered.logs < 1:
        return 5
    return 0


class Children:
    """Those that are under way."""

    def __init__(self) -> None:
        self.running: dict[int, float] = {}
        self.statuses: dict[str, int] = {}

    def reap(self, at_most: int) -> None:
        """Wait until no more than so many are left; one that hangs is killed and counted."""
        while len(self.running) > at_most:
            for pid, since in list(self.running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                told = str(os.waitstatus_to_exitcode(status))
                if not ended and time.monotonic() - since > LIMIT:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    ended, told = pid, "hangs"
                if ended:
                    del self.running[pid]
                    self.statuses[told] = self.statuses.get(told, 0) + 1
            time.sleep(0.002)


def main(port: str, protocol: str, forks: int) -> dict[str, Any]:
    """Fork so many times; what came of it."""
    app = App(port, protocol)
    for thread in app.threads:
        thread.start()
    children = Children()
    seconds = []
    for number in range(forks):
        time.sleep(0.007 * (number % 5))
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = child(app, number)
            finally:
                sys.stderr.flush()
                os._exit(status)
        seconds.append(time.monotonic() - started)
        children.running[pid] = started
        children.reap(AT_ONCE - 1)
    children.reap(0)
    app.stopping = True
    for thread in app.threads:
        thread.join()
    result = app.telemetry.shutdown(20_000)
    seconds.sort()
    return {
        "statuses": children.statuses,
        "made": app.made,
        "scrapes": app.scrapes,
        "delivered": bool(result),
        "instance": app.telemetry.resource.attributes["service.instance.id"],
        "dropped": app.telemetry.stats().dropped.total,
        "fork_median_ms": round(seconds[len(seconds) // 2] * 1000, 2),
        "fork_max_ms": round(seconds[-1] * 1000, 2),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))), flush=True)
