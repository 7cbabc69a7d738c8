"""The pipeline: from the SDK's processors to every destination, and the honest account of it.

pipeline = Pipeline([destination], limits, metric_interval=60.0, metric_timeout=30.0)
tracer_provider.add_span_processor(pipeline.span_processor())
pipeline.start()
result = pipeline.flush(5.0)   # FlushResult: truthy only if everything arrived
"""

from __future__ import annotations

import random as _random
import threading
import time
from typing import TYPE_CHECKING

from pepperpy_otel.delivery import forks
from pepperpy_otel.delivery.account import Account, LaneCounts
from pepperpy_otel.delivery.collection import MetricCollection
from pepperpy_otel.delivery.counts import SIGNALS, FlushResult, PipelineStats, SignalCounts
from pepperpy_otel.delivery.guard import is_own_thread, mark_own_thread
from pepperpy_otel.delivery.tally import Wakeup
from pepperpy_otel.delivery.worker import Ticket, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import SpanProcessor

    from pepperpy_otel.delivery.collection import Source
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Destination
    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.queue import QueueLimits


class Pipeline:
    """Delivers spans, log records and metrics to some destinations, one thread for each.

    With several destinations for a signal, an item counts as delivered when all of them have it.
    A signal without a destination is not accepted: its counts stay zero.

    Args:
        destinations: Where to.
        limits: The bounds for each signal (``QueueLimits()`` for one that is not named).
        metric_interval: Seconds between two collections of metrics.
        metric_timeout: Seconds that one collection may take.
        clock: Monotonic seconds.
        random: A number from 0 to 1, for the jitter.
        wakeup: Makes what a worker sleeps on.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        limits: Mapping[Signal, QueueLimits],
        metric_interval: float,
        metric_timeout: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        wakeup: Callable[[], Wakeup] = Wakeup,
    ) -> None:
        self._clock = clock
        self._closed = False
        metric_lanes: list[Lane] = []
        self._metrics = MetricCollection(metric_lanes, metric_interval, metric_timeout, clock)
        self._workers = [
            Worker(destination, limits, self._metrics, clock=clock, random=random, wakeup=wakeup)
            for destination in destinations
        ]
        self._lanes: dict[Signal, list[Lane]] = {signal: [] for signal in SIGNALS}
        for worker in self._workers:
            for lane in worker.lanes:
                self._lanes[lane.signal].append(lane)
        metric_lanes += self._lanes["metrics"]
        self._accounts = {signal: Account(lanes) for signal, lanes in self._lanes.items()}

    # --- what the SDK gets -------------------------------------------------------------------

    def span_processor(self) -> SpanProcessor:
        """A processor that hands every sampled span, when it ends, to the pipeline."""
        from pepperpy_otel.delivery.processors import PipelineSpanProcessor

        return PipelineSpanProcessor(self, [lane.queue for lane in self._lanes["traces"]])

    def log_record_processor(self) -> LogRecordProcessor:
        """A processor that hands every log record to the pipeline."""
        from pepperpy_otel.delivery.processors import PipelineLogRecordProcessor

        return PipelineLogRecordProcessor(self, [lane.queue for lane in self._lanes["logs"]])

    def set_metric_source(self, collect: Source | None) -> None:
        """Say who collects metrics.

        Args:
            collect: Gets the milliseconds that it may take, gives all current data.
        """
        self._metrics.set_source(collect)
        for worker in self._workers:
            worker.wake()

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start one thread for each destination; they live until ``shutdown()``."""
        forks.follow(self)
        for worker in self._workers:
            worker.start()

    def flush(self, timeout: float) -> FlushResult:
        """Collect metrics and deliver everything accepted so far.

        Args:
            timeout: Seconds, for all of it. A request that is under way then goes on.

        Returns:
            What became of the items accepted since the flush before and those it left pending.
        """
        return self._deliver(self._clock() + timeout, ending=False)

    def shutdown(self, timeout: float) -> FlushResult:
        """Deliver everything like ``flush()`` and end; afterwards items are ignored, uncounted.

        Args:
            timeout: Seconds. Requests under way then are broken off.
        """
        deadline = self._clock() + timeout
        result = self._deliver(deadline, ending=True)
        for worker in self._workers:
            worker.stop(deadline - self._clock())
        return result

    def after_fork(self) -> None:
        """In a forked child: nothing waits, counts are zero, threads and connections are new."""
        self._metrics.after_fork()
        for account in self._accounts.values():
            account.reset()
        for worker in self._workers:
            worker.after_fork()

    # --- delivering --------------------------------------------------------------------------

    def _deliver(self, deadline: float, *, ending: bool) -> FlushResult:
        """Traces and logs set off at once; metrics follow when they are collected."""
        boundaries = self._accepted(SIGNALS)
        own_thread = is_own_thread()  # a worker that waits for itself would wait for ever
        tickets: list[Ticket] = []
        if not own_thread:
            tickets += self._post(("traces", "logs"), deadline, ending=ending)
            self._collect(deadline)
        if ending:
            self._close()
        if not own_thread:
            rest: Sequence[Signal] = SIGNALS if ending else ("metrics",)
            boundaries.update(self._accepted(rest))
            tickets += self._post(rest, deadline, ending=ending, last=ending)
        for ticket in tickets:
            ticket.done.wait(deadline - self._clock())
        return self._report(boundaries)

    def _accepted(self, signals: Sequence[Signal]) -> dict[Signal, int]:
        return {signal: self._accounts[signal].accepted() for signal in signals}

    def _post(
        self, signals: Sequence[Signal], deadline: float, *, ending: bool, last: bool = False
    ) -> list[Ticket]:
        tickets = []
        for worker in self._workers:
            boundaries = {
                lane: lane.queue.accepted.value() for lane in worker.lanes if lane.signal in signals
            }
            if boundaries or last:
                tickets.append(Ticket(boundaries, deadline, ending=ending, last=last))
                worker.post(tickets[-1])
        return tickets

    def _collect(self, deadline: float) -> None:
        """Collect in a thread of its own.

        No callback of the app's may hold us up, and in a signal handler this very thread may
        hold a lock of the SDK's.
        """
        if self._closed or not self._metrics.active:
            return
        done = Wakeup()

        def collect() -> None:
            self._metrics.collect(deadline - self._clock())
            done.set()

        def run() -> None:
            mark_own_thread()
            collect()

        try:
            threading.Thread(target=run, name="pepperpy-otel-collect", daemon=True).start()
        except RuntimeError:  # no thread can be started while the interpreter shuts down
            collect()
        else:
            done.wait(deadline - self._clock())

    def _close(self) -> None:
        self._closed = True
        for lanes in self._lanes.values():
            for lane in lanes:
                lane.queue.close()

    # --- the account -------------------------------------------------------------------------

    def _report(self, boundaries: Mapping[Signal, int]) -> FlushResult:
        counts = {
            signal: self._accounts[signal].report(boundary)
            for signal, boundary in boundaries.items()
        }
        return FlushResult(**_by_kind(counts))

    def stats(self) -> PipelineStats:
        """The counts since the start, and what is known of the destinations."""
        lanes = [lane for worker in self._workers for lane in worker.lanes]
        reasons: dict[str, int] = {}
        for account in self._accounts.values():
            for reason, count in account.dropped_by_reason().items():
                reasons[reason] = reasons.get(reason, 0) + count
        failures = [lane.last_error for lane in lanes if lane.last_error is not None]
        successes = [lane.last_success for lane in lanes if lane.last_success is not None]
        return PipelineStats(
            **_by_kind({signal: each.totals() for signal, each in self._accounts.items()}),
            dropped_by_reason=reasons,
            queue_bytes=sum(lane.queue.estimated_bytes for lane in lanes),
            last_error=max(failures)[1] if failures else None,
            last_success=max(successes, default=None),
        )


def _by_kind(counts: Mapping[Signal, LaneCounts]) -> dict[str, SignalCounts]:
    """From the kinds of each signal to the signals of each kind."""
    return {
        kind: SignalCounts(**{signal: getattr(each, kind) for signal, each in counts.items()})
        for kind in LaneCounts._fields
    }
