"""`docker compose up -d --wait` with the shop: what is there, and what is closed.

The images imitate the upstream ones (images.py); Grafana is a double that answers its health URL,
so that no test sees a dashboard.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration import readback
from tests.integration.process import HARMLESS, WARNING_MARKS
from tests.integration.servers import eventually
from tests.integration.stack import shopping
from tests.integration.stack.compose import PORTS, QUICK, Compose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack.engine import Engine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

SERVERS = ("otel-collector", "jaeger", "prometheus", "loki")


@pytest.fixture(scope="module")
def stack(docker: Engine, stack_images: dict[str, str]) -> Iterator[Compose]:
    """The whole stack with the demo, as a fresh clone starts it."""
    variables = {**QUICK, "STACK_SHOP_ORDERS_PER_MINUTE": "120"}
    with Compose(docker, stack_images, variables=variables, profiles=("demo",)) as running:
        running.up()
        yield running


def test_the_file_is_valid_with_every_profile(stack: Compose) -> None:
    """`docker compose config` says nothing, and warns of nothing."""
    profiles = [f"--profile={name}" for name in ("demo", "alerts", "kafka", "tools")]
    done = stack.engine.docker(
        *("compose", "--file", str(stack.file), *profiles, "config", "--quiet")
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_everything_runs_and_is_healthy(stack: Compose) -> None:
    """Each service that has a health check is healthy, the one-shot has ended well."""
    found = {
        name: (each["State"], each["Health"], each["ExitCode"])
        for name, each in stack.containers().items()
    }

    healthy = ("running", "healthy", 0)
    assert found == {
        "init": ("exited", "", 0),
        "otel-collector": ("running", "", 0),  # collector-health asks for it
        **dict.fromkeys(["collector-health", "jaeger", "prometheus", "loki", "grafana"], healthy),
        **dict.fromkeys(["shop-inventory", "shop-storefront", "shop-traffic"], healthy),
    }
    assert {stack.inspect(name)["RestartCount"] for name in found} == {0}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_starts_without_a_warning(stack: Compose, name: str) -> None:
    """Nothing in its log that says warning or error."""
    lines = stack.logs(name).splitlines()
    bad = [line for line in lines if any(mark in line for mark in WARNING_MARKS)]

    assert lines or name == "loki"
    assert [line for line in bad if not any(mark in line for mark in HARMLESS)] == []


def test_an_order_is_one_trace_with_its_logs_and_its_exemplar(stack: Compose) -> None:
    """The trace id of the answer leads to spans, log lines and points in the metrics."""
    orders = [shopping.order(stack) for _ in range(5)]

    eventually(lambda: not shopping.without_trace(stack, orders), timeout=60, what="the traces")
    eventually(lambda: not shopping.without_log(stack, orders), timeout=60, what="the logs")
    for metric in ("http_server_request_duration_seconds", "traces_span_metrics_duration_seconds"):
        found = eventually(
            lambda m=metric: exemplars(stack, f'{m}_bucket{{service_name="storefront"}}'),
            timeout=90,
            what=f"exemplars of {metric}",
        )
        known = {trace for trace in found if stack.trace(trace)}
        assert known, f"the exemplars of {metric} lead to no trace"


def test_a_failed_order_shows_in_every_signal(stack: Compose) -> None:
    """The teapot: an error in the trace, in the logs with its traceback, and in the counts."""
    order = shopping.order(stack, "teapot")

    eventually(
        lambda: "error" in {span["status"] for span in stack.trace(order)},
        timeout=60,
        what="the failed span",
    )
    (record,) = eventually(
        lambda: stack.log_lines(f'{{service_name="inventory"}} | trace_id="{order}" |= "failed"'),
        timeout=60,
        what="the error's log line",
    )
    assert "ShelfJammed" in record["labels"]["exception_stacktrace"]
    for promql in (
        'traces_span_metrics_calls_total{service_name="inventory",status_code="STATUS_CODE_ERROR"}',
        'log_errors_total{service_name="inventory"}',
        'traces_service_graph_request_failed_total{client="storefront",server="inventory"}',
    ):
        eventually(lambda q=promql: stack.query(q), timeout=90, what=promql)


@pytest.mark.parametrize(
    "promql",
    [
        'health_check_status{service_name="storefront",health_check_name="inventory"} == 1',
        'traces_service_graph_request_total{client="storefront",server="inventory"}',
        'traces_service_graph_request_total{client="inventory",connection_type="virtual_node"}',
        'traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER",http_route="/orders"}',
        'shop_orders_total{service_name="storefront",outcome="placed"}',
        'otel_sdk_exporter_span_exported_total{service_name="storefront"}',
        'otelcol_exporter_queue_capacity{service_name="otelcol"}',
        'otelcol_receiver_accepted_spans_total{service_name="otelcol"}',
        'up{job="prometheus"} == 1',
        'up{job="loki"} == 1',
    ],
)
def test_what_dashboards_and_alerts_build_upon_is_there(stack: Compose, promql: str) -> None:
    """Health, service graph, RED, the SDK's and the Collector's metrics of themselves."""
    eventually(lambda: stack.query(promql), timeout=90, what=promql)


def test_health_urls_are_no_traffic(stack: Compose) -> None:
    """The storefront asks the inventory's /healthz all the time; no trace and no metric says so."""
    eventually(lambda: stack.query('health_check_status{service_name="inventory"}'), timeout=90)

    assert stack.query('traces_span_metrics_calls_total{http_route="/healthz"}') == []


