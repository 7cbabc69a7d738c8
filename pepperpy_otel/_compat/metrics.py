"""Private names that a MeterProvider needs to be durable, bounded and safe to fork."""

from __future__ import annotations

import threading
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


def periodic_reader_type() -> Any:
    """What ``otel.sdk.metric_reader.*`` calls a reader that is read at intervals.

    Private: the package ``_incubating`` of the semantic conventions.
    """
    from opentelemetry.semconv._incubating.attributes.otel_attributes import (
        OtelComponentTypeValues,
    )

    return OtelComponentTypeValues.PERIODIC_METRIC_READER


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
