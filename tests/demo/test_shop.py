"""The shop as a user starts it: as it is under the launcher, and with the one call in its code."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from pepperpy_otel.demo import services, tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]
LAUNCHER = [sys.executable, "-m", "pepperpy_otel.cli", "run"]
#: How each is started, what it has in its environment, and the signal that ends it.
WAYS = {
    "script under run": (
        lambda name, port: [*LAUNCHER, sys.executable, f"{name}.py"],
        {},
        signal.SIGTERM,
    ),
    "uvicorn under run": (
        lambda name, port: [
            *LAUNCHER,
            *(sys.executable, "-m", "uvicorn", f"{name}:app", "--port", str(port)),
        ],
        {},
        signal.SIGTERM,
    ),
    "uvicorn under run, Ctrl-C": (
        lambda name, port: [
            *LAUNCHER,
            *(sys.executable, "-m", "uvicorn", f"{name}:app", "--port", str(port)),
        ],
        {},
        signal.SIGINT,
    ),
    "configure()": (
        lambda name, port: [sys.executable, f"{name}.py"],
        {"SHOP_CONFIGURE": "1"},
        signal.SIGTERM,
    ),
}


@contextlib.contextmanager
def shop(way, tmp_path, endpoint):
    """Both services, until they have ended; yields the port of the storefront."""
    command, extra, end = WAYS[way]
    ports = services._free_ports(2)
    running = []
    with contextlib.ExitStack() as stack:
        for name, port in zip(("inventory", "storefront"), ports, strict=True):
            output = stack.enter_context((tmp_path / f"{name}.output").open("wb"))
            running.append(
                subprocess.Popen(
                    command(name, port),
                    cwd=services.shop_directory(),
                    env={
                        **services.base_environment(os.environ, services.Target("", "", own=True)),
                        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                        "OTEL_SERVICE_NAME": name,
                        "PORT": str(port),
                        "INVENTORY_URL": f"http://127.0.0.1:{ports[0]}",
                        "SHOP_DATA": str(tmp_path),
                        "SHOP_RESTOCK_SECONDS": "0.1",
                        **extra,
                    },
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
        try:
            for port in ports:
                wait_until_listening(port)
            yield ports[1]
            for process in running:
                process.send_signal(end)
            for process in running:
                process.wait(timeout=60)
        finally:
            for process in running:
                process.kill()
                process.wait()


def wait_until_listening(port):
    """Poll until somebody answers; long, for a busy machine under coverage."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


def order(port, sku):
    """Place an order: the status and the trace id."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = json.dumps({"sku": sku})
        connection.request("POST", "/orders", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["X-Trace-Id"]
    finally:
        connection.close()


@pytest.mark.parametrize("way", WAYS)
def test_all_three_signals_arrive(way, tmp_path, receiver):
    """One trace over both services with SQL and logs, the custom metrics, and the error path."""
    with shop(way, tmp_path, receiver.endpoint) as port:
        placed, failed = order(port, "mug"), order(port, "teapot")
        rejected = order(port, "moon")

    assert [placed[0], failed[0], rejected[0]] == [201, 502, 409]
    store = receiver.store
    traces = {trace.trace_id: trace for trace in tree.build(store.spans, store.logs)}

    good = traces[placed[1]]
    assert good.services == ["storefront", "inventory"]
    assert {"POST /orders", "POST /reservations", "take from shelf", "SELECT", "INSERT"} <= {
        span.name for span in good.spans
    }
    assert {log.body: log.attributes.get("sku") for log in good.logs} == {
        "order received": "mug",
        "looked at the shelf": "mug",
        "order placed": None,
    }

    bad = traces[failed[1]]
    errors = {log.service: log for log in bad.logs if log.severity == "ERROR"}
    assert errors["inventory"].attributes["exception.type"].endswith("ShelfJammed")
    assert errors["storefront"].attributes["exception.type"].endswith("HTTPStatusError")
    (taking,) = [span for span in bad.spans if span.name == "take from shelf"]
    assert taking.status == "error"
    assert [event.name for event in taking.events] == ["exception"]

    orders = {
        point.attributes["outcome"]: point.value
        for point in store.points
        if point.name == "shop.orders"
    }
    assert orders == {"placed": 1, "failed": 1, "rejected": 1}
    assert {"shop.checkout.duration", "shop.stock"} <= {point.name for point in store.points}
    assert any(span.name == "restock" for span in store.spans)
