"""pepperpy-otel: one call, three signals and health, the OpenTelemetry way.

``import pepperpy_otel`` loads nothing of the SDK; every name below is imported when it is first
used. Nothing is patched, started or sent before ``configure()``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pepperpy_otel._version import __version__

if TYPE_CHECKING:
    from pepperpy_otel import correlation, health, logging, metrics, tracing
    from pepperpy_otel._public import (
        force_flush,
        get_logger,
        get_meter,
        get_telemetry,
        get_tracer,
        import_backup,
        rollback,
        shutdown,
    )
    from pepperpy_otel.bootstrap import configure
    from pepperpy_otel.delivery.counts import FlushResult, PipelineStats, SignalCounts
    from pepperpy_otel.errors import ConfigurationError
    from pepperpy_otel.health import HealthChecker, HealthReport, HealthResult, HealthStatus
    from pepperpy_otel.ledger import RollbackReport
    from pepperpy_otel.legacy import Legacy
    from pepperpy_otel.telemetry import Telemetry

__all__ = [
    "ConfigurationError",
    "FlushResult",
    "HealthChecker",
    "HealthReport",
    "HealthResult",
    "HealthStatus",
    "Legacy",
    "PipelineStats",
    "RollbackReport",
    "SignalCounts",
    "Telemetry",
    "__version__",
    "configure",
    "correlation",
    "force_flush",
    "get_logger",
    "get_meter",
    "get_telemetry",
    "get_tracer",
    "health",
    "import_backup",
    "logging",
    "metrics",
    "rollback",
    "shutdown",
    "tracing",
]

_HOME = {
    "ConfigurationError": "errors",
    "FlushResult": "delivery.counts",
    "HealthChecker": "health",
    "HealthReport": "health",
    "HealthResult": "health",
    "HealthStatus": "health",
    "Legacy": "legacy",
    "PipelineStats": "delivery.counts",
    "RollbackReport": "ledger",
    "SignalCounts": "delivery.counts",
    "Telemetry": "telemetry",
    "configure": "bootstrap",
    "force_flush": "_public",
    "get_logger": "_public",
    "get_meter": "_public",
    "get_telemetry": "_public",
    "get_tracer": "_public",
    "import_backup": "_public",
    "rollback": "_public",
    "shutdown": "_public",
}
_PACKAGES = frozenset({"correlation", "health", "logging", "metrics", "tracing"})


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
