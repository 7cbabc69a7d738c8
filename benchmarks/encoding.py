"""Encoding: what a span, a log record and a data point cost, beside the stock encoder.

Both encode the same fresh batches in turn, in one process, and neither has seen their ids, paths
and times before. Prints microseconds of CPU an item, and how many times cheaper ours is; metrics
are encoded by the stock encoder on both sides and only reported. Run it on a quiet machine::

    python benchmarks/encoding.py --check

The span with 8 attributes is what an HTTP server makes: seven that come again and a path that does
not. Beside it: attributes of which three never come again, and one of which none does.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if __name__ == "__main__":  # a checkout need not be installed
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from pepperpy_otel import _compat
from pepperpy_otel.delivery.encoding import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pepperpy_otel.delivery.counts import Signal

BATCH = 512
RESOURCE = Resource({"service.name": "bench", "service.version": "1", "host.name": "localhost"})
REQUEST = {
    "http.request.method": "GET",
    "http.route": "/users/{user_id}/orders",
    "http.response.status_code": 200,
    "url.scheme": "https",
    "server.address": "shop.example",
    "server.port": 8443,
    "network.protocol.version": "1.1",
}


class Case(NamedTuple):
    """What is encoded: how a batch is made, and how many times cheaper it has to be."""

    title: str
    signal: Signal
    make: Callable[[], Sequence[Any]]
    target: float | None = None


class Medians(NamedTuple):
    """Microseconds of CPU an item."""

    stock: float
    ours: float


def spans(attributes: Callable[[int], dict[str, Any]], extras: int = 0) -> Iterator[Sequence[Any]]:
    """Batches of finished spans, with as many events and links each."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark", "1.0", "https://opentelemetry.io/schemas/1.37.0")
    numbers = itertools.count()
    while True:
        with tracer.start_as_current_span("parent"):
            for number in itertools.islice(numbers, BATCH):
                span = tracer.start_span("GET /users/{user_id}/orders", kind=SpanKind.SERVER)
                for key, value in attributes(number).items():
                    span.set_attribute(key, value)
                for each in range(extras):
                    span.add_event("cache miss", {"cache.key": f"user-{number}", "try": each})
                    span.add_link(span.get_span_context(), {"reason": "batch"})
                span.end()
            yield exporter.get_finished_spans()
        exporter.clear()


def request(number: int) -> dict[str, Any]:
    """The attributes of an HTTP server's span."""
    return {**REQUEST, "url.path": f"/users/{number * 7919}/orders"}


def mixed(number: int) -> dict[str, Any]:
    """Eight, of which a path, an id and a duration never come again."""
    unique = {"url.path": f"/users/{number * 7919}", "user.id": number * 104729, "d": number / 7}
    return {**dict(itertools.islice(REQUEST.items(), 5)), **unique}


def unique(number: int) -> dict[str, Any]:
    """Eight texts, none of which comes again."""
    return {f"key.{index}": f"value {number}" for index in range(8)}


def many(number: int) -> dict[str, Any]:
    """32 attributes."""
    return {**request(number), **{f"key.{index}": f"value {index}" for index in range(24)}}


def records() -> Iterator[Sequence[Any]]:
    """Batches of log records with four attributes."""
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("benchmark")
    numbers = itertools.count()
    draw = random.Random(0).getrandbits
    while True:
        for number in itertools.islice(numbers, BATCH):
            record = LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.INFO,
                severity_text="INFO",
                body=f"order {number} accepted",
                attributes={
                    "code.file.path": "/srv/shop/orders.py",
                    "code.function.name": "accept",
                    "code.line.number": 42,
                    "order.id": number,
                },
            )
            record.trace_id, record.span_id = draw(128), draw(64)
            logger.emit(record)
        yield exporter.get_finished_logs()
        exporter.clear()


def points() -> Iterator[Sequence[Any]]:
    """Collections of a counter and a histogram with many series."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], RESOURCE, shutdown_on_exit=False).get_meter("benchmark")
    counter, histogram = meter.create_counter("requests"), meter.create_histogram("duration")
    while True:
        for number in range(BATCH // 2):
            attributes = {"http.route": f"/users/{number}", "http.request.method": "GET"}
            counter.add(1, attributes)
            histogram.record(number / 7, attributes)
        yield [reader.get_metrics_data()]


def stock_encoder(signal: Signal) -> Callable[[Sequence[Any]], bytes]:
    """Upstream's encoder as the exporters use it."""
    encode = _compat.stock_encoder(signal)

    def to_bytes(items: Sequence[Any]) -> bytes:
        body: bytes = encode(items[0] if signal == "metrics" else items).SerializeToString()
        return body

    return to_bytes


def measure(case: Case, rounds: int) -> Medians:
    """Medians over fresh batches; each goes first as often as the other."""
    encoder = Encoder(case.signal)
    ways: list[tuple[Callable[[Any], Any], list[float]]] = [
        (stock_encoder(case.signal), []),
        (encoder.encode, []),
    ]
    for number in range(rounds + 2):
        batch = case.make()
        for encode, times in ways if number % 2 else reversed(ways):
            started = time.process_time()
            encode(batch)
            times.append(time.process_time() - started)
    stock, ours = (statistics.median(times[2:]) / BATCH * 1e6 for _, times in ways)  # 2: warm-up
    return Medians(stock, ours)


def cases() -> list[Case]:
    """Everything that is measured."""

    def batches(source: Iterator[Sequence[Any]]) -> Callable[[], Sequence[Any]]:
        return source.__next__

    return [
        Case("span, no attributes", "traces", batches(spans(lambda _: {}))),
        Case("span, 8 attributes", "traces", batches(spans(request)), 7.0),
        Case("span, 8 attributes, 3 new each time", "traces", batches(spans(mixed))),
        Case("span, 8 attributes, all new each time", "traces", batches(spans(unique))),
        Case("span, 8 attributes, 2 events, 2 links", "traces", batches(spans(request, 2))),
        Case("span, 32 attributes", "traces", batches(spans(many))),
        Case("log record, 4 attributes", "logs", batches(records()), 5.0),
        Case("data point, 2 attributes", "metrics", batches(points())),
    ]


def main() -> int:
    """Run everything; exit status 1 when a target is missed and ``--check`` was given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="batches of each case (default: 31)")
    parser.add_argument("--check", action="store_true", help="fail below the targets")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    missed = []
    print(f"{BATCH} items a batch{'stock':>37} {'ours':>9}")
    for case in cases():
        medians = measure(case, arguments.rounds)
        ratio = medians.stock / medians.ours
        target = "" if case.target is None else f"  (target {case.target:g} x)"
        times = f"{medians.stock:6.1f} us {medians.ours:6.1f} us {ratio:6.1f} x"
        print(f"  {case.title:<40} {times}{target}")
        if case.target is not None and ratio < case.target:
            missed.append(f"{case.title}: {ratio:.1f} x, target {case.target:g} x")
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
