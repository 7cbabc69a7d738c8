"""The real instrumentations of real libraries, each in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver

    Run = Callable[..., subprocess.CompletedProcess[str]]

CONFIGURE = """
import sys
import pepperpy_otel
telemetry = pepperpy_otel.configure(service_name="shop")
heavy = [name for name in ("fastapi", "flask", "httpx", "requests") if name in sys.modules]
assert heavy == [], heavy
"""
ASGI = """
import warnings
from fastapi import FastAPI
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's word on its choice of client
    from starlette.testclient import TestClient
app = FastAPI()
@app.get("/orders/{number}")
def order(number: int):
    return number
@app.get("/healthz")
def health():
    return "ok"
client = TestClient(app)
assert client.get("/orders/7").json() == 7
assert client.get("/healthz").json() == "ok"
"""
FLASK = """
from flask import Flask
app = Flask("shop")
@app.get("/orders/<int:number>")
def order(number):
    return str(number)
@app.get("/readyz")
def health():
    return "ok"
client = app.test_client()
assert client.get("/orders/7").text == "7"
assert client.get("/readyz").text == "ok"
"""
SQLITE = """
import sqlite3
with sqlite3.connect(":memory:") as connection:
    connection.cursor().execute("CREATE TABLE books (title)")
connection.close()
"""
REQUESTS = """
import requests, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.handle_request, daemon=True).start()
requests.get(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10)
server.server_close()
"""


@pytest.mark.parametrize(
    ("use", "names"),
    [
        (ASGI, ["GET /orders/{number}"]),
        (FLASK, ["GET /orders/<int:number>"]),
        (SQLITE, ["CREATE"]),
        (REQUESTS, ["GET"]),
    ],
    ids=["fastapi", "flask", "sqlite3", "requests"],
)
def test_a_library_imported_after_configure_makes_spans(
    use: str, names: list[str], receiver: Receiver, run_python: Run
) -> None:
    """One span for each call, none for probes, none for ASGI messages, and nothing on stderr."""
    done = run_python(CONFIGURE + use, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})
    assert (done.returncode, done.stderr) == (0, "")
    spans = [span for span in receiver.store.spans if "httpx" not in span.scope]
    assert [span.name for span in spans] == names


def test_the_logging_instrumentation_does_not_double_records(
    receiver: Receiver, run_python: Run
) -> None:
    """With opentelemetry-instrumentation-logging installed a record still leaves once."""
    done = run_python(
        CONFIGURE + "import logging; logging.getLogger('x').error('once')",
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
    )
    assert (done.returncode, done.stderr) == (0, "once\n")
    assert [record.body for record in receiver.store.logs] == ["once"]
