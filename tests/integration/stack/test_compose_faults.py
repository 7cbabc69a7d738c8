"""The compose stack when its parts are restarted, killed and away: nothing of before is gone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.integration.servers import eventually
from tests.integration.stack import otlp, shopping
from tests.integration.stack.compose import QUICK, Compose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack.engine import Engine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

PLACED = 'max_over_time(shop_orders_total{service_name="storefront",outcome="placed"}[15m])'


BACKENDS = ("jaeger", "prometheus", "loki")


@pytest.fixture(scope="module")
def stack(docker: Engine, stack_images: dict[str, str]) -> Iterator[Compose]:
    """The whole stack with the demo, and with a token that applications have to know."""
    variables = {**QUICK, "STACK_OTLP_AUTH": "on", "STACK_SHOP_ORDERS_PER_MINUTE": "30"}
    with Compose(docker, stack_images, variables=variables, profiles=("demo",)) as running:
        running.up()
        yield running


def kill_9(stack: Compose, service: str) -> None:
    """The process itself, as the kernel's memory killer would; the engine starts it again."""
    os.kill(stack.inspect(service)["State"]["Pid"], signal.SIGKILL)


def healthy_again(stack: Compose, services: tuple[str, ...]) -> bool:
    """Whether the engine has started them again and they are healthy; else says which are not."""
    unwell = {
        name: (each["State"], each["Health"], each["Status"])
        for name, each in stack.containers().items()
        if name in services and (each["State"], each["Health"]) != ("running", "healthy")
    }
    if unwell:
        raise LookupError(str(unwell))
    return True


def everything_of(stack: Compose, orders: list[str]) -> None:
    """Traces and logs of these orders are there."""
    eventually(lambda: not shopping.without_trace(stack, orders), timeout=120, what="the traces")
    eventually(lambda: not shopping.without_log(stack, orders), timeout=120, what="the logs")


def test_what_was_there_survives_the_restart_of_each_and_of_all(stack: Compose) -> None:
    """In turn, then killed, then down and up: traces, logs, metrics and the password stay.

    A second ``up`` in between leaves every container as it is.
    """
    orders = [shopping.order(stack) for _ in range(5)]
    everything_of(stack, orders)
    eventually(lambda: stack.query(PLACED), timeout=90, what="the counter")
    password = stack.run("run", "--rm", "--no-deps", "password")

    for service in ("jaeger", "prometheus", "loki", "grafana", "otel-collector"):
        stack.run("restart", "--timeout=20", service)
    before = {name: stack.inspect(name)["Id"] for name in stack.containers()}
    stack.up()
    assert {name: stack.inspect(name)["Id"] for name in stack.containers()} == before
    everything_of(stack, orders)
    eventually(lambda: stack.query(PLACED), timeout=60, what="the counter")

    for service in BACKENDS:
        kill_9(stack, service)
    eventually(lambda: healthy_again(stack, BACKENDS), timeout=120, what="healthy again")
    everything_of(stack, orders)
    eventually(lambda: stack.query(PLACED), timeout=60, what="the counter")

    stack.run("down", "--timeout=20")
    assert stack.containers() == {}
    stack.up()
    everything_of(stack, orders)
    eventually(lambda: stack.query(PLACED), timeout=60, what="the counter")
    assert stack.run("run", "--rm", "--no-deps", "password") == password
    after = [shopping.order(stack)]
    everything_of(stack, after)


def test_nothing_is_lost_when_the_collector_is_killed_under_load(stack: Compose) -> None:
    """Twice kill -9 while customers order; the applications' spool bridges it."""
    with shopping.Customers(stack) as customers:
        for _ in range(2):
            already = len(customers.orders)
            eventually(lambda a=already: len(customers.orders) >= a + 30, what="orders")
            kill_9(stack, "otel-collector")
            stack.wait_for_collector()
        already = len(customers.orders)
        eventually(lambda: len(customers.orders) >= already + 30, what="orders afterwards")
        customers.stop()

        everything_of(stack, customers.orders)
    assert stack.inspect("otel-collector")["RestartCount"] >= 2


def test_what_no_backend_takes_waits_on_the_collectors_disk(stack: Compose) -> None:
    """Jaeger away, then the Collector killed as well: the traces arrive when Jaeger is back."""
    stack.run("stop", "--timeout=20", "jaeger")
    orders = [shopping.order(stack) for _ in range(5)]
    eventually(lambda: not shopping.without_log(stack, orders), timeout=60, what="the logs")
    eventually(
        lambda: [
            each
            for each in stack.query("otelcol_exporter_queue_size")
            if each["labels"]["exporter"] == "otlp_grpc/jaeger" and each["value"] >= 0
        ],
        timeout=60,
        what="the queue's size",
    )
    kill_9(stack, "otel-collector")
    stack.run("start", "jaeger")
    stack.wait_for_collector()

    eventually(lambda: not shopping.without_trace(stack, orders), timeout=120, what="the traces")


def test_with_a_token_strangers_are_refused_and_the_shop_is_not(stack: Compose) -> None:
    """STACK_OTLP_AUTH: 401 without the generated token, and the demo knows it."""
    token = stack.secret("otlp_token")
    request = otlp.logs("stranger", ["hello"])

    for wrong in ("", "Bearer", "Bearer wrong", token, f"Basic {token}"):
        assert otlp.send(stack.url("OTLP_HTTP"), request, authorization=wrong) == 401, wrong
    right = f"Bearer {token}"
    assert otlp.send(stack.url("OTLP_HTTP"), request, authorization=right) == 200
    everything_of(stack, [shopping.order(stack)])
    eventually(lambda: stack.log_lines('{service_name="stranger"}'), what="what was let in")
