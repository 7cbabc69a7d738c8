"""Senders, clocks and telemetry for tests that need no network."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pepperpy_otel.delivery.encoding import Encoded
from pepperpy_otel.delivery.outcome import Outcome
from pepperpy_otel.delivery.spool import SpooledBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from pepperpy_otel.delivery.counts import Signal

RESOURCE = Resource({"service.name": "test"})


class ManualClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class ManualWakeup:
    """Sleeping on it is a jump in time."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.is_set = False

    def set(self) -> None:
        self.is_set = True

    def wait(self, timeout: float) -> bool:
        was, self.is_set = self.is_set, False
        if not was:
            self._clock.advance(timeout)
        return was


class FakeSender:
    """Answers with ``outcomes`` one by one; the last one, or success, for ever."""

    def __init__(self, signal: Signal = "traces", *outcomes: Any) -> None:
        self.signal = signal
        self.target = f"http://fake:4318/v1/{signal}"
        self.outcomes = list(outcomes)
        self.batches: list[list[Any]] = []
        self.timeouts: list[float] = []
        self.gate: threading.Event | None = None
        self.entered = threading.Event()
        self.closed = 0
        self.interrupted = 0
        self.during: Callable[[], None] | None = None

    def __call__(self) -> FakeSender:
        """It is its own factory."""
        return self

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        self.batches.append(list(items))
        self.timeouts.append(timeout)
        self.entered.set()
        if self.during is not None:
            self.during()
        if self.gate is not None:
            self.gate.wait(30)
        outcome = Outcome(delivered=len(items))
        if self.outcomes:
            outcome = self.outcomes[0] if len(self.outcomes) == 1 else self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def interrupt(self) -> None:
        self.interrupted += 1
        if self.gate is not None:
            self.gate.set()

    def close(self) -> None:
        self.closed += 1

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


class FakeOtlpSender(FakeSender):
    """The same for a sender that encodes and sends apart; a request is the items' text."""

    def encode(self, items: Sequence[Any]) -> Encoded:
        body = "\n".join(getattr(item, "name", str(item)) for item in items).encode()
        return Encoded(body, len(items))

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        assert count == body.count(b"\n") + 1
        return self.send(body.decode().split("\n"), timeout)


class FakeSpool:
    """Keeps requests in memory, ``room`` at most; the oldest give way and are lost."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.batches: list[SpooledBatch] = []
        self.accepts = True
        self.closed = 0
        self.forked = 0
        self._under_way: SpooledBatch | None = None
        self._lock = threading.Lock()
        self._on_lost: Any = None
        self._keys = iter(range(10**9))

    def __call__(self, on_lost: Any) -> FakeSpool:
        """It is its own opener."""
        self._on_lost = on_lost
        return self

    def append(self, signal: Signal, body: bytes, items: int, own: bool = True) -> bool:
        if not self.accepts:
            return False
        lost = []
        with self._lock:
            key = (next(self._keys), 0)
            self.batches.append(SpooledBatch(signal, body, items, own, key, 0.0))
            while len(self.batches) > self.room:
                spare = [each for each in self.batches if each is not self._under_way]
                self.batches.remove(spare[0])
                lost.append(spare[0])
        for batch in lost:
            self._on_lost(batch.signal, batch.items, batch.own, "spool_full")
        return True

    def oldest(self, exclude: Any = ()) -> SpooledBatch | None:
        with self._lock:
            waiting = (batch for batch in self.batches if batch.signal not in exclude)
            self._under_way = next(waiting, None)
            return self._under_way

    def done(self, batch: SpooledBatch) -> None:
        with self._lock:
            if batch in self.batches:
                self.batches.remove(batch)

    def after_fork(self) -> None:
        self.forked += 1

    def close(self) -> None:
        self.closed += 1

    def items(self) -> list[str]:
        """What is in it, in order."""
        return [item for batch in self.batches for item in batch.body.decode().split("\n")]


def ok(count: int = 10**9) -> Outcome:
    """Everything was taken."""
    return Outcome(delivered=count)


def refused(**extra: Any) -> Outcome:
    """Nobody listens."""
    return Outcome(**{"retry": True, "error": "connection refused", **extra})


def make_spans(*names: str, attributes: dict[str, Any] | None = None) -> list[ReadableSpan]:
    """Ended spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for name in names:
        provider.get_tracer("test").start_span(name, attributes=attributes).end()
    return list(exporter.get_finished_spans())


def make_metrics(**values: float) -> Any:
    """MetricsData with a counter for each name."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    for name, value in values.items():
        provider.get_meter("test").create_counter(name).add(value)
    data = reader.get_metrics_data()
    provider.shutdown()
    return data


def make_records(*bodies: Any) -> list[Any]:
    """Readable log records."""
    from opentelemetry.sdk._logs.export import (
        InMemoryLogRecordExporter,
        SimpleLogRecordProcessor,
    )

    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for body in bodies:
        provider.get_logger("test").emit(body=body)
    return list(exporter.get_finished_logs())
