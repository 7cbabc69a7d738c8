"""From a finished record to its destination, counted: queues, one worker a destination, senders.

Constructed with values; knows SDK records and bytes, not the names of settings. Importing this
package loads neither a transport nor an encoder: each is imported when it is first needed.

    >>> from pepperpy_otel.delivery import Pipeline, build_destination  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import (
        SIGNALS,
        FlushResult,
        PipelineStats,
        Signal,
        SignalCounts,
    )
    from pepperpy_otel.delivery.destination import Destination, Sender
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint
    from pepperpy_otel.delivery.factory import build_destination
    from pepperpy_otel.delivery.guard import in_delivery
    from pepperpy_otel.delivery.noise import install_noise_filter
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.pipeline import Pipeline
    from pepperpy_otel.delivery.queue import QueueLimits

__all__ = [
    "Destination",
    "FlushResult",
    "OtlpEndpoint",
    "Outcome",
    "Pipeline",
    "PipelineStats",
    "QueueLimits",
    "SIGNALS",
    "Sender",
    "Signal",
    "SignalCounts",
    "build_destination",
    "in_delivery",
    "install_noise_filter",
]

_HOME = {
    "Destination": "destination",
    "FlushResult": "counts",
    "OtlpEndpoint": "endpoint",
    "Outcome": "outcome",
    "Pipeline": "pipeline",
    "PipelineStats": "counts",
    "QueueLimits": "queue",
    "SIGNALS": "counts",
    "Sender": "destination",
    "Signal": "counts",
    "SignalCounts": "counts",
    "build_destination": "factory",
    "in_delivery": "guard",
    "install_noise_filter": "noise",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
