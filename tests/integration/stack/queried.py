"""One run of the stack for all queries: the shop with traffic, then one fault after the other.

The servers run as processes with the shipped configurations, made faster: rules every 2 seconds
instead of every 30, "gone" after 30 seconds instead of 3 minutes, queues of a few hundred items, so
that minutes show what would take hours.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from typing import TYPE_CHECKING

import yaml

from tests.integration.launch import Service
from tests.integration.servers import CONFIG, Collector, Jaeger, Loki, Prometheus
from tests.integration.shop import DIRECTORY, request
from tests.integration.stack import wounds
from tests.integration.stack.asking import Asker
from tests.integration.stack.picky import Picky
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STOREFRONT, INVENTORY = "storefront", "inventory"
HERE = CONFIG.parent / "tests" / "integration" / "stack"
#: Small, so that a dead backend shows in seconds.
QUEUE = 300


class QueriedRun:
    """The servers, the shop in front of them, and a customer who goes on ordering.

    Args:
        directory: Where all of them may write.
    """

    def __init__(self, directory: Path) -> None:
        self._exit = contextlib.ExitStack()
        self.directory = directory
        self.faults = directory / "faults"
        self.faults.mkdir()
        self.loki = Loki(directory)
        self.prometheus = Prometheus(directory, loki_url=self.loki.url)
        hasten_prometheus(directory / "prometheus-config")
        self.jaeger = Jaeger(directory, prometheus_url=self.prometheus.url)
        self.collector = Collector(
            directory,
            jaeger_otlp_grpc=self.jaeger.otlp_grpc,
            prometheus_url=self.prometheus.url,
            loki_url=self.loki.url,
            config=hastened_collector(directory),
        )
        self.asker = Asker(self.prometheus.url, self.loki.url, self.jaeger.query_url)
        self.url = ""
        self.picky = Picky(self.collector.otlp_http)
        self._wishes = ("mug", "plate", "spoon")
        self._stalling = False
        self._ended = threading.Event()

    def __enter__(self) -> QueriedRun:
        with contextlib.ExitStack() as starting:
            for server in (self.loki, self.jaeger, self.prometheus, self.collector):
                starting.enter_context(server.process)
            starting.enter_context(self.picky)
            services = self._services()
            for service in services:
                starting.enter_context(service)
            for service in services:
                service.wait_until_ready(timeout=60)
            customer = threading.Thread(target=self._order, daemon=True)
            customer.start()
            starting.callback(customer.join, 30)
            starting.callback(self._ended.set)
            self._exit = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def hurt_the_service(self) -> None:
        """Unhealthy, flapping, unknown, gone, failing, slow and stalled: everything of the app."""
        for name in ("unhealthy", "flapping"):
            (self.faults / name).touch()
        self._wishes = ("mug", "teapot", "teapot", "plate")
        for path in ("/expect/mailer", "/forget/appendix"):
            assert request("POST", self.url + path)[0] == 200
        for path in ["/slow/0.6"] * 8:
            assert request("GET", self.url + path)[0] == 200
        self._stalling = True

    def send_what_nobody_takes(self) -> None:
        """A sample and a record of long ago, a span beyond all limits; and a refusal for good."""
        for path, body in wounds.requests():
            wounds.send(f"{self.collector.otlp_http}{path}", body)
        self.picky.refuse(traces=30, metrics=3, logs=30)

    def stop_backends(self) -> None:
        """Jaeger and Loki are away."""
        self.jaeger.process.stop()
        self.loki.process.stop()

    def start_backends(self) -> None:
        """They are back."""
        self.loki.process.start()
        self.jaeger.process.start()

    def _services(self) -> list[Service]:
        ports = dict(zip((INVENTORY, STOREFRONT), free_ports(2), strict=True))
        self.url = f"http://127.0.0.1:{ports[STOREFRONT]}"
        every = {
            "INVENTORY_URL": f"http://127.0.0.1:{ports[INVENTORY]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BLRP_SCHEDULE_DELAY": "500",
            "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=shop,deployment.environment.name=test",
            # Where it is installed it gives many of our metrics by other labels.
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "system_metrics",
            "SHOP_RESTOCK_SECONDS": "0.5",
        }
        # The inventory has no spool and short queues: it drops. The storefront spools.
        inventory = {
            "SHOP_CONFIGURE": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.picky.url,
            "OTEL_BSP_MAX_QUEUE_SIZE": "60",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "30",
            "OTEL_BLRP_MAX_QUEUE_SIZE": "60",
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "30",
        }
        storefront = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.otlp_http,
            "PEPPERPY_OTEL_SPOOL_DIRECTORY": str(self.directory / "spool"),
            "PATIENT_FAULTS": str(self.faults),
            "PATIENT_SHOP": str(DIRECTORY),
        }
        programs = {
            INVENTORY: (DIRECTORY / "inventory.py", inventory),
            STOREFRONT: (HERE / "patient.py", storefront),
        }
        return [
            self._service(name, str(program), ports[name], {**every, **settings})
            for name, (program, settings) in programs.items()
        ]

    def _service(self, name: str, program: str, port: int, env: Mapping[str, str]) -> Service:
        data = self.directory / f"{name}-data"
        data.mkdir()
        return Service(
            name,
            [sys.executable, program],
            settings={"PORT": str(port), "OTEL_SERVICE_NAME": name, "SHOP_DATA": str(data), **env},
            directory=self.directory,
            ready_url=f"http://127.0.0.1:{port}/healthz",
        )

    def _order(self) -> None:
        number = 0
        while not self._ended.wait(0.05):
            number += 1
            sku = self._wishes[number % len(self._wishes)]
            with contextlib.suppress(OSError):
                request("POST", f"{self.url}/orders", {"sku": sku, "quantity": 1})
                request("GET", f"{self.url}/products")
                if self._stalling and number % 20 == 0:
                    request("GET", f"{self.url}/stall/30000000")


def hasten_prometheus(directory: Path) -> None:
    """Rules and scrapes every 2 seconds; the examples of own objectives are the storefront's."""
    rewrite(
        directory / "prometheus.yaml", lambda text: text.replace("interval: 15s", "interval: 2s")
    )
    for path in (directory / "rules").glob("*.yaml"):
        rewrite(path, hastened_rules)
    objectives = directory / "rules" / "objectives.yaml"
    before, _, examples = objectives.read_text().partition("    rules: []\n")
    uncommented = "\n".join(line.replace("    # ", "    ", 1) for line in examples.splitlines())
    objectives.write_text(before + uncommented.replace("checkout", STOREFRONT) + "\n")
    assert len(yaml.safe_load(objectives.read_text())["groups"][1]["rules"]) == 3


def hastened_rules(text: str) -> str:
    """Evaluated all the time; what is gone is gone after half a minute; alerts fire at once."""
    text = re.sub(r"^    interval: \w+$", "    interval: 2s", text, flags=re.MULTILINE)
    text = re.sub(r"^        for: \w+$", "        for: 2s", text, flags=re.MULTILINE)
    return text.replace("[3m]", "[30s]")


def hastened_collector(directory: Path) -> Path:
    """Its own metrics every 2 seconds, queues to Jaeger and Loki that are soon full."""
    text = (CONFIG / "collector-local.yaml").read_text()
    large = (
        "queue_size: 500000\n      batch: { flush_timeout: 200ms, min_size: 2048, max_size: 8192 }"
    )
    small = (
        f"queue_size: {QUEUE}\n      batch: {{ flush_timeout: 200ms, min_size: 50, max_size: 100 }}"
    )
    assert text.count(large) == 2
    assert "interval: 15000" in text
    config = directory / "collector.yaml"
    config.write_text(text.replace(large, small).replace("interval: 15000", "interval: 2000"))
    return config


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change a file that has to change."""
    before = path.read_text()
    after = change(before)
    assert after != before, path
    path.write_text(after)
