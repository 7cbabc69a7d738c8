"""Metrics: one durable provider, one aggregation for every way out, and what the app calls.

Importing this package loads nothing; each name brings its module when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pepperpy_otel.metrics.collector import MetricsCollector
    from pepperpy_otel.metrics.registry import Registry

__all__ = ["MetricsCollector", "Registry"]

_HOMES = {"MetricsCollector": "collector", "Registry": "registry"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
