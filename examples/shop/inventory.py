"""The inventory: what is on the shelves, who takes it, and a job that fills them up again.

GET /stock, POST /reservations ``{"sku": "mug", "quantity": 2}``, GET /healthz. The shelf of the
teapot is jammed: reserving one is the error path.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import service

service.prepare("inventory")

import restock  # noqa: E402  (what is imported before the set-up may stay un-instrumented)
import shelves  # noqa: E402
from fastapi import FastAPI, HTTPException  # noqa: E402
from pydantic import BaseModel  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger("shop.inventory")


class Reservation(BaseModel):
    """What the storefront sends."""

    sku: str
    quantity: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Fill the shelves, and keep them filled while the service runs."""
    shelves.set_up()
    job = restock.Job()
    yield
    job.stop()


app = FastAPI(title="inventory", lifespan=lifespan)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """For whoever waits until the service is up."""
    return {"status": "ok"}


@app.get("/stock")
def stock() -> dict[str, int]:
    """Items left, by SKU."""
    return shelves.look()


@app.post("/reservations", status_code=201)
def reserve(reservation: Reservation) -> dict[str, Any]:
    """Take goods off the shelf: 409 when there are too few, 500 when the shelf is jammed."""
    try:
        left = shelves.take(reservation.sku, reservation.quantity)
    except shelves.ShelfJammed as error:
        log.exception("reservation failed", extra={"sku": reservation.sku})
        raise HTTPException(500, "reservation failed") from error
    if left is None:
        raise HTTPException(409, "out of stock")
    if left < restock.LOW:
        log.warning("stock is low", extra={"sku": reservation.sku, "left": left})
    return {"sku": reservation.sku, "left": left}


if __name__ == "__main__":
    service.serve(app, 8001)
