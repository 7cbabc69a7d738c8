"""Health checks, and the face of the current checker.

``pepperpy_otel.health`` is this package and, at the same time, the checker that ``configure()``
adopts: ``health.register(…)``, ``@health.check(…)`` and ``health.check_all()`` work before and
after it, and what was registered early appears in ``telemetry.health``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.checker import HealthChecker
from pepperpy_otel.health.status import (
    HealthReport,
    HealthResult,
    HealthStatus,
    HealthVerdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.checker import Check

__all__ = [
    "HealthChecker",
    "HealthReport",
    "HealthResult",
    "HealthStatus",
    "HealthVerdict",
    "check",
    "check_all",
    "check_component",
    "current",
    "expect",
    "get_details",
    "register",
    "run",
]

_current = HealthChecker()


def current() -> HealthChecker:
    """The checker behind this module's functions; ``telemetry.health`` is the same object."""
    return _current


def register(name: str, check: Check, **options: Any) -> None:
    """``HealthChecker.register`` of the current checker."""
    _current.register(name, check, **options)


def check(name: str, **options: Any) -> Callable[[Check], Check]:
    """``@HealthChecker.check(name)`` of the current checker."""
    return _current.check(name, **options)


def expect(*names: str) -> None:
    """``HealthChecker.expect`` of the current checker."""
    _current.expect(*names)


def check_component(name: str) -> HealthStatus:
    """``HealthChecker.check_component`` of the current checker."""
    return _current.check_component(name)


def check_all() -> dict[str, HealthStatus]:
    """``HealthChecker.check_all`` of the current checker."""
    return _current.check_all()


def get_details(name: str) -> dict[str, Any]:
    """``HealthChecker.get_details`` of the current checker."""
    return _current.get_details(name)


def run(timeout: float | None = None) -> HealthReport:
    """``HealthChecker.run`` of the current checker."""
    return _current.run(timeout)
