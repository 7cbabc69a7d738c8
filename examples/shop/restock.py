"""The background job: a thread that fills the shelves up again, each round in its own trace."""

from __future__ import annotations

import logging
import os
import threading

import shelves
from opentelemetry import metrics, trace

log = logging.getLogger("shop.restock")
tracer = trace.get_tracer("shop.restock")
restocked = metrics.get_meter("shop.restock").create_counter(
    "shop.restocked", unit="{item}", description="Items put on the shelves"
)

LOW = 5
FULL = 20


class Job:
    """Runs a round every ``SHOP_RESTOCK_SECONDS`` (2) until it is stopped."""

    def __init__(self) -> None:
        self._seconds = float(os.environ.get("SHOP_RESTOCK_SECONDS", "2"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="restock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it and wait for the round under way."""
        self._ended.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                fill_shelves()
            except Exception:
                log.exception("restocking failed")


def fill_shelves() -> None:
    """One round."""
    with tracer.start_as_current_span("restock") as span:
        added = shelves.fill(below=LOW, up_to=FULL)
        span.set_attribute("shop.skus", sorted(added))
        for sku, quantity in added.items():
            restocked.add(quantity, {"sku": sku})
        if added:
            log.info("shelves filled", extra={"items": sum(added.values())})
        else:
            log.debug("nothing to do")
