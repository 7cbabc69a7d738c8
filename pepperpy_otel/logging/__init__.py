"""Logs: from the standard library's loggers to telemetry, to JSON lines, and to counts.

Importing this package loads nothing of the SDK; each name below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.logging.aggregator import LogAggregator
    from pepperpy_otel.logging.bridges import loguru_sink, structlog_processor
    from pepperpy_otel.logging.formatter import JsonFormatter, TextFormatter
    from pepperpy_otel.logging.handler import TelemetryHandler

__all__ = [
    "JsonFormatter",
    "LogAggregator",
    "TelemetryHandler",
    "TextFormatter",
    "loguru_sink",
    "structlog_processor",
]

_HOME = {
    "JsonFormatter": "formatter",
    "LogAggregator": "aggregator",
    "TelemetryHandler": "handler",
    "TextFormatter": "formatter",
    "loguru_sink": "bridges",
    "structlog_processor": "bridges",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
