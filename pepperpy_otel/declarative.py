"""``OTEL_CONFIG_FILE``: the SDK's declarative configuration builds the providers, we join them.

The specification lets the file say everything: exporters, samplers, readers, resource. So our
exporters stay out; the log handler, health, instrumentation, lifecycle and rollback are added to
what the file built. Its exporters are upstream's, whose ``force_flush`` says True after losing
everything, hence ``ObservedPipeline``: it counts what each export call really answered.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat, _forks
from pepperpy_otel.correlation import install as correlation
from pepperpy_otel.delivery.collection import measure
from pepperpy_otel.delivery.counts import SIGNALS, FlushResult, PipelineStats, Signal, SignalCounts
from pepperpy_otel.delivery.tally import Tally
from pepperpy_otel.errors import ConfigurationError, guarded
from pepperpy_otel.health import current as current_health
from pepperpy_otel.lifecycle import call_within
from pepperpy_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.settings import Settings

VARIABLE = "OTEL_CONFIG_FILE"


def apply(path: str, setting: str, source: str) -> None:
    """Let the SDK build and set the providers that the file describes.

    Args:
        path: The YAML or JSON file.
        setting: Name under which the user gave it.
        source: Where that was.

    Raises:
        ConfigurationError: The file or the package that reads it cannot be used.
    """
    try:
        from opentelemetry.configuration import configure_sdk, load_config_file
    except ImportError as error:
        raise ConfigurationError(
            setting,
            path,
            source,
            "needs a package that is not installed",
            "run: pip install 'pepperpy-otel[config-file]'",
        ) from error
    try:
        with _quiet_unless_it_works():
            configure_sdk(load_config_file(path))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            setting,
            path,
            source,
            f"cannot be applied ({type(error).__name__}: {reason})",
            "correct the file or unset the variable",
        ) from error


class _Held(logging.Handler):
    """Keeps records instead of showing them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextlib.contextmanager
def _quiet_unless_it_works() -> Iterator[None]:
    """Upstream logs a traceback for a broken file and raises too: one line of ours is enough."""
    upstream = logging.getLogger("opentelemetry.configuration")
    held, propagate = _Held(), upstream.propagate
    upstream.addHandler(held)
    upstream.propagate = False
    try:
        yield
    finally:
        upstream.removeHandler(held)
        upstream.propagate = propagate
    for record in held.records:  # what it says of a file that works is for the user
        logging.getLogger(record.name).handle(record)


def join(settings: Settings, ledger: Ledger) -> Telemetry:
    """The handle over the providers that the file described; a signal it left out stays no-op."""
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from pepperpy_otel.metrics.reader import build_readers

    tracer, meter, logger = (
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        _logs.get_logger_provider(),
    )
    built: dict[Signal, Any] = {}
    if isinstance(tracer, TracerProvider):
        built["traces"] = tracer
    if isinstance(logger, LoggerProvider):
        built["logs"] = logger
    correlation.join(settings, built)
    snapshot = None
    if isinstance(meter, MeterProvider):
        built["metrics"] = meter
        reader = build_readers().snapshot
        meter.add_metric_reader(reader)
        snapshot = partial(reader.collect_for, "collect")
    resource = getattr(tracer, "resource", None) or getattr(logger, "resource", None)
    for signal, provider in built.items():
        # One exit hook for all, ours: theirs wait for a dead destination one after the other.
        atexit.unregister(provider.shutdown)
        ledger.record_inert(f"global provider of {signal} from {VARIABLE}")
    return Telemetry(
        settings=settings,
        resource=resource or Resource.get_empty(),
        tracer_provider=tracer,
        meter_provider=meter,
        logger_provider=logger,
        health=current_health(),
        pipeline=ObservedPipeline(built),
        snapshot=snapshot,
        ledger=ledger,
    )


class _Tally:
    """Items of one signal: made here, and what their exporters answered."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Count from zero: how a forked child starts."""
        self.accepted, self.delivered, self.dropped = Tally(), Tally(), Tally()

    def counts(self) -> tuple[int, int, int]:
        """Delivered, dropped, pending."""
        delivered, dropped = self.delivered.value(), self.dropped.value()
        return delivered, dropped, max(0, self.accepted.value() - delivered - dropped)


