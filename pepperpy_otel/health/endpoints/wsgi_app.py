"""Health as a WSGI app, alone or in front of another one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pepperpy_otel.health.endpoints.routes import Routes

    Start = Callable[..., Any]
    App = Callable[[dict[str, Any], Start], Iterable[bytes]]


class HealthWsgiApp:
    """Answers the health paths; hands everything else to ``app``, or says 404.

    Args:
        routes: What to answer.
        app: The app behind: ``app.wsgi_app = health.wsgi(app.wsgi_app)``.
    """

    def __init__(self, routes: Routes, app: App | None = None) -> None:
        self._routes = routes
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        """One request, as PEP 3333 has it."""
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        if self._app is not None and not self._routes.covers(path):
            return self._app(environ, start_response)
        method = environ.get("REQUEST_METHOD", "GET")
        answer = self._routes.answer(method, path, environ.get("HTTP_AUTHORIZATION"))
        phrase = HTTPStatus(answer.status).phrase
        start_response(f"{answer.status} {phrase}", list(answer.headers))
        return [b"" if method == "HEAD" else answer.body]
