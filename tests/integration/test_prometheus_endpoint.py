"""The endpoint that Prometheus scrapes, beside what is pushed to the Collector."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import launch, readback, shop
from tests.integration.servers import Stack, eventually
from tests.ports import LOOPBACK, free_ports

pytestmark = pytest.mark.integration


@pytest.fixture
def inventory(stack: Stack, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The inventory under ``pepperpy-otel run``, with the endpoint: its URL and the endpoint's."""
    (port, metrics_port) = free_ports(2)
    service = shop.open_service(
        shop.INVENTORY,
        {shop.INVENTORY: port},
        launch.RUN,
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http,
            "OTEL_EXPORTER_PROMETHEUS_HOST": LOOPBACK,
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(metrics_port),
        },
        tmp_path,
        f"inventory-{port}",
    )
    with contextlib.ExitStack() as running:
        running.enter_context(service)
        service.wait_until_ready()
        yield f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{metrics_port}/metrics"
        service.terminate()
        assert service.wait() == -signal.SIGTERM
    assert shop.unexpected_output(service.output()) == []


def test_the_prometheus_endpoint_beside_the_collector(
    stack: Stack, inventory: tuple[str, str]
) -> None:
    """``pepperpy-otel run`` with a Prometheus port: scraped there, and traced in Jaeger as well."""
    url, endpoint = inventory
    for _ in range(3):
        status, _, _ = shop.request("POST", f"{url}/reservations", {"sku": "spoon", "quantity": 1})
        assert status == 201

    status_code, body = readback.get(endpoint)
    assert status_code == 200
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
    counts = [
        line
        for line in lines
        if line.startswith("http_server_") and "duration" in line and "_count{" in line
    ]
    (posted,) = [line for line in counts if 'POST"' in line]
    assert float(posted.rpartition(" ")[2]) == 3
    (level,) = [line for line in lines if line.startswith("shop_stock{") and 'sku="spoon"' in line]
    assert float(level.rpartition(" ")[2]) == 37
    (info,) = [line for line in lines if line.startswith("target_info{")]
    assert 'telemetry_distro_name="pepperpy-otel"' in info
    service = f"inventory-{url.rpartition(':')[2]}"
    traces = eventually(lambda: stack.traces(service, operation="take from shelf"), what="traces")
    assert all(trace for trace in traces.values())


def test_a_free_port_for_the_prometheus_endpoint(tmp_path: Path) -> None:
    """``prometheus_port=0`` takes any free port and says which."""
    ended = launch.run_script(
        """
import urllib.request, pepperpy_otel
telemetry = pepperpy_otel.configure(
    "free", prometheus_port=0, traces=False, metrics=False, logs=False, instrument=False
)
pepperpy_otel.get_meter("app").create_counter("app.things").add(5, {"kind": "good"})
host, port = telemetry.prometheus_address
with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
    print(answer.read().decode())
""",
        directory=tmp_path,
        settings={"no_proxy": "*"},
    )

    assert (ended.status, ended.stderr) == (0, "")
    (line,) = [each for each in ended.stdout.splitlines() if each.startswith("app_things_total{")]
    assert 'kind="good"' in line
    assert float(line.rpartition(" ")[2]) == 5
