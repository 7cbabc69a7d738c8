"""Health as telemetry: gauges, a histogram of runs, a counter and a log event of changes, spans.

All of it goes through the providers that it is given, anybody's; nothing is measured here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import StatusCode

from pepperpy_otel.errors import guarded, never_raises
from pepperpy_otel.health import names
from pepperpy_otel.health.gauges import gauges_of
from pepperpy_otel.health.masking import mask
from pepperpy_otel.health.status import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext, TracerProvider

    from pepperpy_otel.health.checker import HealthChecker
    from pepperpy_otel.health.status import HealthRun, Transition

#: Bounds of the run histogram in seconds: probes take milliseconds, and time out at some seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
#: Which runs get a span: none, those that changed a status, or also those that failed.
SPANS = ("off", "change", "failure")
_FAILED = frozenset({"fail", "timeout"})


def report(
    checker: HealthChecker,
    *,
    meter_provider: MeterProvider,
    logger_provider: LoggerProvider,
    tracer_provider: TracerProvider,
    status_instrument: str = "gauge",
    spans: str = "failure",
) -> Callable[[], None]:
    """Emit what ``checker`` finds, until the function that is returned is called.

    Args:
        checker: Whose verdicts.
        meter_provider: Gets the metrics.
        logger_provider: Gets an event ``health.check.transition`` for each change.
        tracer_provider: Gets the spans of runs.
        status_instrument: ``gauge`` or ``updowncounter``.
        spans: One of ``SPANS``.
    """
    reporter = _Reporter(meter_provider, logger_provider, tracer_provider)
    gauges = gauges_of(meter_provider)
    gauges.show(checker, status_instrument)
    ends = [
        checker.subscribe(reporter.changed),
        checker.observe_runs(reporter.ran),
        checker.observe_stalls(reporter.stalled),
    ]
    if spans != "off":
        also_failed = spans == "failure"

        def traced(run: HealthRun, changed: bool) -> SpanContext | None:
            return reporter.span(run) if changed or also_failed else None

        ends.append(checker.trace_runs(traced))

    def stop() -> None:
        gauges.hide(checker)
        for end in ends:
            end()

    return stop


class _Reporter:
    def __init__(
        self,
        meter_provider: MeterProvider,
        logger_provider: LoggerProvider,
        tracer_provider: TracerProvider,
    ) -> None:
        meter = meter_provider.get_meter(names.SCOPE)
        self._durations = meter.create_histogram(
            names.CHECK_DURATION,
            "s",
            "Duration of the runs of a health check.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._transitions = meter.create_counter(
            names.CHECK_TRANSITIONS, "{transition}", "Changes of a health check's state."
        )
        self._stalls = meter.create_histogram(
            names.PROCESS_STALL, "s", "Times for which the process or its event loop stood still."
        )
        self._logger = logger_provider.get_logger(names.SCOPE)
        self._tracer = tracer_provider.get_tracer(names.SCOPE)

    def ran(self, name: str, duration: float, result: str, error_type: str | None) -> None:
        """Count one run of a check."""
        with guarded("a health metric"):
            self._durations.record(duration, _attributes(name, result, error_type))

    def stalled(self, kind: str, seconds: float) -> None:
        """Count one stall of our own."""
        with guarded("a health metric"):
            self._stalls.record(seconds, {names.STALL_KIND: kind})

    def changed(self, transition: Transition) -> None:
        """Count and tell of one change, in the trace of the run that brought it."""
        with guarded("a health event"):
            state = transition.after.status.value
            self._transitions.add(1, {names.CHECK_NAME: transition.name, names.CHECK_STATE: state})
            self._emit(transition)

    def _emit(self, transition: Transition) -> None:
        name, before, after = transition.name, transition.before, transition.after
        better = after.status is HealthStatus.HEALTHY
        context = None
        if transition.span_context is not None:
            context = trace.set_span_in_context(trace.NonRecordingSpan(transition.span_context))
        summary = f" ({mask(after.summary)})" if after.summary else ""
        self._logger.emit(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO if better else SeverityNumber.WARN,
            severity_text="INFO" if better else "WARN",
            body=f"{name}: {before.status.value} -> {after.status.value}{summary}",
            attributes={
                names.CHECK_NAME: name,
                names.STATE_FROM: before.status.value,
                names.STATE_TO: after.status.value,
                names.CHECK_REASON: after.reason.name,
                names.CHECK_CRITICAL: after.critical,
            },
            event_name=names.TRANSITION_EVENT,
        )

    @never_raises("a health span", default=cast("SpanContext | None", None))
    def span(self, run: HealthRun) -> SpanContext | None:
        """A span for a run that is over: whether it is worth one is only known then."""
        error = None if run.error is None else type(run.error).__name__
        span = self._tracer.start_span(
            f"{names.RUN_SPAN} {run.name}",
            attributes=_attributes(run.name, run.result, error),
            start_time=int(run.started_at * 1e9),
        )
        if run.result in _FAILED:
            span.set_status(StatusCode.ERROR, mask(run.summary))
        span.end(int(run.ended_at * 1e9))
        return span.get_span_context()


def _attributes(name: str, result: str, error: str | None) -> dict[str, Any]:
    attributes = {names.CHECK_NAME: name, names.CHECK_RESULT: result}
    if error is not None:
        attributes[names.ERROR_TYPE] = error
    return attributes
