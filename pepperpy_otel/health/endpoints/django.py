"""The health paths as Django URLs, in one line of ``urls.py``.

``urlpatterns = [path("", include("pepperpy_otel.health.endpoints.django")), ...]``
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from pepperpy_otel import health
from pepperpy_otel.health.endpoints.routes import Routes

_routes = Routes(health.current())


def answer(request: HttpRequest, path: str) -> HttpResponse:
    """Answer one of the health paths."""
    said = _routes.answer(request.method or "GET", f"/{path}", request.headers.get("Authorization"))
    body = b"" if request.method == "HEAD" else said.body
    return HttpResponse(body, status=said.status, headers=dict(said.headers))


answer.csrf_exempt = True  # type: ignore[attr-defined]  # what the decorator does
urlpatterns: list[Any] = [re_path(r"^(?P<path>livez|readyz|startupz|healthz(?:/.*)?)$", answer)]
