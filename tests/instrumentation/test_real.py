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


HTTPX = REQUESTS.replace("requests", "httpx")


@pytest.mark.parametrize(
    ("use", "scope", "names"),
    [
        (ASGI, "fastapi", ["GET /orders/{number}"]),
        (FLASK, "flask", ["GET /orders/<int:number>"]),
        (SQLITE, "sqlite3", ["CREATE"]),
        (REQUESTS, "requests", ["GET"]),
        (HTTPX, "httpx", ["GET"]),
    ],
    ids=["fastapi", "flask", "sqlite3", "requests", "httpx"],
)
def test_a_library_imported_after_configure_makes_spans(
    use: str, scope: str, names: list[str], receiver: Receiver, run_python: Run
) -> None:
    """One span for each call, none for probes, none for ASGI messages, and nothing on stderr."""
    done = run_python(CONFIGURE + use, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})
    assert (done.returncode, done.stderr) == (0, "")
    spans = [(span.scope.rpartition(".")[2], span.name) for span in receiver.store.spans]
    assert [name for of, name in spans if of == scope] == names
    assert {of for of, _ in spans} <= {scope, "httpx"}  # Starlette's test client is httpx's


def test_libraries_follow_rollback_and_configure(receiver: Receiver, run_python: Run) -> None:
    """One that was imported before, one that is imported while all is undone, one afterwards."""
    use = """
import pepperpy_otel
from pepperpy_otel.instrumentation import loader

def create(note):
    import sqlite3
    with sqlite3.connect(":memory:") as connection:
        connection.cursor().execute(f"CREATE TABLE {note} (title)")
    connection.close()

pepperpy_otel.configure()
create("first")
pepperpy_otel.rollback()
assert loader.states() == {}
create("never")
import flask
assert flask.Flask.__name__ == "Flask"
pepperpy_otel.configure()
create("second")
assert flask.Flask.__name__ == "_InstrumentedFlask"
from fastapi import FastAPI
assert FastAPI.__name__ == "_InstrumentedFastAPI"
pepperpy_otel.rollback()
import fastapi
assert fastapi.FastAPI.__name__ == "FastAPI"
"""
    done = run_python(use, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})
    assert (done.returncode, done.stderr) == (0, "")
    statements = [span.attributes["db.statement"] for span in receiver.store.spans]
    assert statements == ["CREATE TABLE first (title)", "CREATE TABLE second (title)"]


def test_threads_that_import_instrumented_libraries_do_not_block(run_python: Run) -> None:
    """A background thread (ours sends with such a library) and the app import at the same time."""
    use = """
import importlib, threading
from pepperpy_otel.instrumentation import loader

loader.instrument(True, disabled=["system_metrics"], record=lambda what, undo: None)
names = ["fastapi", "requests", "flask", "httpx", "sqlite3", "urllib3", "starlette", "asyncio"]
start = threading.Barrier(4)

def work(mine):
    start.wait(20)
    for name in mine:
        importlib.import_module(name)

threads = [
    threading.Thread(target=work, args=(names[at:] + names[:at],), daemon=True)
    for at in (0, 2, 4, 6)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(40)
assert not any(thread.is_alive() for thread in threads)
states = loader.states()
print(sorted(name for name in ("fastapi", "flask", "requests", "httpx", "sqlite3")
             if states[name] == "instrumented"))
"""
    done = run_python(use, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['fastapi', 'flask', 'httpx', 'requests', 'sqlite3']\n"


@pytest.mark.parametrize("first", ["wrapt", "opentelemetry.instrumentation.requests", "asyncio"])
def test_what_instrumentations_need_may_be_imported_first(first: str, run_python: Run) -> None:
    """An app that imports wrapt, or an instrumentation by hand, disturbs nothing."""
    use = f"""
import importlib
from pepperpy_otel.instrumentation import loader

loader.instrument(True, disabled=["system_metrics"], record=lambda what, undo: None)
importlib.import_module({first!r})
importlib.import_module("requests")
print(loader.states()["requests"])
"""
    done = run_python(use)
    assert (done.returncode, done.stdout, done.stderr) == (0, "instrumented\n", "")


def test_starting_costs_what_is_used(run_python: Run) -> None:
    """Of all that is installed nothing is imported before its library is."""
    use = """
import sys
before = set(sys.modules)  # with sqlite3, where coverage is measured
from pepperpy_otel.instrumentation import loader
skipped = ["sqlite3", "system_metrics"]
loader.instrument(True, disabled=skipped, record=lambda what, undo: None)
heavy = {"wrapt", "asyncio", "packaging", "importlib.metadata", "requests"}
print(sorted(heavy & set(sys.modules) - before))
"""
    done = run_python(use)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


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
