"""Which headers carry the context between services.

``opentelemetry.propagate`` reads ``OTEL_PROPAGATORS`` when it is first imported and raises for a
name it does not know, which ends the app (and every library that imports it later). So the variable
is repaired before anybody imports that module: bad names out, good ones kept.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat, _entry_points
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VARIABLE = "OTEL_PROPAGATORS"
PROPAGATE = "opentelemetry.propagate"
DEFAULT = ("tracecontext", "baggage")
#: What we set where the user names none: an id in a header of its own, beside these two.
OURS = (*DEFAULT, "correlation")


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


def install(
    names: Sequence[str],
    record: Callable[[str, Callable[[], None]], None],
    *,
    ours: bool = False,
) -> None:
    """Make these the global propagators, unless the app has set others.

    Args:
        names: Entry points of the group ``opentelemetry_propagator``.
        record: Takes the undoing.
        ours: Whether ``baggage`` is the bounded one, which knows of hosts it may not be sent to.
    """
    if set(names) <= set(OURS) and PROPAGATE not in sys.modules:
        if ours or tuple(names) != DEFAULT:
            _when_imported(names, record, ours=ours)
        return  # its import is left to whoever needs it
    _set(names, record, ours=ours)


def _when_imported(
    names: Sequence[str], record: Callable[[str, Callable[[], None]], None], *, ours: bool
) -> None:
    from pepperpy_otel.instrumentation import hooks

    def imported() -> None:
        _set(names, record, ours=ours)

    hooks.when_imported(PROPAGATE, imported)
    record("", lambda: hooks.forget(PROPAGATE, imported))


def _set(
    names: Sequence[str], record: Callable[[str, Callable[[], None]], None], *, ours: bool
) -> None:
    from opentelemetry import propagate

    before = propagate.get_global_textmap()
    wanted = _load(names, ours=ours)
    present = _compat.propagator_kinds(before)
    if present == _compat.propagator_kinds(wanted):
        return
    if tuple(names) in (DEFAULT, OURS) and present != _compat.propagator_kinds(_load(DEFAULT)):
        return  # nobody has named any but the app, by setting its own
    propagate.set_global_textmap(wanted)

    def undo() -> None:
        if propagate.get_global_textmap() is wanted:
            propagate.set_global_textmap(before)

    record("global propagator", undo)


def _load(names: Sequence[str], *, ours: bool = False) -> Any:
    from opentelemetry.propagators.composite import CompositePropagator

    loaded = []
    for name in names:
        try:
            loaded.append(_class_of(name, ours=ours)())
        except Exception as error:  # a propagator of others that fails to load costs only itself
            report_internal(f"propagator {name!r}", error)
    return CompositePropagator(loaded)


def _class_of(name: str, *, ours: bool) -> Any:
    """What is well known is imported; a search through what is installed takes much longer."""
    if name == "tracecontext":
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        return TraceContextTextMapPropagator
    if name == "correlation":
        from pepperpy_otel.correlation.propagator import CorrelationPropagator

        return CorrelationPropagator
    if name == "baggage" and ours:
        from pepperpy_otel.correlation.wire import BoundedBaggagePropagator

        return BoundedBaggagePropagator
    if name == "baggage":
        from opentelemetry.baggage.propagation import W3CBaggagePropagator

        return W3CBaggagePropagator
    return _entry_points.load("opentelemetry_propagator", name)
