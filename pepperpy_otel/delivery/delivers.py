"""The seam between the handle and what brings telemetry to its destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import FlushResult, PipelineStats


class Delivers(Protocol):
    """What brings telemetry to its destinations and counts it; seconds, not milliseconds."""

    def flush(self, timeout: float) -> FlushResult:
        """Send what is queued."""
        ...

    def shutdown(self, timeout: float) -> FlushResult:
        """Send what is queued, then stop."""
        ...

    def hurry(self) -> None:
        """From now on send at once whatever ends."""

    def stats(self) -> PipelineStats:
        """The counts since start."""
        ...
