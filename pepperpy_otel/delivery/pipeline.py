"""The pipeline: from the SDK's processors to every destination, and the honest account of it.

pipeline = Pipeline([destination], limits, metric_interval=60.0, metric_timeout=30.0)
tracer_provider.add_span_processor(pipeline.span_processor())
pipeline.start()
result = pipeline.flush(5.0)   # FlushResult: truthy only if everything arrived
"""

from __future__ import annotations

import random as _random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _native
from pepperpy_otel.delivery import forks
from pepperpy_otel.delivery.account import Account, LaneCounts
from pepperpy_otel.delivery.collection import MetricCollection
from pepperpy_otel.delivery.counts import SIGNALS, FlushResult, PipelineStats, SignalCounts
from pepperpy_otel.delivery.guard import is_own_thread, mark_own_thread
from pepperpy_otel.delivery.tally import Wakeup
from pepperpy_otel.delivery.ticket import Ticket
from pepperpy_otel.delivery.worker import Worker
from pepperpy_otel.redaction import active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import SpanProcessor

    from pepperpy_otel.delivery.collection import Source
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Destination
    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.queue import QueueLimits
    from pepperpy_otel.delivery.waiting import Waiting

#: How much of a flush's time is kept for writing to disk what was not delivered, and at most
#: how many seconds.
SAVING_SHARE = 0.25
LONGEST_SAVING = 0.5
#: Seconds that the end waits at least for what is left to be on disk, where there is a spool.
SAVING_AT_END = 0.3


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
        self._collected = Wakeup()
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

    def span_processor(self, edit: Any = None) -> SpanProcessor:
        """A processor that hands every sampled span that ended, edited, to the pipeline."""
        from pepperpy_otel.delivery.processors import PipelineSpanProcessor

        return PipelineSpanProcessor(self, [lane.queue for lane in self._lanes["traces"]], edit)

    def log_record_processor(self, edit: Any = None) -> LogRecordProcessor:
        """A processor that hands every log record, edited, to the pipeline."""
        from pepperpy_otel.delivery.processors import PipelineLogRecordProcessor

        return PipelineLogRecordProcessor(self, [lane.queue for lane in self._lanes["logs"]], edit)

    def report_to(self, provider: MeterProvider) -> Callable[[], None]:
        """Have a meter provider observe the queues, as ``otel.sdk.processor.*``.

        Returns:
            What ends it.
        """
        from pepperpy_otel.delivery.self_metrics import watch

        return watch([*self._lanes["traces"], *self._lanes["logs"]], provider)

    def waiting(self, signal: Signal) -> Waiting:
        """What is in memory of a signal and not known to be delivered; it stays there."""
        from pepperpy_otel.delivery.waiting import waiting_in

        return waiting_in(self._lanes[signal])

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

    def hurry(self) -> None:
        """From now on send whatever is queued at once; nothing undoes it.

        For the time between a signal that ends the process and its end, in which nobody may come
        by to flush. Safe in a signal handler: it takes no lock and returns at once.
        """
        for worker in self._workers:
            worker.hurry()

    def after_fork(self) -> None:
        """In a forked child: nothing waits, counts are zero, threads and connections are new."""
        self._collected.set()  # a fork in a signal handler may have cut into the wait for it
        self._metrics.after_fork()
        for account in self._accounts.values():
            account.reset()
        for worker in self._workers:
            worker.after_fork()

    # --- delivering --------------------------------------------------------------------------

    def _deliver(self, deadline: float, *, ending: bool) -> FlushResult:
        """Traces and logs set off at once; metrics follow when they are collected."""
        boundaries = self._accepted(SIGNALS)
        now = self._clock()
        own_thread = is_own_thread()  # a worker that waits for itself would wait for ever
        tickets: list[Ticket] = []
        ask = partial(
            self._post,
            deadline=deadline,
            since=now,
            spool_at=deadline - min(SAVING_SHARE * (deadline - now), LONGEST_SAVING),
            ending=ending,
        )
        if not own_thread:
            tickets += ask(("traces", "logs"))
            self._collect(deadline)
        if ending:
            self._close()
        if not own_thread:
            rest: Sequence[Signal] = SIGNALS if ending else ("metrics",)
            boundaries.update(self._accepted(rest))
            tickets += ask(rest, last=ending, replays=True)
        if ending and any(worker.spool is not None for worker in self._workers):
            deadline = max(deadline, now + SAVING_AT_END)
        for ticket in tickets:
            ticket.done.wait(deadline - self._clock())
        return self._report(boundaries)

    def _accepted(self, signals: Sequence[Signal]) -> dict[Signal, int]:
        return {signal: self._accounts[signal].accepted() for signal in signals}

    def _post(self, signals: Sequence[Signal], **what: Any) -> list[Ticket]:
        tickets = []
        for worker in self._workers:
            boundaries = {
                lane: lane.queue.accepted.value() for lane in worker.lanes if lane.signal in signals
            }
            ticket = Ticket(boundaries, **what)
            if boundaries or ticket.last or (ticket.replays and worker.spool is not None):
                tickets.append(ticket)
                worker.post(ticket)
        return tickets

    def _collect(self, deadline: float) -> None:
        """Collect in a thread of its own.

        No callback of the app's may hold us up, and in a signal handler this very thread may
        hold a lock of the SDK's.
        """
        if self._closed or not self._metrics.active:
            return
        done = self._collected = Wakeup()

        def collect() -> None:
            try:
                self._metrics.collect(deadline - self._clock())
            finally:
                done.set()

        def run() -> None:
            mark_own_thread()
            collect()

        try:
            forks.start(_native.thread(run, "pepperpy-otel-collect"))
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
        errors = [lane.backoff.last_error for lane in lanes]
        failures = [error for error in errors if error is not None]
        successes = [lane.last_success for lane in lanes if lane.last_success is not None]
        return PipelineStats(
            **_by_kind({signal: each.totals() for signal, each in self._accounts.items()}),
            dropped_by_reason=reasons,
            queue_bytes=sum(lane.queue.estimated_bytes for lane in lanes),
            last_error=max(failures)[1] if failures else None,
            last_success=max(successes, default=None),
            recovered=SignalCounts(
                **{signal: account.recovered() for signal, account in self._accounts.items()}
            ),
            failures_in_a_row=max((lane.failures for lane in lanes), default=0),
            queue_share=max((lane.queue.fullness for lane in lanes), default=0.0),
            redacted=active.counts(),
        )


def _by_kind(counts: Mapping[Signal, LaneCounts]) -> dict[str, SignalCounts]:
    """From the kinds of each signal to the signals of each kind."""
    return {
        kind: SignalCounts(**{signal: getattr(each, kind) for signal, each in counts.items()})
        for kind in LaneCounts._fields
    }
