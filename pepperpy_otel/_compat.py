"""The only module that touches a private OpenTelemetry name.

Each function says which private names it uses and why no public one serves;
``tests/test_compat.py`` fails when one of them moves.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


# --- globals ---------------------------------------------------------------------------------


def is_unset_provider(provider: Any) -> bool:
    """Whether ``provider`` is what the API answers while nobody has set one.

    The API's placeholder is public for traces (``ProxyTracerProvider``) and private for metrics
    and logs (``_ProxyMeterProvider``, ``ProxyLoggerProvider``); there is no public question.
    """
    from opentelemetry._logs._internal import ProxyLoggerProvider
    from opentelemetry.metrics._internal import _ProxyMeterProvider
    from opentelemetry.trace import ProxyTracerProvider

    return isinstance(provider, (ProxyTracerProvider, _ProxyMeterProvider, ProxyLoggerProvider))


def remove_span_processor(provider: Any, processor: Any) -> bool:
    """Take a processor out of a foreign SDK TracerProvider (private: ``_span_processors``).

    Returns:
        Whether it is out; else it stays, inert.
    """
    return _remove(getattr(provider, "_active_span_processor", None), "_span_processors", processor)


def remove_log_record_processor(provider: Any, processor: Any) -> bool:
    """Take a processor out of a foreign SDK LoggerProvider (``_log_record_processors``)."""
    owner = getattr(provider, "_multi_log_record_processor", None)
    return _remove(owner, "_log_record_processors", processor)


def _remove(owner: Any, name: str, item: Any) -> bool:
    before: Iterable[Any] = getattr(owner, name, ())
    after = tuple(other for other in before if other is not item)
    if not isinstance(before, tuple) or len(after) == len(before):
        return False
    setattr(owner, name, after)
    return True


def propagator_kinds(propagator: Any) -> list[type]:
    """The types of a composite propagator's parts (``_propagators``), which it does not show."""
    return [type(part) for part in getattr(propagator, "_propagators", (propagator,))]


def exporters_of(provider: Any) -> list[Any]:
    """The exporters behind an SDK provider that somebody else built.

    Only ``span_exporter`` is public. Private: the provider's processors and readers, and
    ``_batch_processor._exporter``, ``_exporter`` of those. What cannot be reached is left out.
    """
    spans = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    records = getattr(provider, "_multi_log_record_processor", None)
    logs = getattr(records, "_log_record_processors", ())
    readers = getattr(provider, "_metric_readers", ())
    found = []
    for part in (*spans, *logs, *readers):
        inner = getattr(part, "_batch_processor", part)
        exporter = getattr(part, "span_exporter", None) or getattr(inner, "_exporter", None)
        if exporter is not None:
            found.append(exporter)
    return found


# --- delivery --------------------------------------------------------------------------------


@contextlib.contextmanager
def instrumentation_suppressed() -> Iterator[None]:
    """Keep instrumentations from observing what this thread does meanwhile.

    Private: ``_SUPPRESS_INSTRUMENTATION_KEY``. Its public form,
    ``opentelemetry.instrumentation.utils.suppress_instrumentation``, imports wrapt, the
    propagators and ``urllib.parse``, and sets the key's older, plain name too, as we do.
    """
    from opentelemetry import context

    suppressed = context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True)
    token = context.attach(context.set_value("suppress_instrumentation", True, suppressed))
    try:
        yield
    finally:
        context.detach(token)


def stock_encoder(signal: str) -> Callable[[Any], Any]:
    """The exporters' function from SDK records to a protobuf request (``_log_encoder``)."""
    if signal == "traces":
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        return encode_spans
    if signal == "metrics":
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

        return encode_metrics
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    return encode_logs


# --- metrics ---------------------------------------------------------------------------------


def sdk_instrument_classes() -> tuple[type, ...]:
    """The SDK's seven kinds of instruments; the synchronous gauge is ``_Gauge`` even there."""
    from opentelemetry.sdk import metrics

    return (
        metrics.Counter,
        metrics.UpDownCounter,
        metrics.Histogram,
        metrics._Gauge,
        metrics.ObservableCounter,
        metrics.ObservableUpDownCounter,
        metrics.ObservableGauge,
    )


def install_consumer(provider: Any, make: Callable[[Any], Any]) -> Any:
    """Put our consumer of measurements into an SDK MeterProvider, and return it.

    Private: ``_sdk_config`` (handed to ``make``) and ``_measurement_consumer``. The SDK has no
    way to empty its own one, or to stop it, which a provider that comes back to life needs.
    """
    consumer = make(provider._sdk_config)
    provider._measurement_consumer = consumer
    return consumer


def set_metrics_configuration(
    provider: Any, *, resource: Any, views: Sequence[Any], exemplar_filter: Any
) -> None:
    """Replace what an SDK MeterProvider was made with (``_sdk_config``), in place."""
    provider._sdk_config.resource = resource
    provider._sdk_config.views = views
    provider._sdk_config.exemplar_filter = exemplar_filter


def replace_metrics_resource(provider: Any, resource: Any) -> None:
    """Replace the resource of an SDK MeterProvider (``_sdk_config``): a forked child's is new."""
    provider._sdk_config.resource = resource


