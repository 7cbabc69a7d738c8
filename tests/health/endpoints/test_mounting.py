"""One line for each framework."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy_otel.health import endpoints
from pepperpy_otel.health.status import HealthStatus
from tests.health.endpoints.fakes import FakeChecker


@pytest.fixture
def checker() -> Any:
    return FakeChecker(db=HealthStatus.HEALTHY)


def test_fastapi(checker: Any) -> None:
    """The health paths stand in front of the app's own, which stay."""
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/orders")
    async def orders() -> str:
        return "orders"

    endpoints.mount(checker, app, token="t0ken")

    async def ask() -> list[Any]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            plain = await client.get("/readyz")
            told = await client.get("/healthz/db", headers={"Authorization": "Bearer t0ken"})
            own = await client.get("/orders")
        return [plain.json(), "checks" in told.json(), own.json()]

    import asyncio

    assert asyncio.run(ask()) == [{"status": "pass"}, True, "orders"]


def test_flask(checker: Any) -> None:
    """Likewise for Flask."""
    from flask import Flask

    app = Flask("test")
    app.add_url_rule("/orders", view_func=lambda: "orders")
    endpoints.mount(checker, app)
    client = app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json(force=True)) == (200, {"status": "pass"})
    assert client.get("/orders").data == b"orders"


def test_the_current_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """``health.mount(app)`` is the one line."""
    from flask import Flask

    from pepperpy_otel import health

    fresh = health.HealthChecker()
    monkeypatch.setattr(health, "_current", fresh)
    app = Flask("test")
    health.mount(app, token="t0ken")
    assert app.test_client().get("/livez").status_code == 200
    fresh.drain()
    assert app.test_client().get("/readyz").status_code == 503


def test_anything_else_is_told_what_to_do(checker: Any) -> None:
    """A clear error names the type and the way out."""
    with pytest.raises(TypeError, match=r"not dict; put health\.asgi"):
        endpoints.mount(checker, {})


def test_django(run_python: Any) -> None:
    """One line in urls.py; the client gets the same answers."""
    done = run_python(
        """
        import django
        from django.conf import settings
        from django.http import HttpResponse
        from django.urls import include, path
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
        django.setup()
        from pepperpy_otel import health
        urlpatterns = [
            path("", include("pepperpy_otel.health.endpoints.django")),
            path("orders", lambda request: HttpResponse("orders")),
        ]
        health.register("db", lambda: True)
        health.run(5.0)
        from django.test import Client
        client = Client()
        answer = client.get("/healthz/db")
        assert (answer.status_code, answer.json()) == (200, {"status": "pass"}), answer.content
        assert answer.headers["Cache-Control"] == "no-store"
        assert client.head("/livez").content == b""
        assert client.post("/livez").status_code == 405
        assert client.get("/healthz/none").status_code == 404
        assert client.get("/orders").content == b"orders"
        """
    )
    assert done.returncode == 0, done.stderr
