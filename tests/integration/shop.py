"""The two services of examples/shop as processes, and a customer who does the same every time."""

import contextlib
import http.client
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.integration import readback
from tests.integration.launch import REPOSITORY, Service
from tests.integration.readback import eventually
from tests.ports import LOOPBACK, free_ports

DIRECTORY = REPOSITORY / "examples" / "shop"
INVENTORY, STOREFRONT = "inventory", "storefront"
#: What the shop's own lines look like: time, level, logger, message.
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) +[\w.]+: ")


@dataclass(slots=True)
class Visit:
    """What a customer did and what the services left.

    Attributes:
        service_names: ``service.name`` of each service.
        orders: For each outcome the trace ids of its orders, as the answers named them.
        output: What each service wrote to stdout and stderr.
        statuses: Exit statuses.
    """

    service_names: dict[str, str]
    orders: dict[str, list[str]] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def storefront(self) -> str:
        """``service.name`` of the storefront."""
        return self.service_names[STOREFRONT]

    @property
    def inventory(self) -> str:
        """``service.name`` of the inventory."""
        return self.service_names[INVENTORY]


def visit(way: Sequence[str], settings: Mapping[str, str], directory: Path) -> Visit:
    """Open the shop, order, and close it again.

    Args:
        way: What is put before ``python storefront.py``.
        settings: Telemetry settings of both services.
        directory: Where they may write.
    """
    token = secrets.token_hex(4)
    done = Visit({name: f"{name}-{token}" for name in (INVENTORY, STOREFRONT)})
    ports = dict(zip(done.service_names, free_ports(2), strict=True))
    services = {
        name: open_service(name, ports, way, settings, directory, done.service_names[name])
        for name in done.service_names
    }
    with contextlib.ExitStack() as stack:
        for service in services.values():
            stack.enter_context(service)
        for service in services.values():
            service.wait_until_ready()
        order_everything(f"http://{LOOPBACK}:{ports[STOREFRONT]}", done)
        for service in services.values():
            service.terminate()
        for name, service in services.items():
            done.statuses[name] = service.wait()
            done.output[name] = service.output()
    return done


def open_service(
    name: str,
    ports: Mapping[str, int],
    way: Sequence[str],
    settings: Mapping[str, str],
    directory: Path,
    service_name: str,
) -> Service:
    """One service, not started yet."""
    return Service(
        name,
        [*way, sys.executable, str(DIRECTORY / f"{name}.py")],
        settings={
            "PORT": str(ports[name]),
            "INVENTORY_URL": f"http://{LOOPBACK}:{ports[INVENTORY]}",
            "SHOP_DATA": str(directory),
            "SHOP_RESTOCK_SECONDS": "0.2",
            "OTEL_SERVICE_NAME": service_name,
            **settings,
        },
        directory=directory,
        ready_url=f"http://{LOOPBACK}:{ports[name]}/healthz",
    )


def order_everything(url: str, done: Visit) -> None:
    """Three orders that are placed, one that is rejected, one that fails; then the job's turn."""
    for sku, quantity in (("plate", 2), ("mug", 4), ("mug", 4), ("plate", 90), ("teapot", 1)):
        status, headers, _ = request("POST", f"{url}/orders", {"sku": sku, "quantity": quantity})
        outcome = {201: "placed", 409: "rejected", 502: "failed"}[status]
        done.orders.setdefault(outcome, []).append(headers["x-trace-id"])
    status, _, _ = request("POST", f"{url}/orders", {"sku": "mug", "quantity": 0})
    assert status == 422, status
    eventually(
        lambda: request("GET", f"{url}/products")[2]["mug"] == 20,
        what="the background job fills the shelf of the mugs",
    )
    assert readback.get(f"{url}/healthz")[0] == 200


def request(
    method: str, url: str, body: Mapping[str, Any] | None = None
) -> tuple[int, Mapping[str, str], Any]:
    """One request with JSON: status, headers, answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        content = json.dumps(body) if body is not None else None
        connection.request(method, parts.path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, json.loads(response.read())
    finally:
        connection.close()


def unexpected_output(output: str) -> list[str]:
    """Lines of a service that are neither its own log lines nor a traceback below one of them.

    The tracebacks of the shop's error path belong to it, unless they lead through telemetry.
    """
    unexpected = []
    in_traceback = False
    for line in output.splitlines():
        if LOG_LINE.match(line):
            in_traceback = " ERROR " in line
        elif not line:
            continue
        elif not in_traceback or "pepperpy_otel" in line or "opentelemetry/sdk" in line:
            unexpected.append(line)
    return unexpected
