"""Health by the gRPC health protocol (extra ``grpc-health``).

The service names are ``""`` (readiness), the groups and the components. Everything is answered from
the first moment on: the stock servicer says SERVING before anybody has looked
(https://github.com/grpc/grpc/blob/master/src/python/grpcio_health_checking/grpc_health/v1/health.py).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pepperpy_otel.health.status import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.health.checker import HealthChecker

#: Seconds between two looks of a watch: a verdict may also expire, which nobody announces.
LOOK = 1.0
_SERVING = frozenset({HealthStatus.HEALTHY, HealthStatus.DEGRADED})
_Status = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """For ``health_pb2_grpc.add_HealthServicer_to_server``.

    Args:
        checker: Whose snapshot is read.
    """

    def __init__(self, checker: HealthChecker) -> None:
        self._checker = checker

    def Check(self, request: Any, context: Any) -> Any:
        """The status of one service; NOT_FOUND for one that we do not know."""
        status = self._status(request.service)
        if status is None:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return _Status()
        return _Status(status=status)

    def Watch(self, request: Any, context: Any) -> Iterator[Any]:
        """The status now and whenever it has changed, until the client has had enough."""
        changed = threading.Event()
        context.add_callback(changed.set)
        unsubscribe = self._checker.subscribe(lambda _: changed.set())
        last = None
        try:
            while context.is_active():
                status = self._status(request.service)
                status = _Status.SERVICE_UNKNOWN if status is None else status
                if status != last:
                    last = status
                    yield _Status(status=status)
                changed.wait(LOOK)
                changed.clear()
        finally:
            unsubscribe()

    def _status(self, service: str) -> Any:
        checker = self._checker
        try:
            if service in checker.groups() or not service:
                status = checker.group_status(service or "ready")
            else:
                status = checker.check_component(service)
        except LookupError:
            return None if service and service not in checker.groups() else _Status.NOT_SERVING
        return _Status.SERVING if status in _SERVING else _Status.NOT_SERVING
