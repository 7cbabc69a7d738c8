"""A gateway is killed, then the agent: the application hears nothing of it, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.process import free_ports
from tests.integration.servers import eventually
from tests.integration.sink import Sink
from tests.integration.stack.scale import ADDRESSES, Agent, Gateway, Tiers, two_gateways
from tests.integration.stack.scale_data import Traces, answer, arrived, complete, logs, send

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]


# Four MiB for each queue, as if the disk had no more.
LIMIT = """
extensions:
  file_storage/queue: { max_size: 4194304, compaction: { on_rebound: false, on_start: false } }
"""

# A queue that two seconds fill.
SMALL = """
exporters:
  otlp_grpc/jaeger:
    sending_queue: { queue_size: 1000, batch: { min_size: 100, max_size: 500 } }
"""


@pytest.fixture(scope="module")
def tiers(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiers]:
    """An agent in front of two gateways that keep every trace."""
    with two_gateways(tmp_path_factory.mktemp("failures"), env={"SAMPLING": "[]"}) as running:
        yield running


def test_gateway_killed(tiers: Tiers) -> None:
    """A killed gateway makes no request fail; what it would have got goes to the other one."""
    _both_get_traces(tiers)

    tiers.gateways["g2"].process.kill()
    sent: set[bytes] = set()
    for number in range(20):
        traces = Traces(5)
        send(tiers.agent.otlp_http, *traces.requests(), logs([f"record {number}"]))
        sent.update(traces.ids)
    tiers.names.set([ADDRESSES["g1"]])
    only = {"g1": tiers.sinks["g1"]}
    eventually(lambda: complete(only) >= sent, timeout=60, what="all traces behind the other")
    expected = {f"record {number}" for number in range(20)}
    eventually(lambda: _bodies(tiers) >= expected, what="all log records")

    tiers.gateways["g2"].process.start()
    tiers.names.set(list(ADDRESSES.values()))
    _both_get_traces(tiers)


def test_agent_killed(tiers: Tiers) -> None:
    """What the agent has taken while no gateway was there outlives its own kill -9."""
    _both_get_traces(tiers)
    for gateway in tiers.gateways.values():
        gateway.process.kill()
    traces = Traces(200)
    send(tiers.agent.otlp_http, *traces.requests())
    tiers.agent.process.kill()

    for gateway in tiers.gateways.values():
        gateway.process.start()
    tiers.agent.process.start()
    eventually(lambda: complete(tiers.sinks) >= set(traces.ids), timeout=60)


def test_gateway_stopped(servers: None, tmp_path: Path) -> None:
    """A gateway that is asked to stop decides at once on the traces that it waits with."""
    (port,) = free_ports(1)
    env = {"SAMPLING_WAIT": "10m", "SAMPLING_PERCENTAGE": "0"}
    with Sink() as sink:
        gateway = Gateway(tmp_path, "g1", address=ADDRESSES["g1"], port=port, sink=sink, env=env)
        failed, plain = Traces(10, error=True), Traces(10)
        with gateway.process:
            for traces in (failed, plain):
                send(gateway.otlp_http, *traces.requests())
            gateway.process.stop()
            gateway.process.start()  # what was not sent at once is in its queue
            eventually(lambda: complete({"g1": sink}) >= set(failed.ids))
        assert not arrived({"g1": sink}).keys() & set(plain.ids)


def test_store_away(servers: None, tmp_path: Path) -> None:
    """When the queue for Jaeger is full the agents have to wait; no trace that is kept is lost."""
    small = tmp_path / "small.yaml"
    small.write_text(SMALL, encoding="utf-8")
    (port,) = free_ports(1)
    jaeger = Sink()
    with Sink() as others:
        env = {
            "SAMPLING_WAIT": "1s",
            "SAMPLING_PERCENTAGE": "0",
            "JAEGER_OTLP_GRPC": jaeger.grpc.removeprefix("http://"),
        }
        gateway = Gateway(
            tmp_path,
            "g1",
            address=ADDRESSES["g1"],
            port=port,
            sink=others,
            overlays=[str(small)],
            env=env,
        )
        agent = Agent(
            tmp_path, gateway_port=port, env={"COLLECTOR_METRICS_URL": gateway.metrics_url}
        )
        sent: set[bytes] = set()

        def held_back() -> bool:
            traces = Traces(100, error=True)
            send(agent.otlp_http, *traces.requests())
            sent.update(traces.ids)
            return "DeadlineExceeded" in agent.process.log()

        with gateway.process, agent.process:
            eventually(held_back, interval=0.3, timeout=60, what="an agent that has to wait")
            with jaeger:
                eventually(lambda: complete({"g1": jaeger}) >= sent, timeout=90)


def test_disk_full(servers: None, tmp_path: Path) -> None:
    """An agent whose disk is full says so with 503, and what it has taken is delivered."""
    limit = tmp_path / "limit.yaml"
    limit.write_text(LIMIT, encoding="utf-8")
    (port,) = free_ports(1)
    with Sink() as sink:
        gateway = Gateway(
            tmp_path, "g1", address=ADDRESSES["g1"], port=port, sink=sink, env={"SAMPLING": "[]"}
        )
        env = {"COLLECTOR_METRICS_URL": gateway.metrics_url}
        agent = Agent(tmp_path, gateway_port=port, overlays=[str(limit)], env=env)
        taken: set[bytes] = set()
        statuses: set[int] = set()
        with agent.process:
            while 503 not in statuses:
                traces = Traces(500)
                requests = traces.requests()
                answers = [answer(agent.otlp_http, request) for request in requests]
                statuses.update(answers)
                if answers == [200, 200]:
                    taken.update(traces.ids)
            with gateway.process:
                eventually(lambda: complete({"g1": sink}) >= taken, timeout=60)
    assert taken
    assert statuses == {200, 503}


def _both_get_traces(tiers: Tiers) -> None:
    """Send until each gateway has some of it: the agent has looked up the names again."""

    def both() -> bool:
        traces = Traces(20)
        send(tiers.agent.otlp_http, *traces.requests())
        eventually(lambda: complete(tiers.sinks) >= set(traces.ids))
        found = arrived(tiers.sinks)
        return {gateway for trace in traces.ids for gateway in found[trace]} == set(ADDRESSES)

    eventually(both, timeout=60, what="traces behind both gateways")


def _bodies(tiers: Tiers) -> set[str]:
    return {
        record.body.string_value for sink in tiers.sinks.values() for record in sink.items("logs")
    }