def replace_meter_provider_fork_hook(provider: Any, hook: Callable[[Any], None]) -> None:
    """Have an SDK MeterProvider call ``hook(provider)`` in a forked child, not its own.

    Its own (``_handle_fork``) overwrites the user's ``service.instance.id`` and keeps the values
    that the parent has counted. To be called before the provider's ``__init__``, which takes a
    weak reference to the method; Python has no way to unregister a fork hook afterwards.
    """
    provider._handle_fork = MethodType(hook, provider)


def renew_meter_provider_locks(provider: Any) -> None:
    """Give an SDK MeterProvider locks that nobody holds, after a fork (as ``_handle_fork`` does).

    Private: ``_lock``, ``_meter_lock``, ``_all_metric_readers_lock``, and, what the SDK leaves out,
    ``_instrument_registration_lock`` and ``_instrument_ids_lock`` of its meters.
    """
    from opentelemetry.sdk.metrics import MeterProvider

    provider._lock = threading.Lock()
    provider._meter_lock = threading.Lock()
    MeterProvider._all_metric_readers_lock = threading.Lock()
    for meter in list(provider._meters.values()):
        meter._instrument_registration_lock = threading.Lock()
        meter._instrument_ids_lock = threading.Lock()


def meter_of(provider: Any, scope: Any, kind: Callable[..., Any]) -> Any:
    """The meter of a scope, made with ``kind`` if it is new (``_meters``, ``_meter_lock``).

    The SDK's ``get_meter`` always makes its own class, and refuses after ``shutdown()``.
    """
    with provider._meter_lock:
        meter = provider._meters.get(scope)
        if meter is None:
            meter = kind(
                scope,
                provider._measurement_consumer,
                _meter_config=provider._apply_meter_configurator(scope),
            )
            provider._meters[scope] = meter
        return meter


def meter_switch(meter: Any) -> Any:
    """What says whether a meter is enabled: ``.is_enabled`` (``_meter_config``), kept current."""
    return meter._meter_config


def announce_reader(provider: Any, reader: Any) -> None:
    """Tell a reader its provider, for its own metrics (``_set_meter_provider``).

    The SDK does so for readers given to the constructor only.
    """
    reader._set_meter_provider(provider)


def detach_reader(provider: Any, reader: Any) -> None:
    """Take a reader that was shut down out of an SDK MeterProvider.

    ``remove_metric_reader()`` first cuts the reader off and then shuts it down, so that its last
    collection is lost, with the lock of *all* providers held meanwhile. Private:
    ``_measurement_consumer``, ``_set_collect_callback``, ``_all_metric_readers`` and its lock.
    """
    provider._measurement_consumer.remove_metric_reader(reader)
    reader._set_collect_callback(None)
    with provider._all_metric_readers_lock:
        provider._all_metric_readers.discard(reader)


def new_metric_storage(configuration: Any, reader: Any, cardinality_limit: int) -> Any:
    """The SDK's aggregations for one reader (``MetricReaderStorage``), bounded on every version.

    Private: the reader's ``_instrument_class_*`` mappings. SDK 1.45.1 has no cardinality limit;
    there ``_attributes_aggregation`` of every stream is replaced by a bounded mapping.
    """
    from opentelemetry.sdk.metrics._internal import metric_reader_storage

    make: Any = metric_reader_storage.MetricReaderStorage
    temporality = reader._instrument_class_temporality
    aggregation = reader._instrument_class_aggregation
    limits = getattr(reader, "_instrument_class_cardinality_limit", None)
    if limits is not None:
        return make(configuration, temporality, aggregation, limits)
    storage = make(configuration, temporality, aggregation)
    _bound_streams(storage, cardinality_limit)
    return storage


def _bound_streams(storage: Any, limit: int) -> None:
    find = storage._get_or_init_view_instrument_match
    ready: dict[Any, Any] = {}

    def find_bounded(instrument: Any) -> Any:
        try:
            return ready[instrument]
        except KeyError:
            pass
        with storage._lock:
            if instrument not in ready:
                streams = find(instrument)
                for stream in streams:
                    stream._attributes_aggregation = _BoundedStream(limit)
                ready[instrument] = streams
            return ready[instrument]

    storage._get_or_init_view_instrument_match = find_bounded


