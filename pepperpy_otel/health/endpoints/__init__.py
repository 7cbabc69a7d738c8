"""Where health is asked for: HTTP as ASGI and WSGI apps and on a port of its own, and gRPC.

Every answer is read from the checker's snapshot, never measured while somebody waits: see
``routes``. Each way is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.endpoints.routes import Routes

if TYPE_CHECKING:
    from pepperpy_otel.health.checker import HealthChecker
    from pepperpy_otel.health.endpoints.asgi_app import HealthApp
    from pepperpy_otel.health.endpoints.http_server import HealthServer
    from pepperpy_otel.health.endpoints.wsgi_app import HealthWsgiApp


def asgi(checker: HealthChecker, app: Any = None, *, token: str | None = None) -> HealthApp:
    """An ASGI app for the health paths, alone or in front of ``app``.

    Args:
        checker: Whose snapshot is read.
        app: Gets everything else.
        token: Bearer token with which a client is told details; by default that of
            ``configure()``.
    """
    from pepperpy_otel.health.endpoints.asgi_app import HealthApp

    return HealthApp(Routes(checker, token), app)


def wsgi(checker: HealthChecker, app: Any = None, *, token: str | None = None) -> HealthWsgiApp:
    """A WSGI app for the health paths; the arguments are those of ``asgi()``."""
    from pepperpy_otel.health.endpoints.wsgi_app import HealthWsgiApp

    return HealthWsgiApp(Routes(checker, token), app)


def server(
    checker: HealthChecker, host: str, port: int, *, token: str | None = None
) -> HealthServer:
    """A server of its own, not started yet."""
    from pepperpy_otel.health.endpoints.http_server import HealthServer

    return HealthServer(host, port, Routes(checker, token).answer)


def grpc_servicer(checker: HealthChecker) -> Any:
    """A servicer of the gRPC health protocol.

    Raises:
        ImportError: grpcio-health-checking is not installed (extra ``grpc-health``).
    """
    from pepperpy_otel.health.endpoints.grpc_health import HealthServicer

    return HealthServicer(checker)


def mount(checker: HealthChecker, app: Any, *, token: str | None = None) -> None:
    """Put the health paths in front of a FastAPI, Starlette or Flask app: see ``mounting``."""
    from pepperpy_otel.health.endpoints import mounting

    mounting.mount(
        app,
        # By the name ``app``: Starlette gives it by keyword, later versions by position.
        lambda app: asgi(checker, app, token=token),
        lambda app: wsgi(checker, app, token=token),
    )
