"""An app whose every request is counted: for gunicorn (``app``) and uvicorn (``asgi``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics

import pepperpy_otel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

pepperpy_otel.configure(service_name="workers", instrument=False, health=False)
meter = metrics.get_meter("workers")
hits = meter.create_counter("hits")
took = meter.create_histogram("took", "s")
worker = meter.create_gauge("worker")


def _count(path: str) -> bytes:
    # What no other worker has must not change the labels of what all have.
    extra = {"only": os.getpid()} if path == "/odd" else {}
    hits.add(1, {"path": path, **extra})
    took.record(0.3)
    worker.set(1)
    return str(os.getpid()).encode()


def app(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """WSGI: the worker's pid."""
    body = _count(environ["PATH_INFO"])
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: the worker's pid."""
    if scope["type"] == "http":
        body = _count(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
