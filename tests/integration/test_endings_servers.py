"""Servers that SIGTERM ends: every finished span arrives, also of the request under way."""

import sys
from pathlib import Path

import pytest

from tests.integration import endings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MODULE = [sys.executable, "-m"]
#: The command (gets a port), the app, and the signal handlers that it brings.
SERVERS = {
    "uvicorn": lambda port: [*MODULE, "uvicorn", "served:app", f"--port={port}"],
    "uvicorn --workers": lambda port: [
        *(*MODULE, "uvicorn", "served:app", f"--port={port}", "--workers=2")
    ],
    "uvicorn --reload": lambda port: [
        *(*MODULE, "uvicorn", "served:app", f"--port={port}", "--reload")
    ],
    "gunicorn": lambda port: [*MODULE, "gunicorn", "served:app", f"--bind=127.0.0.1:{port}", "-w2"],
    "gunicorn --preload": lambda port: [
        *(*MODULE, "gunicorn", "served:app", f"--bind=127.0.0.1:{port}", "-w2", "--preload")
    ],
    "gunicorn gthread": lambda port: [
        *(*MODULE, "gunicorn", "served:app", f"--bind=127.0.0.1:{port}"),
        *("-w2", "-kgthread", "--threads=2"),
    ],
    "gunicorn UvicornWorker": lambda port: [
        *(*MODULE, "gunicorn", "served:app", f"--bind=127.0.0.1:{port}"),
        *("-w2", "-kuvicorn.workers.UvicornWorker"),
    ],
    "gunicorn UvicornWorker --preload": lambda port: [
        *(*MODULE, "gunicorn", "served:app", f"--bind=127.0.0.1:{port}"),
        *("-w2", "-kuvicorn.workers.UvicornWorker", "--preload"),
    ],
}
_STATUS: dict[tuple[str, int], int] = {}


def _app(server: str) -> str:
    return endings.ASGI if "vicorn" in server.replace("gunicorn", "") else endings.WSGI


def status_without_us(server: str, number: int, directory: Path) -> int:
    """How the server ends by itself."""
    if (server, number) not in _STATUS:
        plain = directory / "plain"
        plain.mkdir()
        left = endings.serve("nothing", SERVERS[server], _app(server), plain, number)
        assert left.spans == {}
        _STATUS[server, number] = left.status
    return _STATUS[server, number]


@pytest.mark.parametrize("way", ["configure", "instrument", "run"])
@pytest.mark.parametrize("server", SERVERS)
def test_sigterm_right_after_traffic_loses_nothing(server: str, way: str, tmp_path: Path) -> None:
    """All requests are there, the one under way too, and the exit status is the server's own."""
    expected = status_without_us(server, 15, tmp_path)

    left = endings.serve(way, SERVERS[server], _app(server), tmp_path)

    assert left.spans["/fast"] == endings.REQUESTS, left.output
    assert left.spans["/slow"] == 1, left.output
    assert left.spans["lifespan.shutdown"] == left.spans["lifespan.startup"], left.output
    assert left.status == expected, left.output
    assert "pepperpy_otel" not in left.output
    assert "Traceback" not in left.output


@pytest.mark.parametrize("server", ["uvicorn", "uvicorn --workers"])
def test_sigint_right_after_traffic_loses_nothing(server: str, tmp_path: Path) -> None:
    """Ctrl-C is an end like any other."""
    expected = status_without_us(server, 2, tmp_path)

    left = endings.serve("configure", SERVERS[server], _app(server), tmp_path, 2)

    assert left.spans["/fast"] == endings.REQUESTS, left.output
    assert left.spans["/slow"] == 1, left.output
    assert left.status == expected, left.output


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn UvicornWorker"])
def test_without_our_handlers_they_would_be_lost(server: str, tmp_path: Path) -> None:
    """The setting switches them off; then the server ends by the signal and nothing arrives."""
    expected = status_without_us(server, 15, tmp_path)

    left = endings.serve(
        *("configure", SERVERS[server], _app(server), tmp_path),
        PEPPERPY_OTEL_SIGNAL_HANDLERS="false",
    )

    assert left.spans == {}
    assert left.status == expected
