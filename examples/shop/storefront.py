"""The storefront: takes orders, asks the inventory for the goods, keeps its own books.

GET /products, POST /orders ``{"sku": "mug", "quantity": 2}``, GET /healthz.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import service

service.prepare("storefront")

import httpx  # noqa: E402  (what is imported before the set-up may stay un-instrumented)
from fastapi import FastAPI  # noqa: E402
from fastapi.responses import JSONResponse  # noqa: E402
from opentelemetry import metrics, trace  # noqa: E402
from pydantic import BaseModel, Field  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger("shop.storefront")
meter = metrics.get_meter("shop.storefront")
orders = meter.create_counter("shop.orders", unit="{order}", description="Orders by outcome")
checkout_time = meter.create_histogram(
    "shop.checkout.duration",
    unit="s",
    description="From the order to its answer",
    explicit_bucket_boundaries_advisory=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
)
inventory = httpx.Client(
    base_url=os.environ.get("INVENTORY_URL", "http://127.0.0.1:8001"), timeout=5
)

SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, sku TEXT, quantity INTEGER)"
STATUS = {"placed": 201, "rejected": 409, "failed": 502}


class Order(BaseModel):
    """What a customer sends."""

    sku: str
    quantity: int = Field(default=1, ge=1, le=99)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the books, and close the connections at the end."""
    with service.database("storefront") as cursor:
        cursor.executescript(SCHEMA)
    yield
    inventory.close()


app = FastAPI(title="storefront", lifespan=lifespan)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """For whoever waits until the service is up."""
    return {"status": "ok"}


@app.get("/products")
def products() -> Any:
    """What the inventory has."""
    return inventory.get("/stock").raise_for_status().json()


@app.post("/orders")
def place_order(order: Order) -> JSONResponse:
    """Place an order; the answer names its trace in ``X-Trace-Id``."""
    started = time.perf_counter()
    log.info("order received", extra={"sku": order.sku, "quantity": order.quantity})
    outcome, body = checkout(order)
    orders.add(1, {"outcome": outcome, "sku": order.sku})
    checkout_time.record(time.perf_counter() - started, {"outcome": outcome})
    trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
    return JSONResponse(body, STATUS[outcome], headers={"X-Trace-Id": trace_id})


def checkout(order: Order) -> tuple[str, dict[str, Any]]:
    """Reserve the goods, then write the order down: the outcome and what to answer."""
    try:
        answer = inventory.post("/reservations", json=order.model_dump())
        if answer.status_code == 409:
            log.warning("order rejected", extra={"sku": order.sku, "reason": "out of stock"})
            return "rejected", {"detail": "out of stock"}
        answer.raise_for_status()
    except httpx.HTTPError:
        log.exception("the inventory failed", extra={"sku": order.sku})
        return "failed", {"detail": "try again later"}
    with service.database("storefront") as cursor:
        cursor.execute(
            "INSERT INTO orders (sku, quantity) VALUES (?, ?)", (order.sku, order.quantity)
        )
        order_id = cursor.lastrowid
    log.info("order placed", extra={"order_id": order_id})
    return "placed", {"order_id": order_id, "left": answer.json()["left"]}


if __name__ == "__main__":
    service.serve(app, 8000)