class _BoundedStream(dict[Any, Any]):
    """Aggregations by attribute set; what comes after the limit shares one more of them.

    The SDK stores a new aggregation and then looks it up by the same key, in a second step.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._overflow: Any = None

    def __setitem__(self, key: Any, aggregation: Any) -> None:
        if len(self) < self._limit:
            super().__setitem__(key, aggregation)
        elif self._overflow is None:
            aggregation._attributes = {"otel.metric.overflow": True}
            self._overflow = aggregation

    def __missing__(self, key: Any) -> Any:
        return self._overflow

    def values(self) -> Any:
        """All aggregations, the shared one last: this is what is collected."""
        if self._overflow is None:
            return super().values()
        return [*super().values(), self._overflow]


# --- logs ------------------------------------------------------------------------------------


def suppression_keys() -> tuple[str, ...]:
    """Context keys that say "no telemetry of this" (private: ``_SUPPRESS_INSTRUMENTATION_KEY``).

    ``instrumentation.utils.is_instrumentation_enabled`` is the public question; importing it costs
    25 ms at start-up, and it looks the context up a second time for each log record.
    """
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    return (_SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation")


def sdk_logger_arguments(provider: Any, scope: Any) -> dict[str, Any]:
    """What the SDK's ``Logger`` takes from its provider.

    Private: ``_multi_log_record_processor``, ``_logger_metrics``, ``_log_record_limits``,
    ``_apply_logger_configurator`` and the keyword ``_logger_config``; a subclass of the public
    ``Logger`` has no other way to be made.
    """
    return {
        "resource": provider.resource,
        "multi_log_record_processor": provider._multi_log_record_processor,
        "instrumentation_scope": scope,
        "logger_metrics": provider._logger_metrics,
        "log_record_limits": provider._log_record_limits,
        "_logger_config": provider._apply_logger_configurator(scope),
    }


def track_logger(provider: Any, logger: Any) -> None:
    """Let a new logger configurator reach ``logger`` (``_active_loggers``)."""
    with provider._active_loggers_lock:
        provider._active_loggers.add(logger)


def logger_is_enabled(logger: Any) -> bool:
    """What the logger configurator says; ``enabled()`` also asks every processor."""
    return logger._is_enabled()  # type: ignore[no-any-return]


def count_log_record(logger: Any) -> None:
    """``otel.sdk.log.created``, when the SDK's own metrics are on (``_logger_metrics``)."""
    logger._logger_metrics.emit_log()


def fill_attributes(bounded: Any, items: dict[str, Any], dropped: int) -> None:
    """Put values that are clean already into an empty ``BoundedAttributes`` (``_dict``).

    Its public ``__setitem__`` cleans and locks for each item: 3 µs of the 30 that a record takes.
    """
    bounded._dict.update(items)
    bounded.dropped = dropped


def replace_fork_hook(provider_class: Any) -> None:
    """Keep the SDK from changing the resource after a fork (``_handle_fork``).

    It overwrites a ``service.instance.id`` that the user set
    (https://github.com/open-telemetry/opentelemetry-python/issues/5660); ours comes from
    ``replace_resource()``. The two locks that the parent may have held are made new, as there.
    """

    def after_in_child(provider: Any) -> None:
        provider._logger_cache_lock = threading.Lock()
        provider._active_loggers_lock = threading.Lock()

    provider_class._handle_fork = after_in_child


# --- tracing ---------------------------------------------------------------------------------


def silence_fork_hook(provider: Any) -> None:
    """Have an SDK TracerProvider do nothing in a forked child (private: ``_handle_fork``).

    Its own hook runs the resource detectors and overwrites the user's ``service.instance.id``.
    To be called before the provider's ``__init__``, which takes a weak reference to the method;
    Python has no way to unregister a fork hook afterwards.
    """
    provider._handle_fork = MethodType(lambda _: None, provider)


def ending_hook(processor: Any) -> Callable[[Any], None] | None:
    """A span processor's ``_on_ending``, or ``None`` where it does nothing or is missing."""
    from opentelemetry.sdk.trace import SpanProcessor

    hook = getattr(processor, "_on_ending", None)
    if getattr(hook, "__func__", None) is SpanProcessor._on_ending:
        return None
    return hook


def tracer_metrics(meter_provider: Any) -> Any:
    """What counts spans for ``otel.sdk.span.*``, or ``None`` while the user has not asked for it.

    Private: the module ``_tracer_metrics``, and the reader of its environment variable.
    """
    from opentelemetry.sdk.environment_variables import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED
    from opentelemetry.sdk.environment_variables._internal import (
        parse_boolean_environment_variable,
    )

    if not parse_boolean_environment_variable(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED):
        return None
    from opentelemetry.sdk.trace._tracer_metrics import create_tracer_metrics

    return create_tracer_metrics(meter_provider, True)


def context_detacher() -> Callable[[Any], None]:
    """What detaches a context, raising where that is not possible (private: ``_RUNTIME_CONTEXT``).

    The public ``detach()`` logs a traceback instead when a generator that was abandoned half-way
    is closed in another context (https://github.com/open-telemetry/opentelemetry-python/issues/2606),
    although there is nothing to restore there.
    """
    from opentelemetry import context

    return context._RUNTIME_CONTEXT.detach


def stock_exporter_class(signal: str, protocol: str) -> type[Any]:
    """The class of opentelemetry-exporter-otlp for a signal (``_log_exporter``)."""
    module, name = {
        "traces": ("trace_exporter", "OTLPSpanExporter"),
        "metrics": ("metric_exporter", "OTLPMetricExporter"),
        "logs": ("_log_exporter", "OTLPLogExporter"),
    }[signal]
    transport = "grpc" if protocol == "grpc" else "http"
    package = f"opentelemetry.exporter.otlp.proto.{transport}.{module}"
    found: type[Any] = getattr(importlib.import_module(package), name)
    return found