def test_jaegers_monitor_has_data(stack: Compose) -> None:
    """Its metrics API finds what span_metrics wrote: names and units agree."""

    def points(metric: str) -> list[Any]:
        params = {"service": "storefront", "endTs": "", "lookback": "3600000", "step": "5000"}
        params |= {"quantile": "0.95"} if metric == "latencies" else {}
        status, body = readback.get(
            f"{stack.url('JAEGER')}/api/metrics/{metric}",
            {key: value for key, value in params.items() if value},
        )
        assert status == 200, body
        return [
            point
            for each in json.loads(body)["metrics"]
            for point in each["metricPoints"]
            if point["gaugeValue"]["doubleValue"] not in ("NaN", 0)
        ]

    for metric in ("calls", "latencies"):
        eventually(lambda m=metric: points(m), timeout=90, what=f"Jaeger's {metric}")


def test_nothing_listens_beyond_loopback(stack: Compose) -> None:
    """The engine published on 127.0.0.1 only, and the kernel says the same."""
    bindings = [
        binding
        for name in stack.containers()
        for published in (stack.inspect(name)["NetworkSettings"]["Ports"] or {}).values()
        for binding in published or ()
    ]
    ports = {int(binding["HostPort"]) for binding in bindings}

    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}
    assert len(ports) == len(PORTS) - 3  # neither Alertmanager nor the agent runs
    assert {
        port for address, port in listening() if port in ports and address == "loopback"
    } == ports
    assert [each for each in listening() if each[1] in ports and each[0] != "loopback"] == []


def test_no_default_credential_works(stack: Compose) -> None:
    """The password is a generated secret that only Grafana's user can read.

    Whether Grafana itself refuses admin/admin is not seen here: there is a double in its place.
    """
    password = stack.run("run", "--rm", "--no-deps", "password")
    environment = stack.inspect("grafana")["Config"]["Env"]

    assert re.fullmatch(r"k[A-Za-z0-9_-]{32}", password)
    assert password not in json.dumps([stack.inspect(name) for name in stack.containers()])
    assert (
        "GF_SECURITY_ADMIN_PASSWORD__FILE=/run/stack/secrets/grafana_admin_password" in environment
    )
    assert "GF_AUTH_ANONYMOUS_ENABLED=false" in environment
    stranger = stack.engine.docker(
        *("run", "--rm", "--network=none", "--user=10001", "--volume", "pepperpy-otel_secrets:/s"),
        *("busybox:1.37.0", "cat", "/s/grafana_admin_password"),
        check=False,
    )
    assert (stranger.stdout, stranger.returncode != 0) == ("", True)


def test_prometheus_notifies_an_alertmanager_only_when_the_profile_is_on(stack: Compose) -> None:
    """`--profile alerts` tells Prometheus whom to notify, the next `up` without it forgets."""
    # Alertmanager itself cannot be had here; what switches it on can.
    options = ("up", "--detach", "--pull=never", "--no-build")
    assert alertmanagers(stack) == []

    stack.run("--profile=alerts", *options, "alerts-on")
    expected = ["http://alertmanager:9093/api/v2/alerts"]
    eventually(lambda: alertmanagers(stack) == expected, timeout=90, what="the Alertmanager")

    stack.up()
    eventually(lambda: alertmanagers(stack) == [], timeout=90, what="no Alertmanager")
    stack.run("--profile=alerts", "rm", "--force", "alerts-on")


def alertmanagers(stack: Compose) -> list[str]:
    """Whom Prometheus notifies."""
    status, body = readback.get(f"{stack.url('PROMETHEUS')}/api/v1/alertmanagers")
    assert status == 200, body
    return [each["url"] for each in json.loads(body)["data"]["activeAlertmanagers"]]


def exemplars(stack: Compose, selector: str) -> set[str]:
    """The trace ids of the last quarter of an hour's exemplars."""
    status, body = readback.get(
        f"{stack.url('PROMETHEUS')}/api/v1/query_exemplars", {"query": selector, **stack.span()}
    )
    assert status == 200, body
    return {
        each["labels"]["trace_id"]
        for series in json.loads(body)["data"]
        for each in series["exemplars"]
    }


def listening() -> set[tuple[str, int]]:
    """Whether on loopback or elsewhere, and the port, of every TCP socket that listens here."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A":
                address, port = local.split(":")
                loopback = address in ("0100007F", "0" * 24 + "01000000")
                found.add(("loopback" if loopback else "elsewhere", int(port, 16)))
    return found
