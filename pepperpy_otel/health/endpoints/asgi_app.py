"""Health as an ASGI app, alone or in front of another one; needs no lifespan and no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from pepperpy_otel.health.endpoints.routes import Answer, Routes

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Any, Receive, Send], Awaitable[Any]]


class HealthApp:
    """Answers the health paths; hands everything else to ``app``, or says 404.

    Args:
        routes: What to answer.
        app: The app behind, with ``app.add_middleware(…)`` or around it.
    """

    def __init__(self, routes: Routes, app: App | None = None) -> None:
        self._routes = routes
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One connection, as the ASGI specification has it."""
        kind = scope["type"]
        path = _path(scope) if kind == "http" else ""
        if self._app is not None and not self._routes.covers(path):
            await self._app(scope, receive, send)
        elif kind == "http":
            await _send(send, self._answer(scope, path), body_too=scope["method"] != "HEAD")
        elif kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    def _answer(self, scope: Any, path: str) -> Answer:
        return self._routes.answer(scope["method"], path, _authorization(scope["headers"]))


def _path(scope: Any) -> str:
    """The path below where we are mounted; servers differ in whether it is cut off already."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _authorization(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name.lower() == b"authorization":
            return value.decode("utf-8", "surrogateescape")
    return None


async def _send(send: Send, answer: Answer, *, body_too: bool) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if body_too else b""})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
