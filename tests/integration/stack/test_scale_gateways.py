"""An agent and two gateways: whole traces, sampled at the end, metrics of all of them."""

from collections.abc import Iterator

import pytest

from tests.integration.servers import eventually
from tests.integration.stack.scale import Tiers, two_gateways
from tests.integration.stack.scale_data import (
    SPANS,
    Traces,
    arrived,
    complete,
    delta,
    logs,
    points,
    probe,
    send,
    trace_id,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

SAMPLING = {"SAMPLING_WAIT": "2s", "SAMPLING_PERCENTAGE": "0"}
OTHERS = ("till", "ledger")


@pytest.fixture(scope="module")
def tiers(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiers]:
    """An agent in front of two gateways that keep failed and slow traces only."""
    with two_gateways(tmp_path_factory.mktemp("tiers"), env=SAMPLING) as running:
        yield running


def test_tiers(tiers: Tiers) -> None:
    """All spans of a trace end in one gateway, failed and slow traces are kept whole, the others
    dropped, and the metrics count all of them.
    """
    plain, failed, slow = Traces(30), Traces(30, error=True), Traces(30, duration_ms=1500)
    health = probe()
    send(tiers.agent.otlp_http, health)
    for traces in (plain, slow, failed):
        send(tiers.agent.otlp_http, *traces.requests())

    kept = {*failed.ids, *slow.ids}
    eventually(lambda: complete(tiers.sinks) >= kept)

    found = arrived(tiers.sinks)
    assert not found.keys() & {*plain.ids, trace_id(health)}
    assert all(list(found[trace].values()) == [SPANS] for trace in kept)
    assert {gateway for trace in kept for gateway in found[trace]} == {"g1", "g2"}

    eventually(lambda: _calls(tiers) == 90 * SPANS, what="calls counted before the sampling")
    eventually(lambda: _edges(tiers) == 90, what="edges of the service graph")
    assert all(gateway.process.warnings() == [] for gateway in tiers.gateways.values())
    assert tiers.agent.process.warnings() == []


def test_redaction(tiers: Tiers) -> None:
    """A secret has left its node as stars."""
    failed = Traces(1, error=True, services=OTHERS)
    send(tiers.agent.otlp_http, *failed.requests())
    eventually(lambda: complete(tiers.sinks) >= set(failed.ids))

    values = {
        item.value.string_value
        for sink in tiers.sinks.values()
        for span in sink.items("traces")
        for item in span.attributes
        if item.key == "db.password"
    }
    assert values == {"****"}


def test_metrics_and_logs(tiers: Tiers) -> None:
    """Metrics and logs arrive behind some gateway, deltas as running sums, errors counted."""
    for number in range(4):  # one after the other: they go to the gateways in turn
        send(tiers.agent.otlp_http, delta("shop.orders", 5), logs([f"failed {number}"]))
        total = 5 * (number + 1)
        eventually(lambda total=total: _last(tiers, "shop.orders") == total)

    eventually(lambda: _last(tiers, "log.errors") == 4)
    eventually(lambda: _bodies(tiers) == {f"failed {number}" for number in range(4)})


def _bodies(tiers: Tiers) -> set[str]:
    return {
        record.body.string_value for sink in tiers.sinks.values() for record in sink.items("logs")
    }


def _last(tiers: Tiers, name: str) -> int:
    """The highest value that a running sum has reached anywhere."""
    return max(value for sink in tiers.sinks.values() for *_, value in points(sink, name))


def _calls(tiers: Tiers) -> int:
    return sum(
        value
        for key, value in _series(tiers, "traces.span.metrics.calls").items()
        if {("service.name", "shop"), ("service.name", "stock")} & key
    )


def _edges(tiers: Tiers) -> int:
    return sum(
        value
        for key, value in _series(tiers, "traces_service_graph_request_total").items()
        if {("client", "shop"), ("server", "stock")} <= key
    )


def _series(tiers: Tiers, name: str) -> dict[frozenset[tuple[str, str]], int]:
    """The last value of each series; every one says which gateway has written it."""
    found: dict[frozenset[tuple[str, str]], int] = {}
    for gateway, sink in tiers.sinks.items():
        for resource, attributes, value in points(sink, name):
            assert attributes["collector.instance.id"] == gateway
            assert "service.instance.id" not in resource
            found[frozenset({**resource, **attributes}.items())] = value
    return found
