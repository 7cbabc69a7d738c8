"""Traces: the durable provider, samplers, and ``Tracer``, the facade for the app's own spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.tracing.tracer import Tracer

__all__ = ["Tracer"]


def __getattr__(name: str) -> Any:
    if name == "Tracer":
        from pepperpy_otel.tracing.tracer import Tracer

        return Tracer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
