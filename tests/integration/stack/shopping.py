"""Orders at the demo's storefront, and what must be found of each of them afterwards."""

from __future__ import annotations

import contextlib
import http.client
import threading
from typing import TYPE_CHECKING

from tests.integration import shop

if TYPE_CHECKING:
    from tests.integration.stack.compose import Compose

SERVICES = {"storefront", "inventory"}


def order(stack: Compose, sku: str = "spoon", quantity: int = 1) -> str:
    """Order once; the trace id that the answer names."""
    body = {"sku": sku, "quantity": quantity}
    _, headers, _ = shop.request("POST", f"{stack.url('SHOP')}/orders", body)
    return headers["x-trace-id"]


class Customers:
    """Order one after another from a thread, until told to stop; all that was answered counts."""

    def __init__(self, stack: Compose) -> None:
        self.stack = stack
        self.orders: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.orders.append(order(self.stack))

    def stop(self) -> None:
        """No more orders."""
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Customers:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def without_trace(stack: Compose, orders: list[str]) -> list[str]:
    """Orders of which Jaeger does not have the spans of both services under one trace id."""
    return [each for each in orders if {span["service"] for span in stack.trace(each)} != SERVICES]


def without_log(stack: Compose, orders: list[str]) -> list[str]:
    """Orders of which Loki does not have the storefront's record under their trace id."""
    found = {
        line["labels"].get("trace_id")
        for line in stack.log_lines('{service_name="storefront"} |= "order received"')
    }
    return [each for each in orders if each not in found]
