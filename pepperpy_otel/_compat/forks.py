"""Private locks of OpenTelemetry that a forked child may inherit locked.

The providers bring a hook that renews a few of their own
(https://github.com/open-telemetry/opentelemetry-python/issues/4345); these are the others.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Guards what is set once: module and object.
ONCE = (
    ("opentelemetry.trace", "_TRACER_PROVIDER_SET_ONCE"),
    ("opentelemetry.metrics._internal", "_METER_PROVIDER_SET_ONCE"),
    ("opentelemetry._logs._internal", "_LOGGER_PROVIDER_SET_ONCE"),
)
_PROXY = ("opentelemetry.metrics._internal", "_PROXY_METER_PROVIDER")
_RESOURCES = "opentelemetry.sdk.resources"
_MAPPING = "opentelemetry.sdk.metrics._internal.exponential_histogram.mapping."
#: Caches of exponential histograms: module and class.
MAPPINGS = (
    (f"{_MAPPING}exponent_mapping", "ExponentMapping"),
    (f"{_MAPPING}logarithm_mapping", "LogarithmMapping"),
)


@_forks.renewing()
def renew_global_locks() -> None:
    """Give what the process has one of new locks, as far as it is imported."""
    for name in ONCE:
        for once in _imported(*name):
            once._lock = threading.Lock()
    for proxy in _imported(*_PROXY):
        proxy._lock = threading.Lock()
        for meter in proxy._meters:
            meter._lock = threading.Lock()
            meter._instrument_ids_lock = threading.Lock()
    for name in MAPPINGS:
        for mapping in _imported(*name):
            mapping._mappings_lock = threading.Lock()
    if _RESOURCES in sys.modules:
        resources: Any = sys.modules[_RESOURCES]
        resources._service_instance_id_lock = threading.Lock()


def _imported(module: str, name: str) -> Iterator[Any]:
    """The object, unless its module is not there, or was only half imported at the fork."""
    found = getattr(sys.modules.get(module), name, None)
    if found is not None:
        yield found


def renew_reader_locks(reader: Any) -> None:
    """Give a metric reader of the SDK's new locks (``_export_lock``, ``_lock``)."""
    for name, make in (("_export_lock", threading.Lock), ("_lock", threading.RLock)):
        if hasattr(reader, name):
            setattr(reader, name, make())


def restart_adopted_metrics(provider: Any, readers: Iterable[Any] | None = None) -> None:
    """In a forked child, free an SDK MeterProvider of its locks; ``readers`` begin at zero.

    Private: ``_measurement_consumer``, ``_reader_storages`` and every lock below them.

    Args:
        provider: The app's.
        readers: Ours; the app's own keep their values, which the SDK counts on. ``None``: all.
    """
    from pepperpy_otel._compat.metrics import renew_meter_provider_locks

    renew_meter_provider_locks(provider)
    consumer = provider._measurement_consumer
    consumer._lock = threading.Lock()
    for reader, storage in consumer._reader_storages.items():
        renew_reader_locks(reader)
        _renew_storage(storage)
    for reader in list(consumer._reader_storages) if readers is None else readers:
        if reader in consumer._reader_storages:
            consumer.add_metric_reader(reader)  # takes the place of the one that was there


def _renew_storage(storage: Any) -> None:
    storage._lock = threading.RLock()
    for matches in storage._instrument_view_instrument_matches.values():
        for match in matches:
            match._lock = threading.Lock()
            for aggregation in (match._aggregation, *match._attributes_aggregation.values()):
                aggregation._lock = threading.Lock()
                reservoir: Any = getattr(aggregation, "_reservoir", None)
                if hasattr(reservoir, "_lock"):
                    reservoir._lock = threading.Lock()
