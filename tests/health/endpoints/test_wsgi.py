"""Health as a WSGI app."""

from __future__ import annotations

from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from pepperpy_otel.health.endpoints import wsgi
from pepperpy_otel.health.status import HealthStatus
from tests.health.endpoints.fakes import FakeChecker


def call(
    app: Any, path: str, method: str = "GET", **more: str
) -> tuple[str, dict[str, str], bytes]:
    """One request, checked against PEP 3333 by the standard library."""
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        **more,
    }
    setup_testing_defaults(environ)
    answered: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        answered.extend((status, dict(headers)))
        return lambda data: None

    chunks = validator(app)(environ, start)
    body = b"".join(chunks)
    chunks.close()
    return answered[0], answered[1], body


def checker(**statuses: HealthStatus) -> Any:
    return FakeChecker(**statuses)


def test_a_probe_is_answered() -> None:
    """Status line, headers and body as the routes say."""
    status, headers, body = call(wsgi(checker(db=HealthStatus.UNHEALTHY)), "/readyz")
    assert status == "503 Service Unavailable"
    assert headers["Cache-Control"] == "no-store"
    assert body == b'{"status": "fail"}'


def test_head_has_no_body() -> None:
    """HEAD gets the headers alone."""
    status, headers, body = call(wsgi(checker(db=HealthStatus.HEALTHY)), "/readyz", "HEAD")
    assert (status, headers["Content-Length"], body) == ("200 OK", "18", b"")


def test_the_token_comes_in_a_header() -> None:
    """Details for who shows the token."""
    app = wsgi(checker(db=HealthStatus.HEALTHY), token="t0ken")
    assert b"checks" in call(app, "/healthz", HTTP_AUTHORIZATION="Bearer t0ken")[2]


def test_in_front_of_another_app() -> None:
    """What is not ours goes to the app behind."""

    def behind(environ: Any, start_response: Any) -> list[bytes]:
        start_response("418 I'm a teapot", [("Content-Type", "text/plain")])
        return [b"tea"]

    app = wsgi(checker(db=HealthStatus.HEALTHY), behind)
    assert call(app, "/orders")[2] == b"tea"
    assert call(app, "/livez")[0] == "200 OK"
