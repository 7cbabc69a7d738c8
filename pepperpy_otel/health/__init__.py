"""Health checks, and the face of the current checker.

``pepperpy_otel.health`` is this package and, at the same time, the checker that ``configure()``
adopts: ``health.register(…)``, ``@health.check(…)`` and ``health.check_all()`` work before and
after it, and what was registered early appears in ``telemetry.health``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.checker import HealthChecker
from pepperpy_otel.health.heartbeat import Heartbeat
from pepperpy_otel.health.status import (
    HealthReason,
    HealthReport,
    HealthResult,
    HealthRun,
    HealthStatus,
    HealthVerdict,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health import probes as probes
    from pepperpy_otel.health.checker import Undo
    from pepperpy_otel.health.registration import Check

__all__ = [
    "HealthChecker",
    "HealthReason",
    "HealthReport",
    "HealthResult",
    "HealthRun",
    "HealthStatus",
    "HealthVerdict",
    "Heartbeat",
    "Transition",
    "asgi",
    "check",
    "check_all",
    "check_component",
    "current",
    "drain",
    "expect",
    "get_details",
    "group_status",
    "grpc_servicer",
    "heartbeat",
    "mount",
    "override",
    "probes",
    "register",
    "run",
    "snapshot",
    "start",
    "stop",
    "subscribe",
    "unregister",
    "wsgi",
]

_current = HealthChecker()


def __getattr__(name: str) -> Any:
    if name == "probes":  # imported when it is used: ``health.probes.tcp(…)``
        return importlib.import_module(f"{__name__}.probes")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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


def snapshot() -> dict[str, HealthVerdict]:
    """``HealthChecker.snapshot`` of the current checker."""
    return _current.snapshot()


def group_status(group: str) -> HealthStatus:
    """``HealthChecker.group_status`` of the current checker."""
    return _current.group_status(group)


def heartbeat(name: str, ttl: float = 30.0, **options: Any) -> Heartbeat:
    """``HealthChecker.heartbeat`` of the current checker."""
    return _current.heartbeat(name, ttl, **options)


def override(
    name: str, status: HealthStatus | None, reason: str = "", ttl: float | None = None
) -> None:
    """``HealthChecker.override`` of the current checker."""
    _current.override(name, status, reason, ttl)


def subscribe(callback: Callable[[Transition], object]) -> Undo:
    """``HealthChecker.subscribe`` of the current checker."""
    return _current.subscribe(callback)


def unregister(name: str) -> None:
    """``HealthChecker.unregister`` of the current checker."""
    _current.unregister(name)


def drain() -> None:
    """``HealthChecker.drain`` of the current checker."""
    _current.drain()


def start() -> None:
    """``HealthChecker.start`` of the current checker."""
    _current.start()


def stop() -> None:
    """``HealthChecker.stop`` of the current checker."""
    _current.stop()


def asgi(*arguments: Any, **options: Any) -> Any:
    """``HealthChecker.asgi`` of the current checker."""
    return _current.asgi(*arguments, **options)


def wsgi(*arguments: Any, **options: Any) -> Any:
    """``HealthChecker.wsgi`` of the current checker."""
    return _current.wsgi(*arguments, **options)


def grpc_servicer(*arguments: Any, **options: Any) -> Any:
    """``HealthChecker.grpc_servicer`` of the current checker."""
    return _current.grpc_servicer(*arguments, **options)


def mount(app: Any, **options: Any) -> None:
    """``HealthChecker.mount`` of the current checker."""
    _current.mount(app, **options)
