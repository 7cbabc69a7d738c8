"""The three globals of OpenTelemetry: ours are set, others are adopted.

Our providers are durable: OpenTelemetry lets a global provider be set once in a process, and
tracers, meters and loggers that were handed out hold on to it. So the very same three objects are
set once, made inert by ``rollback()`` and armed again by the next ``configure()``. A provider of
the SDK that somebody else has set is adopted (our parts are added to it), never fought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat
from pepperpy_otel.errors import guarded, warn
from pepperpy_otel.lifecycle import call_within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import LogRecordLimits, LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.metrics.view import View
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from pepperpy_otel.configurators import Configurator
    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.logging.provider import LoggerProvider
    from pepperpy_otel.metrics.provider import MeterProvider
    from pepperpy_otel.tracing.provider import TracerProvider

#: Seconds that a processor or reader of the app's own may take to end.
STOP_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Durable:
    """The three providers of this process that are ours."""

    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider


@dataclass(frozen=True, slots=True)
class Seat:
    """One global, as it is after it was taken or adopted.

    Attributes:
        provider: What the handle shows: ours, or the adopted one.
        own: Ours, ``None`` where another one was adopted.
        stop: Makes our part in it inert.
    """

    provider: Any
    own: Any
    stop: Callable[[], None]


_durable: Durable | None = None


def durable() -> Durable:
    """Our three providers, inert until they are armed; the same ones for the whole process."""
    global _durable
    if _durable is None:
        from pepperpy_otel.logging.provider import LoggerProvider
        from pepperpy_otel.metrics.provider import MeterProvider
        from pepperpy_otel.tracing.provider import TracerProvider

        _durable = Durable(TracerProvider(), MeterProvider(), LoggerProvider())
    return _durable


def seat_tracing(
    ledger: Ledger,
    *,
    resource: Resource,
    sampler: Sampler,
    id_generator: IdGenerator,
    span_limits: SpanLimits,
    processors: Sequence[SpanProcessor],
    configurator: Configurator | None = None,
) -> Seat:
    """Take the global TracerProvider, or join the one that is there."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    from pepperpy_otel.tracing.processors import FanOut

    own, current = durable().tracer, trace.get_tracer_provider()
    if isinstance(current, TracerProvider) and current is not own:
        joined = FanOut()
        joined.replace(processors)
        current.add_span_processor(joined)
        _record_joining(
            ledger,
            "span processor in the app's TracerProvider",
            lambda: _compat.remove_span_processor(current, joined),
        )
        return Seat(current, None, lambda: joined.replace(()))
    own.arm(
        sampler=sampler,
        resource=resource,
        id_generator=id_generator,
        span_limits=span_limits,
        processors=processors,
        tracer_configurator=configurator,
    )
    _occupy("traces", own, current, trace.set_tracer_provider, ledger)
    return Seat(own, own, own.disarm)


def seat_metrics(
    ledger: Ledger,
    *,
    resource: Resource,
    views: Sequence[View],
    exemplar_filter: str,
    readers: Sequence[MetricReader],
    configurator: Configurator | None = None,
) -> Seat:
    """Take the global MeterProvider, or join the one that is there."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider

    own, current = durable().meter, metrics.get_meter_provider()
    if isinstance(current, MeterProvider) and current is not own:
        for reader in readers:
            current.add_metric_reader(reader)

        def leave() -> None:
            for reader in readers:
                with guarded("leaving the app's MeterProvider"):
                    current.remove_metric_reader(reader)

        ledger.record("metric readers in the app's MeterProvider", lambda: None)
        return Seat(current, None, leave)
    own.arm(resource=resource, views=views, exemplar_filter=exemplar_filter, readers=readers)
    if configurator is not None:
        ledger.record_inert("", _compat.set_configurator(own, "meter", configurator))
    _occupy("metrics", own, current, metrics.set_meter_provider, ledger)
    return Seat(own, own, own.disarm)


def seat_logging(
    ledger: Ledger,
    *,
    resource: Resource,
    limits: LogRecordLimits,
    processors: Sequence[LogRecordProcessor],
    configurator: Configurator | None = None,
) -> Seat:
    """Take the global LoggerProvider, or join the one that is there."""
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider

    from pepperpy_otel.logging.fanout import FanOut

    own, current = durable().logger, _logs.get_logger_provider()
    if isinstance(current, LoggerProvider) and current is not own:
        joined = FanOut()
        joined.replace(processors)
        current.add_log_record_processor(joined)
        _record_joining(
            ledger,
            "log record processor in the app's LoggerProvider",
            lambda: _compat.remove_log_record_processor(current, joined),
        )
        return Seat(current, None, lambda: joined.replace(()))
    own.arm(resource=resource, limits=limits, processors=processors)
    if configurator is not None:
        ledger.record_inert("", _compat.set_configurator(own, "logger", configurator))
    _occupy("logs", own, current, _logs.set_logger_provider, ledger)
    return Seat(own, own, own.disarm)


def ender(parts: Sequence[Any]) -> Callable[[], None]:
    """What shuts down the processors that are the user's own, each in a bounded time."""

    def end() -> None:
        for part in parts:
            call_within(STOP_TIMEOUT, part.shutdown, f"shutdown of {type(part).__qualname__}")

    return end


def _occupy(
    signal: str, own: Any, current: Any, take: Callable[[Any], None], ledger: Ledger
) -> None:
    if current is own:
        return
    if _compat.is_unset_provider(current):
        take(own)
        ledger.record_inert(f"global provider of {signal}")
        return
    kind = type(current)
    warn(
        "the global provider of %s is %s.%s, which is not the OpenTelemetry SDK's and keeps what "
        "is recorded through the OpenTelemetry API; call configure() before it is set",
        *(signal, kind.__module__, kind.__qualname__),
    )


def _record_joining(ledger: Ledger, what: str, leave: Callable[[], bool]) -> None:
    def undo() -> None:
        if not leave():
            raise RuntimeError("it could not be taken out and stays, inert")

    ledger.record(what, undo)
