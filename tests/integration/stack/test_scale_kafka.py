"""Agent, Kafka, two gateways: nothing is lost when the broker or a gateway goes away."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.servers import Unavailable, eventually
from tests.integration.sink import Sink
from tests.integration.stack.kafka import Broker
from tests.integration.stack.scale import ADDRESSES, Agent, Gateway, lacking
from tests.integration.stack.scale_data import (
    SPANS,
    Traces,
    arrived,
    complete,
    delta,
    logs,
    points,
    send,
)
from tests.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

OUTAGE_SECONDS = 90.0


@dataclass(frozen=True)
class Through:
    """What runs: the agent, the broker, the gateways that share its records, what is behind."""

    agent: Agent
    broker: Broker
    gateways: dict[str, Gateway]
    sinks: dict[str, Sink]


@pytest.fixture(scope="module")
def through(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    """An agent that writes to Kafka, and two gateways that read and keep every trace."""
    directory = tmp_path_factory.mktemp("kafka")
    try:
        broker = Broker(directory, partitions=4)
    except Unavailable as reason:
        lacking(reason)
    with contextlib.ExitStack() as stack:
        stack.enter_context(broker.process)
        sinks = {name: stack.enter_context(Sink()) for name in ADDRESSES}
        kafka = {"KAFKA_BROKERS": broker.address}
        gateways = {
            name: _gateway(directory, name, sinks[name], {**kafka, "SAMPLING": "[]"})
            for name in ADDRESSES
        }
        env = {**kafka, "COLLECTOR_METRICS_URL": gateways["g1"].metrics_url}
        agent = Agent(directory, overlays=["agent-kafka.yaml"], env=env)
        for process in (*(gateway.process for gateway in gateways.values()), agent.process):
            stack.enter_context(process)
        running = Through(agent, broker, gateways, sinks)
        _both_read(running)
        for process in (agent.process, *(gateway.process for gateway in gateways.values())):
            assert process.warnings() == []
        yield running


def _gateway(directory: Path, name: str, sink: Sink, env: dict[str, str]) -> Gateway:
    (port,) = free_ports(1)
    overlays = ["gateway-kafka.yaml"]
    return Gateway(
        directory, name, address="127.0.0.1", port=port, sink=sink, overlays=overlays, env=env
    )


def test_through_kafka(through: Through) -> None:
    """Each trace is in one partition and ends in one gateway; metrics and logs arrive too."""

    def whole() -> bool:  # again if another test's gateway was still taking its partitions back
        traces = Traces(60)
        send(through.agent.otlp_http, *traces.requests())
        eventually(lambda: complete(through.sinks) >= set(traces.ids))
        found = arrived(through.sinks)
        return all(list(found[trace].values()) == [SPANS] for trace in traces.ids)

    eventually(whole, timeout=OUTAGE_SECONDS)
    send(through.agent.otlp_http, delta("shop.orders", 7), logs(["failed"]))
    sinks = through.sinks.values()
    eventually(lambda: [point for sink in sinks for point in points(sink, "shop.orders")])
    eventually(lambda: [record for sink in sinks for record in sink.items("logs")])


def test_broker_restarts(through: Through) -> None:
    """The broker is killed under load and comes back: no request fails, nothing is lost."""
    sent: set[bytes] = set()
    _send(through, 10, sent)
    through.broker.process.kill()
    _send(through, 10, sent)
    through.broker.process.start()
    _send(through, 10, sent)
    eventually(lambda: complete(through.sinks) >= sent, timeout=OUTAGE_SECONDS)
    _both_read(through)


def test_gateway_killed(through: Through) -> None:
    """A gateway is killed while it reads: the other one, or it itself later, has everything."""
    sent: set[bytes] = set()
    _send(through, 10, sent)
    through.gateways["g2"].process.kill()
    _send(through, 10, sent)
    through.gateways["g2"].process.start()
    eventually(lambda: complete(through.sinks) >= sent, timeout=OUTAGE_SECONDS)
    _both_read(through)


def _send(through: Through, requests: int, sent: set[bytes]) -> None:
    for _ in range(requests):
        traces = Traces(10)
        send(through.agent.otlp_http, *traces.requests())
        sent.update(traces.ids)


def _both_read(through: Through) -> None:
    """Send until each gateway has some of it: the group has shared out the partitions."""

    def both() -> bool:
        traces = Traces(20)
        send(through.agent.otlp_http, *traces.requests())
        eventually(lambda: complete(through.sinks) >= set(traces.ids), timeout=OUTAGE_SECONDS)
        found = arrived(through.sinks)
        return {gateway for trace in traces.ids for gateway in found[trace]} == set(ADDRESSES)

    eventually(both, timeout=OUTAGE_SECONDS, what="records read by both gateways")
