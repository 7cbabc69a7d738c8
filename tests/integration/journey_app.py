"""Two services for test_correlation_journey: one request goes through everything there is.

HTTP → a task of a thread pool → a task of a spawned process pool → a queue → an asyncio consumer →
HTTP to the second service. Both are this file; ``ROLE`` says which one.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from opentelemetry.trace import SpanKind

import pepperpy_otel
from pepperpy_otel.correlation import (
    ContextProcessPoolExecutor,
    ContextThreadPoolExecutor,
    bind,
    correlation_id,
    extract,
    inject,
    run_in_executor,
)

logger = logging.getLogger("journey")
tracer = pepperpy_otel.get_tracer("journey")


def configure() -> None:
    """Both services, by the environment."""
    pepperpy_otel.configure(
        instrument=["fastapi", "httpx"],
        console_logs="json",
        correlation_id="make",
        correlation_response=True,
        baggage_attributes=["tenant"],
    )


def in_process(order: int) -> str:
    """In a spawned child, which imports this file and skips the guard below."""
    with tracer.start_as_current_span("process"):
        logger.warning("priced in a process")
        return f"{order}:{correlation_id()}"


def in_thread(processes: ContextProcessPoolExecutor, order: int) -> str:
    """In a thread of a pool, which asks a process of another."""
    with tracer.start_as_current_span("thread"):
        logger.warning("priced in a thread")
        return processes.submit(in_process, order).result(60)


async def consume(queue: asyncio.Queue[dict[str, Any]], url: str) -> None:
    """A consumer that knows nothing of the request but its message."""
    duration = pepperpy_otel.get_meter("journey").create_histogram("journey.handled", "s")
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            message = await queue.get()
            with (
                extract(message["headers"]),
                tracer.start_as_current_span("consume", kind=SpanKind.CONSUMER),
            ):
                logger.warning("taken from the queue")
                duration.record(0.1)
                await asyncio.create_task(client.post(f"{url}/shipments"))


def front(url: str) -> Any:
    """The service that is asked."""
    from fastapi import FastAPI  # behind configure(), which instruments this name

    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    threads = ContextThreadPoolExecutor(2)
    processes = ContextProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(consume(queue, url))
        yield
        task.cancel()
        threads.shutdown()
        processes.shutdown()

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.post("/orders")
    async def order() -> str:
        logger.warning("ordered")
        with bind(tenant="acme"):
            answer = await run_in_executor(threads, in_thread, processes, 7)
            await queue.put({"headers": inject()})
        return answer

    return app


def back() -> Any:
    """The service at the other end."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.post("/shipments")
    async def ship() -> None:
        logger.warning("shipped")

    return app


if __name__ == "__main__":
    configure()
    app = back() if os.environ["ROLE"] == "back" else front(os.environ["BACK_URL"])
    uvicorn.run(app, port=int(os.environ["PORT"]), log_config=None, access_log=False)
