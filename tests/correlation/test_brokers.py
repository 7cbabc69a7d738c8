"""Celery and Kafka: the instrumentations of OpenTelemetry carry the id by the global propagator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage

from pepperpy_otel.correlation import bind, correlation_id, extract, use_correlation_id

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


CELERY = """
import sys, warnings
warnings.simplefilter("ignore")
import pepperpy_otel
pepperpy_otel.configure(traces=False, metrics=False, logs=False, instrument=["celery"])
from celery import Celery
from celery.contrib.testing.worker import start_worker
from opentelemetry import baggage
from pepperpy_otel.correlation import bind, correlation_id, use_correlation_id

app = Celery("app", broker="memory://", backend="cache+memory://")

@app.task(name="app.show")
def show():
    return correlation_id(), baggage.get_baggage("tenant")

with start_worker(app, perform_ping_check=False, loglevel="ERROR", shutdown_timeout=60):
    with use_correlation_id("abc"), bind(tenant="acme"):
        sent = show.delay()
    print("answer", *sent.get(timeout=60), file=sys.__stdout__, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hosts", "expected"),
    [("*", "abc acme"), ("good.com", "None None"), ("good.com,@messaging", "abc acme")],
)
def test_a_task_of_celery_has_the_id_of_who_sent_it(
    hosts: str, expected: str, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """With a list of hosts its broker has to be allowed, by the word for all brokers."""
    pytest.importorskip("celery")
    pytest.importorskip("opentelemetry.instrumentation.celery")
    # In a process of its own: Celery takes over logging, warnings and the standard streams.
    done = run_python(CELERY, env={"PEPPERPY_OTEL_PROPAGATION_HOSTS": hosts}, timeout=150)
    assert f"answer {expected}" in done.stdout, done.stderr


def test_a_message_of_kafka_has_the_id_of_who_sent_it(
    configure: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its headers, as bytes; and the consumer takes it out with ``extract()``."""
    aiokafka: Any = pytest.importorskip("aiokafka")
    pytest.importorskip("opentelemetry.instrumentation.aiokafka")
    sent: list[Any] = []

    async def send(producer: Any, topic: str, *_: Any, headers: Any = None, **__: Any) -> None:
        sent.append(headers)

    monkeypatch.setattr(aiokafka.AIOKafkaProducer, "send", send)
    configure(instrument=["aiokafka"])
    producer = object.__new__(aiokafka.AIOKafkaProducer)
    producer.client = aiokafka.client.AIOKafkaClient.__new__(aiokafka.client.AIOKafkaClient)
    producer.client._bootstrap_servers = "localhost:9092"
    producer.client._client_id = "test"
    producer._closed = True  # what its finalizer looks at
    with use_correlation_id("abc"), bind(tenant="acme"):
        asyncio.run(producer.send("orders", b"value"))
    [headers] = sent
    assert ("x-correlation-id", b"abc") in headers
    with extract(headers):
        assert (correlation_id(), baggage.get_baggage("tenant")) == ("abc", "acme")