class ObservedPipeline:
    """Flush, shut down and count for providers whose exporters are not ours.

    Args:
        providers: The SDK provider of each signal; a signal without one is left out.
    """

    def __init__(self, providers: Mapping[Signal, Any]) -> None:
        self._providers = {signal: providers[signal] for signal in SIGNALS if signal in providers}
        self._tallies = {signal: _Tally() for signal in SIGNALS}
        self._reported: dict[Signal, tuple[int, int]] = dict.fromkeys(SIGNALS, (0, 0))
        self._last_error: str | None = None
        self._last_success: float | None = None
        _forks.follow(self)
        for signal, provider in self._providers.items():
            exporters = _compat.exporters_of(provider)
            if exporters:  # the first one speaks for the signal; the others are not counted
                self._observe(signal, exporters[0])
        if "traces" in self._providers:
            self._providers["traces"].add_span_processor(_CountSpans(self._tallies["traces"]))
        if "logs" in self._providers:
            self._providers["logs"].add_log_record_processor(_CountLogs(self._tallies["logs"]))

    def _observe(self, signal: Signal, exporter: Any) -> None:
        export, tally = exporter.export, self._tallies[signal]

        def counted(batch: Any, *args: Any, **kwargs: Any) -> Any:
            size = measure(batch)[0] if signal == "metrics" else len(batch)
            error: str | None = "the exporter raised"
            try:
                answer = export(batch, *args, **kwargs)
                error = None if answer.name == "SUCCESS" else f"the exporter said {answer.name}"
                return answer
            finally:
                if signal == "metrics":
                    tally.accepted.add(size)
                if error is None:
                    tally.delivered.add(size)
                    self._last_success = time.time()
                else:
                    tally.dropped.add(size)
                    self._last_error = f"{signal}: {error}"

        exporter.export = counted

    def flush(self, timeout: float) -> FlushResult:
        """Flush every provider within the limit (seconds), in the order traces, logs, metrics."""
        self._on_each("force_flush", timeout)
        return self._result()

    def shutdown(self, timeout: float) -> FlushResult:
        """Flush and shut every provider down within the limit (seconds)."""
        self._on_each("shutdown", timeout)
        return self._result()

    def after_fork(self) -> None:
        """In a forked child: counts from zero, metrics too, and none of their locks held."""
        self._reported = dict.fromkeys(SIGNALS, (0, 0))
        for tally in self._tallies.values():
            tally.reset()
        if "metrics" in self._providers:
            _compat.restart_adopted_metrics(self._providers["metrics"])

    def hurry(self) -> None:
        """The processors of the file have no way to be told."""

    def stats(self) -> PipelineStats:
        """The counts since start."""
        counts = {signal: self._tallies[signal].counts() for signal in SIGNALS}
        return PipelineStats(
            delivered=SignalCounts(**{signal: each[0] for signal, each in counts.items()}),
            dropped=SignalCounts(**{signal: each[1] for signal, each in counts.items()}),
            pending=SignalCounts(**{signal: each[2] for signal, each in counts.items()}),
            last_error=self._last_error,
            last_success=self._last_success,
        )

    def _on_each(self, method: str, timeout: float) -> None:
        """One thread goes through the providers; upstream ignores limits, so we leave it behind."""
        where = f"{method} of a provider from {VARIABLE}"

        def run() -> None:
            for provider in self._providers.values():
                with guarded(where):
                    getattr(provider, method)()

        call_within(timeout, run, where)

    def _result(self) -> FlushResult:
        now = {signal: self._tallies[signal].counts() for signal in SIGNALS}
        before, self._reported = self._reported, {s: (c[0], c[1]) for s, c in now.items()}
        return FlushResult(
            delivered=SignalCounts(**{s: c[0] - before[s][0] for s, c in now.items()}),
            dropped=SignalCounts(**{s: c[1] - before[s][1] for s, c in now.items()}),
            pending=SignalCounts(**{s: c[2] for s, c in now.items()}),
        )


class _CountSpans(SpanProcessor):
    """Counts what the file's processors are given."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """One more span, if it is sampled."""
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._tally.accepted.increment()

    def shutdown(self) -> None:
        """Nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do."""
        return True


class _CountLogs(LogRecordProcessor):
    """Counts what the file's processors are given."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """One more record."""
        self._tally.accepted.increment()

    def shutdown(self) -> None:
        """Nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do."""
        return True
