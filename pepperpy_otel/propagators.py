"""Which headers carry the context between services.

``opentelemetry.propagate`` reads ``OTEL_PROPAGATORS`` when it is first imported and raises for a
name it does not know, which ends the app (and every library that imports it later). So the variable
is repaired before anybody imports that module: bad names out, good ones kept.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VARIABLE = "OTEL_PROPAGATORS"
DEFAULT = ("tracecontext", "baggage")


def repair_environment(
    names: Sequence[str], record: Callable[[str, Callable[[], None]], None]
) -> None:
    """Make the environment variable say exactly ``names``, all of which are known to exist.

    Args:
        names: The propagators that can be had.
        record: Takes the undoing.
    """
    before = os.environ.get(VARIABLE)
    if not before or [part.strip() for part in before.split(",")] == list(names):
        return
    os.environ[VARIABLE] = ",".join(names) if names else "none"

    def undo() -> None:
        os.environ[VARIABLE] = before

    record(f"environment variable {VARIABLE}", undo)


def install(names: Sequence[str], record: Callable[[str, Callable[[], None]], None]) -> None:
    """Make these the global propagators, unless the app has set others.

    Args:
        names: Entry points of the group ``opentelemetry_propagator``.
        record: Takes the undoing.
    """
    if tuple(names) == DEFAULT and "opentelemetry.propagate" not in sys.modules:
        return  # what that module does by itself; its import is left to whoever needs it
    from opentelemetry import propagate

    before = propagate.get_global_textmap()
    wanted = _load(names)
    if _compat.propagator_kinds(before) == _compat.propagator_kinds(wanted):
        return
    propagate.set_global_textmap(wanted)
    record("global propagator", lambda: propagate.set_global_textmap(before))


def _load(names: Sequence[str]) -> Any:
    from importlib.metadata import entry_points

    from opentelemetry.propagators.composite import CompositePropagator

    points = {point.name: point for point in entry_points(group="opentelemetry_propagator")}
    loaded = []
    for name in names:
        try:
            loaded.append(points[name].load()())
        except Exception as error:  # a propagator of others that fails to load costs only itself
            report_internal(f"propagator {name!r}", error)
    return CompositePropagator(loaded)
