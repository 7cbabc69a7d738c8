"""How the stack runs the shop: python stacked.py inventory|storefront|customers.

The services stay as they are. What this adds is what an operator would: telemetry before anything
is imported, health checks of what the service depends on, and the stack's token where it asks for
one (``STACK_OTLP_AUTH``). ``customers`` orders from ``SHOP_URL`` until it is stopped.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import runpy
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

TOKEN = Path("/run/stack/secrets/otlp_token")
#: Touched after each order that was answered: how the customers' own health check sees them live.
LAST_ORDER = Path("/tmp/last-order")
#: One in ten fails and one in ten is rejected, so that there is something to see.
WISHES = (("mug", 1), ("mug", 2), ("plate", 1), ("plate", 3), ("spoon", 2), ("spoon", 1))
BAD_WISHES = (("plate", 90), ("teapot", 1))


def run_service(name: str) -> None:
    """Switch telemetry on, register the checks, then run the service's own file."""
    data = Path(os.environ["SHOP_DATA"])
    data.mkdir(parents=True, exist_ok=True)
    if os.environ.get("STACK_OTLP_AUTH"):
        token = TOKEN.read_text(encoding="utf-8")
        os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{token}"

    import pepperpy_otel
    from pepperpy_otel.health import probes

    telemetry = pepperpy_otel.configure(os.environ.get("OTEL_SERVICE_NAME") or name)
    checks = pepperpy_otel.health
    checks.register("disk", probes.disk(data), critical=False)
    checks.register("telemetry", probes.telemetry_pipeline(telemetry.stats), critical=False)
    if upstream := os.environ.get("INVENTORY_URL"):
        checks.register("inventory", probes.http(f"{upstream}/healthz"))
    runpy.run_path(str(Path(__file__).with_name(f"{name}.py")), run_name="__main__")


def be_customers(url: str, orders_per_minute: float) -> None:
    """Order at that rate, with a bad wish among them now and then, until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    chance = random.Random()
    while not ended.wait(chance.expovariate(orders_per_minute / 60)):
        sku, quantity = chance.choice(BAD_WISHES if chance.random() < 0.2 else WISHES)
        try:
            order(url, sku, quantity)
        except (OSError, http.client.HTTPException) as error:
            print(f"the storefront does not answer: {error}", file=sys.stderr, flush=True)
        else:
            LAST_ORDER.touch()


def order(url: str, sku: str, quantity: int) -> int:
    """Order once; the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        body = json.dumps({"sku": sku, "quantity": quantity})
        connection.request("POST", "/orders", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


if __name__ == "__main__":
    role = sys.argv[1] if len(sys.argv) == 2 else ""
    if role in ("inventory", "storefront"):
        run_service(role)
    elif role == "customers":
        be_customers(os.environ["SHOP_URL"], float(os.environ.get("SHOP_ORDERS_PER_MINUTE", "60")))
    else:
        sys.exit("usage: python stacked.py inventory|storefront|customers")
