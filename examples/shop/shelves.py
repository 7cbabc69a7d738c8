"""The shelves: what the inventory keeps in SQLite, and the gauge that shows it."""

from __future__ import annotations

import logging

import service
from opentelemetry import metrics, trace

log = logging.getLogger("shop.shelves")
tracer = trace.get_tracer("shop.shelves")
level = metrics.get_meter("shop.shelves").create_gauge(
    "shop.stock", unit="{item}", description="Items left on the shelf"
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER);
INSERT OR IGNORE INTO stock VALUES ('mug', 12), ('plate', 9), ('spoon', 40), ('teapot', 3);
"""


class ShelfJammed(RuntimeError):
    """The goods are there and nobody can reach them."""


def set_up() -> None:
    """Make the table and fill it, unless that was done before."""
    with service.database("inventory") as cursor:
        cursor.executescript(SCHEMA)


def look() -> dict[str, int]:
    """Items left, by SKU."""
    with service.database("inventory") as cursor:
        cursor.execute("SELECT sku, quantity FROM stock ORDER BY sku")
        return dict(cursor.fetchall())


def take(sku: str, quantity: int) -> int | None:
    """Take goods off the shelf: how many are left, or ``None`` when there are too few.

    Raises:
        ShelfJammed: It is a teapot.
    """
    with (
        tracer.start_as_current_span("take from shelf", attributes={"shop.sku": sku}),
        service.database("inventory") as cursor,
    ):
        cursor.execute("SELECT quantity FROM stock WHERE sku = ?", (sku,))
        (available,) = cursor.fetchone() or (0,)
        log.debug("looked at the shelf", extra={"sku": sku, "available": available})
        if sku == "teapot":
            raise ShelfJammed("the teapot shelf is jammed")
        if available < quantity:
            return None
        left: int = available - quantity
        cursor.execute("UPDATE stock SET quantity = ? WHERE sku = ?", (left, sku))
        level.set(left, {"sku": sku})
        return left


def fill(below: int, up_to: int) -> dict[str, int]:
    """Fill up what has fewer than ``below`` items: the items added, by SKU."""
    with service.database("inventory") as cursor:
        cursor.execute("SELECT sku, quantity FROM stock WHERE quantity < ?", (below,))
        added = {sku: up_to - quantity for sku, quantity in cursor.fetchall()}
        for sku in added:
            cursor.execute("UPDATE stock SET quantity = ? WHERE sku = ?", (up_to, sku))
            level.set(up_to, {"sku": sku})
        return added
