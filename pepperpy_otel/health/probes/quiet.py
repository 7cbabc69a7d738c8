"""What a probe asks makes no telemetry: an instrumented driver would trace it every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def untraced() -> AbstractContextManager[None]:
    """A context in which instrumentations record nothing; of this thread or task only."""
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    return suppress_instrumentation()
