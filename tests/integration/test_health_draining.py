"""SIGTERM under uvicorn: readiness is red at once, liveness stays green, requests finish."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.launch import environment
from tests.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

APP = """
import asyncio, os
import pepperpy_otel
from pepperpy_otel import health
telemetry = None
if os.environ.get("OURS"):
    telemetry = pepperpy_otel.configure("draining", health_port=int(os.environ["HEALTH_PORT"]))
    health.register("always", lambda: True, interval=5.0)
    health.run(5.0)
from fastapi import FastAPI
app = FastAPI()
if telemetry is not None:
    health.mount(app)

@app.get("/slow")
async def slow():
    while not os.path.exists("go"):
        await asyncio.sleep(0.02)
    return "done"

@app.get("/quick")
async def quick():
    return "quick"
"""


def ask(port: int, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def answers(port: int, path: str) -> bool:
    try:
        return ask(port, path)[0] == 200
    except OSError:
        return False


def serve(directory: Path, port: int, **settings: str) -> subprocess.Popen[bytes]:
    (directory / "draining.py").write_text(textwrap.dedent(APP))
    command = [sys.executable, "-m", "uvicorn", "draining:app", "--port", str(port)]
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=directory, env=environment(settings), stdout=log, stderr=log
        )


def terminate_in_mid_request(directory: Path, port: int, service: Any) -> Any:
    """SIGTERM while a request is under way; gives what lets that end and has its answer."""
    answer: list[Any] = []
    asking = threading.Thread(target=lambda: answer.append(ask(port, "/slow")))
    asking.start()
    log = directory / "log"
    wait_for(lambda: answers(port, "/quick"))
    time.sleep(0.1)  # /slow was sent before /quick was answered; let it get to the app
    service.send_signal(signal.SIGTERM)
    wait_for(lambda: "Shutting down" in log.read_text())

    def finish() -> Any:
        (directory / "go").touch()
        asking.join(20)
        return answer

    return finish


def test_sigterm_drains_at_once(tmp_path: Path) -> None:
    """/readyz is 503 on the health port and on a connection still open, /livez 200 throughout."""
    port, health_port = free_ports(2)
    nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    service = serve(tmp_path, port, OURS="1", HEALTH_PORT=str(health_port), **nowhere)
    try:
        wait_for(lambda: answers(health_port, "/readyz") and answers(port, "/readyz"))
        finish = terminate_in_mid_request(tmp_path, port, service)
        wait_for(lambda: ask(health_port, "/readyz")[0] == 503)
        assert ask(health_port, "/livez") == (200, {"status": "pass"})
        assert ask(health_port, "/healthz/always") == (200, {"status": "pass"})
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port)):
            pass
        assert finish() == [(200, "done")]
        status = service.wait(20)
    finally:
        service.kill()
        service.wait()
    (tmp_path / "go").unlink()
    plain_port = free_ports(1)[0]
    plain = serve(tmp_path, plain_port)
    try:
        wait_for(lambda: answers(plain_port, "/quick"))
        os.truncate(tmp_path / "log", 0)
        finish = terminate_in_mid_request(tmp_path, plain_port, plain)
        assert finish() == [(200, "done")]
        assert status == plain.wait(20)
    finally:
        plain.kill()
        plain.wait()
