"""``Telemetry``: the handle that ``configure()`` returns, owner of all that must be stopped."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _current, _forks, stray
from pepperpy_otel.deadlines import DOWN_MILLIS, SLOW_MILLIS, left, limit
from pepperpy_otel.delivery.counts import SIGNALS, FlushResult, PipelineStats
from pepperpy_otel.errors import guarded
from pepperpy_otel.expectations import Expectations
from pepperpy_otel.ledger import Ledger, RollbackReport
from pepperpy_otel.lifecycle import begin
from pepperpy_otel.resource import another_instance

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider
    from typing_extensions import Self

    from pepperpy_otel.backup import BackupReport, ImportReport
    from pepperpy_otel.covered import CoverageReport
    from pepperpy_otel.delivery.delivers import Delivers
    from pepperpy_otel.health import HealthChecker
    from pepperpy_otel.settings import Settings


class Telemetry:
    """Everything that one ``configure()`` set up.

    Args:
        settings: What was asked for, each value with its source.
        resource: Who is speaking.
        tracer_provider: Ours, or the foreign one that was adopted.
        meter_provider: Likewise.
        logger_provider: Likewise.
        health: The current health checker.
        pipeline: What sends; ``None`` when telemetry is disabled.
        snapshot: Collects the current metrics without disturbing what is sent.
        prometheus_address: Where the endpoint really listens.
        ledger: What has to be undone; parts that are set up later record there too.
        flushers: Flush the parts that are the user's own (seconds → nothing).
        stoppers: Make all inert, in the order to be called.
        renewers: Give a provider the resource of a forked child.
        stop_collecting: Called when the last metrics were collected: what ends must not collect a
            second time, which would send every stream twice, and a delta as zero.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        resource: Resource,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        logger_provider: LoggerProvider,
        health: HealthChecker,
        pipeline: Delivers | None = None,
        snapshot: Callable[[float], MetricsData | None] | None = None,
        prometheus_address: tuple[str, int] | None = None,
        ledger: Ledger | None = None,
        flushers: Sequence[Callable[[float], object]] = (),
        stoppers: Sequence[Callable[[], object]] = (),
        renewers: Sequence[Callable[[Resource], object]] = (),
        stop_collecting: Callable[[], object] = bool,
    ) -> None:
        self.settings = settings
        self.resource = resource
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.logger_provider = logger_provider
        self.health = health
        self.prometheus_address = prometheus_address
        self._pipeline = pipeline
        self._snapshot = snapshot
        self.ledger = ledger if ledger is not None else Ledger()
        self._flushers = tuple(flushers)
        self._stoppers = tuple(stoppers)
        self._renewers = tuple(renewers)
        self._stop_collecting = stop_collecting
        self._lock = threading.RLock()
        self.expectations = Expectations()
        self._ended = False
        self._end_result = FlushResult()

    def force_flush(self, timeout_millis: float = 5000) -> FlushResult:
        """Send what is queued now and wait for the answer.

        Args:
            timeout_millis: Milliseconds, at most, whatever the destination does.

        Returns:
            Truthy only if everything accepted so far was delivered.
        """
        deadline = time.monotonic() + limit(timeout_millis, SLOW_MILLIS) / 1000
        result = FlushResult()
        with guarded("force_flush"):
            foreign = self._flush_foreign(deadline)
            if self._pipeline is not None:
                result = self._pipeline.flush(left(deadline))
            for wait in foreign:
                wait(left(deadline))
        return result

    def shutdown(self, timeout_millis: float | None = None) -> FlushResult:
        """Flush, then stop everything; traces, then logs, then metrics, in one time limit.

        A second call returns what the first one did.

        Args:
            timeout_millis: Milliseconds. ``None`` takes ``shutdown_timeout_millis``, or 2 s, 5 s
                while the destination goes on accepting.
        """
        with self._lock:
            if self._ended:
                return self._end_result
            self._ended = True
            timeout_millis = limit(timeout_millis, self.settings.shutdown_timeout_millis)
            now = self.stats()  # what a signal handler learns that calls this in the middle of it
            self._end_result = FlushResult(spooled=now.spooled, pending=now.pending)
            with guarded("shutdown"):
                self._end_result = self._end(timeout_millis)
            if _current.get() is self:
                _current.set_current(None)
            return self._end_result

    def rollback(self) -> RollbackReport:
        """Deliver what is pending, then put the process back to what it was before configure().

        Returns:
            Each thing that was restored. ``configure()`` works again afterwards.
        """
        with self._lock:
            flush = self.shutdown()
            report = self.ledger.undo(flush)
            if _current.last() is self:
                _current.set_current(None, forget=True)
            return report

    def stats(self) -> PipelineStats:
        """The counts since start, drop reasons, queue size, last error and last success."""
        with guarded("stats"):
            if self._pipeline is not None:
                return self._pipeline.stats()
        return PipelineStats()

    def metrics_snapshot(self) -> MetricsData | None:
        """The current metrics, read without disturbing what is sent; ``None`` when disabled."""
        with guarded("metrics snapshot"):
            if self._snapshot is not None and not self._ended:
                return self._snapshot(SLOW_MILLIS)
        return None

    def backup(self, directory: str | os.PathLike[str], *, legacy: Any = None) -> BackupReport:
        """Write what this process holds into a directory; see ``pepperpy_otel.backup.backup``."""
        from pepperpy_otel.backup import backup

        return backup(directory, self, legacy=legacy)

    def import_backup(self, path: str | os.PathLike[str]) -> ImportReport:
        """Bring health history and log events of a backup back into this process."""
        from pepperpy_otel.backup import import_backup

        return import_backup(path, self.health)

    def expect(
        self,
        *,
        metrics: Iterable[str] = (),
        operations: Iterable[str] = (),
        log_events: Iterable[str] = (),
        components: Iterable[str] = (),
    ) -> None:
        """Declare what is critical, by name: ``coverage()`` says which of it was seen.

        Operations are spans, log events names or messages as in the code, components health checks.
        """
        self.expectations.add(self, (metrics, operations, log_events, components))

    def coverage(self) -> CoverageReport:
        """Which of what is expected was really seen, when last, and what is missing."""
        return self.expectations.report(self)

    def holding(self) -> dict[str, Any]:
        """What waits in memory, by signal (``delivery.waiting.Waiting``); it stays there."""
        look = getattr(self._pipeline, "waiting", None)
        return {} if look is None else {signal: look(signal) for signal in SIGNALS}

    def at_end(self, stop: Callable[[], object]) -> None:
        """Stop one more part when all is delivered, before those that were there."""
        self._stoppers = (stop, *self._stoppers)

    def at_fork(self, close: Callable[[], object]) -> None:
        """Let go of one more part in a forked child."""
        self._renewers = (*self._renewers, lambda _: close())

    def become_child(self) -> None:
        """Speak as another instance, in a forked child; one that the user named is kept.

        Several processes then write one stream, as the user has asked for
        (https://github.com/open-telemetry/opentelemetry-python/issues/5660).
        """
        # Held by another thread, it ends or rolls back the parent: the child is only beginning.
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._ended = False
        self._lock = threading.RLock()
        self.ledger.after_fork()
        if self._ended:
            return
        if self._pipeline and "service.instance.id" not in self.settings.resource_attributes:
            self.resource = another_instance(self.resource)
        for renew in self._renewers:
            renew(self.resource)
        if _forks.is_stray():
            stray.end_with_thread(self)

    def hurry(self) -> None:
        """Send at once, from now on, whatever ends, and take no more work: the end is near."""
        if self._pipeline is not None:
            self._pipeline.hurry()
        with guarded("health.drain"):
            self.health.drain()

    def deliver(self) -> FlushResult:
        """Deliver like ``shutdown()``, with its limits, and stay at work: others may go on."""
        return self._deliver(self.settings.shutdown_timeout_millis)[0]

    def end_limit(self) -> float:
        """Seconds that ``deliver()`` takes at most."""
        configured = self.settings.shutdown_timeout_millis
        return (SLOW_MILLIS if configured is None else configured) / 1000

    def _end(self, timeout_millis: float | None) -> FlushResult:
        result, deadline = self._deliver(timeout_millis, last=True)
        if self._pipeline is not None:
            result = result.followed_by(self._pipeline.shutdown(left(deadline)))
        for stop in self._stoppers:
            with guarded("shutdown"):
                stop()
        return result

    def _deliver(
        self, timeout_millis: float | None, *, last: bool = False
    ) -> tuple[FlushResult, float]:
        """Deliver all within the limit; gives the result and the moment when it is over."""
        now = time.monotonic()
        deadline = now + (DOWN_MILLIS if timeout_millis is None else timeout_millis) / 1000
        extended = now + SLOW_MILLIS / 1000 if timeout_millis is None else deadline
        foreign = self._flush_foreign(deadline)
        result = FlushResult()
        if self._pipeline is not None:
            result = self._pipeline.flush(left(deadline))
            if last:
                self._stop_collecting()
            result = self._go_on(self._pipeline, result, extended)
        for wait in foreign:
            wait(left(deadline))
        return result, deadline

    def _go_on(self, pipeline: Delivers, result: FlushResult, extended: float) -> FlushResult:
        """Give a slow destination the longer limit for as long as it goes on accepting."""
        accepting = result.delivered.total > 0
        while result.pending.total and accepting and (now := time.monotonic()) < extended:
            step = pipeline.flush(min(DOWN_MILLIS / 2000, extended - now))
            accepting = step.delivered.total > 0
            result = result.followed_by(step)
        return result

    def _flush_foreign(self, deadline: float) -> list[Callable[[float], None]]:
        """Set off the flushes of what is the user's own; gives what waits for each."""
        where = "a processor or reader of the application"
        return [begin(partial(flush, left(deadline)), where) for flush in self._flushers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        service = self.resource.attributes.get("service.name", "?")
        state = "shut down" if self._ended else "running"
        return f"<Telemetry of {service!r}, {state}>"
