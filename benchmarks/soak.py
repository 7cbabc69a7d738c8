"""A soak: ten minutes of traces, metrics and logs through ups and downs; flat memory and threads.

    python benchmarks/soak.py --seconds 600

One process makes telemetry of all three signals while its collector works, refuses, hangs, answers
503 and works again, a minute each. RSS and thread count are read every ten seconds; after a warm-up
of one round neither may have a trend.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import statistics
import sys
import tempfile
import threading
import time

from sink import Sink

PHASES = ("ok", "refuse", "ok", "hang", "ok", "busy")
GROWTH = 16 * 1024 * 1024


def traffic(stop: threading.Event) -> None:
    """Some hundred items a second of each signal."""
    import pepperpy_otel

    tracer, meter = pepperpy_otel.get_tracer("soak"), pepperpy_otel.get_meter("soak")
    counter, histogram = meter.create_counter("orders"), meter.create_histogram("seconds")
    logger = logging.getLogger("soak")
    for number in itertools.count():
        if stop.wait(0.002):
            return
        with tracer.start_as_current_span("work", attributes={"n": number}) as span:
            span.add_event("step", {"at": number})
            counter.add(1, {"shelf": number % 50})
            histogram.record(number % 7, {"route": f"/r{number % 20}"})
            logger.info("order %d", number, extra={"order": number})


def main() -> int:
    """Run it; exit status 1 when memory or threads grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="default: 600")
    parser.add_argument("--phase", type=float, default=30.0, help="seconds of each phase")
    arguments = parser.parse_args()
    import psutil

    import pepperpy_otel

    process = psutil.Process()
    samples: list[tuple[float, int, int]] = []
    logging.getLogger("soak").setLevel(logging.INFO)
    logging.getLogger("soak").propagate = True
    logging.getLogger().addHandler(logging.NullHandler())
    with Sink() as sink, tempfile.TemporaryDirectory() as spool:
        telemetry = pepperpy_otel.configure(
            "soak", endpoint=sink.endpoint, spool_directory=spool, instrument=False
        )
        stop = threading.Event()
        threads = [threading.Thread(target=traffic, args=(stop,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        for mode in itertools.cycle(PHASES):
            sink.set_mode(mode)
            ended = time.monotonic() + arguments.phase
            while time.monotonic() < ended:
                time.sleep(min(10.0, arguments.phase))
                seen = (
                    time.monotonic() - started,
                    process.memory_info().rss,
                    threading.active_count(),
                )
                samples.append(seen)
                print(
                    f"  {seen[0]:6.0f} s  {mode:<7} RSS {seen[1] / 2**20:6.1f} MiB  "
                    f"threads {seen[2]}",
                    flush=True,
                )
            if time.monotonic() - started > arguments.seconds:
                break
        stop.set()
        for thread in threads:
            thread.join()
        sink.set_mode("ok")
        print(f"  {telemetry.stats()}")
        telemetry.shutdown()
    warm = [each for each in samples if each[0] > arguments.phase * len(PHASES)] or samples
    half = len(warm) // 2
    early = statistics.median(each[1] for each in warm[: max(half, 1)])
    late = statistics.median(each[1] for each in warm[half:])
    most = max(each[2] for each in warm) - min(each[2] for each in warm)
    print(f"  RSS of the later half less the earlier: {(late - early) / 2**20:+.1f} MiB; ", end="")
    print(f"thread count varies by {most}")
    return 1 if late - early > GROWTH or most > 3 else 0


if __name__ == "__main__":
    sys.exit(main())
