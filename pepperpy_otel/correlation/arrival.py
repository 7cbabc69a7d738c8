"""What a patched ``Process`` takes along: it acts by being unpickled.

The class of the process in a spawned child is the standard library's, unpatched, and its target is
the app's. What is certain to happen there is that the process object is unpickled, before its
target is called; so this one configures the child and makes the context current by that.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.context import attach

from pepperpy_otel.correlation.carrying import Carried
from pepperpy_otel.errors import guarded


class Arrival:
    """An attribute of a process that is being started.

    Args:
        pooled: A worker of a pool: it is configured, and has no context of its own.
    """

    def __init__(self, *, pooled: bool) -> None:
        self._carried = Carried()
        self._pooled = pooled

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self._carried, self._pooled)


def _arrive(carried: Carried, pooled: bool) -> None:
    """In the child: for as long as it lives."""
    with guarded("the start of a child process"):
        carried.configure()
        if not pooled:
            attach(carried.context())
