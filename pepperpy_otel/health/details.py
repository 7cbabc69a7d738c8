"""Everything that is known of one component, for a person who may see it."""

from __future__ import annotations

import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.component import Checked, Component
from pepperpy_otel.health.masking import mask_data

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthVerdict


def details(component: Component | None, verdict: HealthVerdict, *, redact: bool) -> dict[str, Any]:
    """See ``HealthChecker.get_details``.

    Args:
        component: ``None`` for one that is only expected.
        verdict: As it is now.
        redact: Whether secrets are masked.
    """
    shown: dict[str, Any] = {
        "status": verdict.status.value,
        "reason": verdict.summary or verdict.reason.value,
        "code": verdict.reason.value,
        "critical": verdict.critical,
        "groups": sorted(verdict.groups),
        "data": dict(verdict.data),
        "duration": verdict.duration,
        "age": verdict.age,
        "since": verdict.since.isoformat(),
        "consecutive_failures": verdict.consecutive_failures,
        "running_for": verdict.running_for,
    }
    if component is not None and component.override is not None:
        observed = component.observed(time.monotonic())
        shown["observed"] = {"status": observed.status.value, "reason": observed.summary}
    if isinstance(component, Checked):
        shown.update(_of_runs(component, verdict))
    return mask_data(shown) if redact else shown


def _of_runs(component: Checked, verdict: HealthVerdict) -> dict[str, Any]:
    now, machine, entry = time.monotonic(), component.machine, component.entry
    found: dict[str, Any] = {
        "interval": entry.interval,
        "timeout": entry.timeout,
        "history": [
            {"age": now - when, "result": result, "reason": summary}
            for when, result, summary in list(machine.history)
        ],
    }
    if machine.traceback:
        found["traceback"] = machine.traceback
    if verdict.running_since is not None:
        found["stack"] = _stack(component)
    return found


def _stack(component: Checked) -> str:
    """Where the thread of a check that hangs stands."""
    flight = component.flight
    worker = None if flight is None else flight.worker
    frame = None if worker is None else sys._current_frames().get(worker.ident)
    return "" if frame is None else "".join(traceback.format_stack(frame, limit=20))
