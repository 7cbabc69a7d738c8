"""The current telemetry, if any, and what facades use until there is one.

On the lowest floor so that a facade (``Tracer()``, ``MetricsCollector()``) finds the providers
without importing the bootstrap. Before ``configure()`` facades record on private SDK providers
that have no exporter and touch no global; when the handle is set, they move over.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_otel import _forks

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


class Providers(Protocol):
    """What a facade needs of the handle that configure() returns."""

    @property
    def tracer_provider(self) -> TracerProvider: ...
    @property
    def meter_provider(self) -> MeterProvider: ...
    @property
    def logger_provider(self) -> LoggerProvider: ...


_lock = threading.RLock()
_telemetry: Any = None
_last: Any = None
_local: dict[str, Any] = {}
#: Grows with every change, so that a facade can cache what it made and see that it is stale.
generation = 0


@_forks.renewing()
def _after_fork() -> None:
    """A thread of the parent may have held the lock, while it imported the SDK for example."""
    global _lock
    _lock = threading.RLock()


def get() -> Any:
    """The handle of the last configure() while it works, or ``None``."""
    return _telemetry


def last() -> Any:
    """The handle that still has something to roll back: also one that was shut down."""
    return _last


def set_current(telemetry: Providers | None, *, forget: bool = False) -> None:
    """Make ``telemetry`` what the facades use; ``None`` sends them back to the private providers.

    Args:
        telemetry: The handle that works from now on.
        forget: The one before has been rolled back, nothing of it is left in the process.
    """
    global _last, _telemetry, generation
    with _lock:
        _telemetry = telemetry
        if telemetry is not None or forget:
            _last = telemetry
        generation += 1


def tracer_provider() -> TracerProvider:
    """The handle's TracerProvider, or a private one that records and exports nothing."""
    provider: TracerProvider = _provider("tracer_provider", _local_tracer_provider)
    return provider


def meter_provider() -> MeterProvider:
    """The handle's MeterProvider, or a private one."""
    provider: MeterProvider = _provider("meter_provider", _local_meter_provider)
    return provider


def logger_provider() -> LoggerProvider:
    """The handle's LoggerProvider, or a private one."""
    provider: LoggerProvider = _provider("logger_provider", _local_logger_provider)
    return provider


def local_metric_reader() -> Any:
    """The in-memory reader of the private MeterProvider, for ``MetricsCollector.collect()``."""
    with _lock:
        if "reader" not in _local:
            from opentelemetry.sdk.metrics.export import InMemoryMetricReader

            _local["reader"] = InMemoryMetricReader()
        return _local["reader"]


def _provider(name: str, make: Callable[[], Any]) -> Any:
    with _lock:
        if _telemetry is not None:
            return getattr(_telemetry, name)
        if name not in _local:
            _forks.watch()
            _local[name] = make()
        return _local[name]


def _local_tracer_provider() -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    # An explicit sampler and resource: what OTEL_TRACES_SAMPLER says is for the real provider.
    return TracerProvider(sampler=ALWAYS_ON, resource=Resource.get_empty(), shutdown_on_exit=False)


def _local_meter_provider() -> MeterProvider:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource

    return MeterProvider(
        [local_metric_reader()], resource=Resource.get_empty(), shutdown_on_exit=False
    )


def _local_logger_provider() -> LoggerProvider:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource

    return LoggerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
