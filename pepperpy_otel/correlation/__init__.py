"""From any point to every other: the correlation id, baggage, and contexts that travel.

A *correlation id* names what a person means by "this order", "this request", over as many traces,
queues and services as it takes. It lies in the OpenTelemetry context as the baggage entry
``correlation.id``, so whatever carries the context carries it. See docs/correlation.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.correlation.carrying import carry
    from pepperpy_otel.correlation.current import bind, correlation_id, use_correlation_id
    from pepperpy_otel.correlation.executors import (
        ContextProcessPoolExecutor,
        ContextThreadPoolExecutor,
        run_in_executor,
    )
    from pepperpy_otel.correlation.messages import extract, inject
    from pepperpy_otel.correlation.processes import ContextProcess, get_context
    from pepperpy_otel.correlation.propagator import CorrelationPropagator

__all__ = [
    "ContextProcess",
    "ContextProcessPoolExecutor",
    "ContextThreadPoolExecutor",
    "CorrelationPropagator",
    "bind",
    "carry",
    "correlation_id",
    "extract",
    "get_context",
    "inject",
    "run_in_executor",
    "use_correlation_id",
]

_HOME = {
    "ContextProcess": "processes",
    "ContextProcessPoolExecutor": "executors",
    "ContextThreadPoolExecutor": "executors",
    "CorrelationPropagator": "propagator",
    "bind": "current",
    "carry": "carrying",
    "correlation_id": "current",
    "extract": "messages",
    "get_context": "processes",
    "inject": "messages",
    "run_in_executor": "executors",
    "use_correlation_id": "current",
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
