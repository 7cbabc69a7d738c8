"""Health as an ASGI app."""

from __future__ import annotations

import asyncio
from typing import Any

from pepperpy_otel.health.endpoints import asgi
from pepperpy_otel.health.status import HealthStatus
from tests.health.endpoints.fakes import FakeChecker


def call(app: Any, scope: dict[str, Any], *incoming: dict[str, Any]) -> list[dict[str, Any]]:
    """What the app sends for one scope."""
    sent: list[dict[str, Any]] = []
    waiting = list(incoming)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def http(path: str, method: str = "GET", root: str = "", **headers: str) -> dict[str, Any]:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "root_path": root, "headers": fields}


def app(**statuses: HealthStatus) -> Any:
    checker: Any = FakeChecker(**statuses)
    return asgi(checker, token="t0ken")


def test_a_probe_is_answered() -> None:
    """Status, headers and body as the routes say."""
    start, body = call(app(db=HealthStatus.HEALTHY), http("/readyz"))
    assert start["status"] == 200
    assert (b"content-type", b"application/health+json") in start["headers"]
    assert body["body"] == b'{"status": "pass"}'


def test_head_has_no_body() -> None:
    """HEAD gets the same headers and nothing else."""
    start, body = call(app(db=HealthStatus.HEALTHY), http("/readyz", "HEAD"))
    assert (b"content-length", b"18") in start["headers"]
    assert body["body"] == b""


def test_the_token_comes_in_a_header() -> None:
    """Details for who shows the token."""
    one = app(db=HealthStatus.HEALTHY)
    scope = http("/healthz", other="x", authorization="Bearer t0ken")
    assert b"checks" in call(one, scope)[1]["body"]


def test_mounted_below_a_path() -> None:
    """Frameworks differ in whether they cut the mount's path off."""
    one = app(db=HealthStatus.HEALTHY)
    assert call(one, http("/internal/readyz", root="/internal"))[0]["status"] == 200
    assert call(one, http("/readyz", root="/internal"))[0]["status"] == 200
    assert call(one, http("/internals/readyz", root="/internal"))[0]["status"] == 404


def test_in_front_of_another_app() -> None:
    """What is not ours goes to the app behind, lifespan and websockets too."""
    seen: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    checker: Any = FakeChecker(db=HealthStatus.HEALTHY)
    front = asgi(checker, behind)
    assert call(front, http("/orders")) == []
    call(front, {"type": "lifespan"})
    call(front, {"type": "websocket", "path": "/livez"})
    assert seen == ["http", "lifespan", "websocket"]
    assert call(front, http("/livez"))[0]["status"] == 200


def test_lifespan_alone() -> None:
    """A server that runs the app by itself sees it start and end."""
    events = [{"type": "lifespan.startup"}, {"type": "other"}, {"type": "lifespan.shutdown"}]
    sent = call(app(), {"type": "lifespan"}, *events)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_websockets_are_closed() -> None:
    """Nobody waits for a socket that nothing will speak on; other scopes are left alone."""
    sent = call(app(), {"type": "websocket", "path": "/"}, {"type": "websocket.connect"})
    assert sent == [{"type": "websocket.close", "code": 1000}]
    assert call(app(), {"type": "something new"}) == []
