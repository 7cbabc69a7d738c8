"""The part of compared_app.py that works through instrumented libraries."""

import asyncio
import contextlib
import logging
import socket
import sqlite3
import threading

import flask
import httpx
import requests
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from opentelemetry import baggage, context, metrics, trace


class WebError(RuntimeError):
    """What a handler does not catch."""


def database() -> None:
    connection = sqlite3.connect(":memory:")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
    cursor.executemany("INSERT INTO items (name) VALUES (?)", [("mug",), ("plate",)])
    cursor.execute("SELECT name FROM items WHERE id = ?", (1,)).fetchall()
    try:
        cursor.execute("SELECT nothing FROM nowhere")
    except sqlite3.OperationalError:
        logging.getLogger("app.database").exception("no such table")
    connection.commit()
    connection.close()


def fastapi_app() -> FastAPI:
    app = FastAPI()

    async def dependency() -> str:
        with trace.get_tracer("app.web").start_as_current_span("dependency"):
            return "needed"

    @app.get("/items/{item_id}")
    async def item(item_id: int, needed: str = Depends(dependency)) -> dict[str, object]:
        logging.getLogger("app.web").warning("asked for %s", item_id)
        metrics.get_meter("app.web").create_counter("app.web.items").add(1, {"item": item_id})
        return {"id": item_id, "user": baggage.get_baggage("user")}

    @app.post("/items", status_code=201)
    def create(body: dict[str, object]) -> dict[str, object]:
        with trace.get_tracer("app.web").start_as_current_span("store"):
            return body

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "a teapot")

    @app.get("/broken")
    async def broken() -> None:
        raise WebError("the handler is broken")

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.get("/metrics")
    async def metrics_page() -> str:
        return "none"

    return app


def flask_app() -> flask.Flask:
    app = flask.Flask("compared")

    @app.route("/hello/<name>")
    def hello(name: str) -> str:
        with trace.get_tracer("app.web").start_as_current_span("greet"):
            logging.getLogger("app.web").warning("hello to %s", name)
        return f"hello {name}"

    @app.route("/broken")
    def broken() -> str:
        raise WebError("the view is broken")

    @app.route("/healthz")
    def health() -> str:
        return "ok"

    return app


def web() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(fastapi_app(), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        asynchronous(url)
        synchronous(url)
    finally:
        server.should_exit = True
        thread.join()
    refused(url)
    client = flask_app().test_client()
    client.get("/hello/world?q=1", headers={"User-Agent": "compared"})
    client.get("/broken")
    client.get("/nowhere")
    client.get("/healthz")


def synchronous(url: str) -> None:
    requests.get(f"{url}/healthz", timeout=10)
    token = context.attach(baggage.set_baggage("user", "alice"))
    # A connection for each: uvicorn hangs up after /broken, which the next request would run into.
    for path in ("/items/1", "/items/2", "/items/wrong", "/teapot", "/broken", "/nowhere"):
        requests.get(url + path, timeout=10)
    for path in ("/healthz", "/metrics"):
        requests.get(url + path, timeout=10)
    requests.post(f"{url}/items", json={"name": "mug"}, timeout=10)
    context.detach(token)
    with httpx.Client() as client:
        client.get(f"{url}/items/3")


def asynchronous(url: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(f"{url}/items/4")

    with trace.get_tracer("app.web").start_as_current_span("before everything"):
        asyncio.run(get())


def refused(url: str) -> None:
    """The server is gone: nobody listens there."""
    with contextlib.suppress(requests.ConnectionError):
        requests.get(url, timeout=10)
    with contextlib.suppress(httpx.ConnectError):
        httpx.get(url)
