"""Health on the real Collector and Prometheus: what arrives, and what the documented alerts say."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel.health import HealthChecker, HealthStatus, probes
from tests.integration.probes.conftest import daemon, daemons, driver
from tests.integration.probes.targets import postgres_dsn
from tests.integration.servers import CONFIG, Collector, Stack, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.health import Transition
    from tests.integration.probes.daemon import Daemon

pytestmark = pytest.mark.integration
__all__ = ["daemon", "daemons", "driver"]  # fixtures

DOCS = Path(__file__).parents[2] / "docs" / "health.md"
STATES = {"healthy", "degraded", "unhealthy", "unknown"}
#: How much slower than planned a shared machine may be.
SLACK = 2.0


class Seen:
    """The Collector in front of Prometheus, which also writes down the metrics that it gets."""

    def __init__(self, stack: Stack, directory: Path, service: str) -> None:
        self.stack = stack
        self.service = service
        self.file = directory / "metrics.jsonl"
        config = directory / "collector.yaml"
        text = (CONFIG / "collector-local.yaml").read_text()
        text = text.replace(
            "exporters:\n", f'exporters:\n  file/metrics: {{ path: "{self.file}" }}\n', 1
        )
        wanted = "exporters: [otlp_http/prometheus]"
        assert wanted in text
        config.write_text(text.replace(wanted, "exporters: [otlp_http/prometheus, file/metrics]"))
        self.collector = Collector(
            directory,
            jaeger_otlp_grpc=stack.jaeger.otlp_grpc,
            prometheus_url=stack.prometheus_url,
            config=config,
        )

    def metrics(self, name: str) -> list[dict[str, Any]]:
        """Each arrival of one metric, as OTLP JSON."""
        complete = self.file.read_text().rpartition("\n")[0] if self.file.exists() else ""
        return [
            metric
            for line in complete.splitlines()
            for resource in json.loads(line)["resourceMetrics"]
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
            if metric["name"] == name
        ]

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        return self.stack.query(promql)

    def ever(self, check: str, state: str) -> bool:
        """Whether Prometheus has ever been told that a check was in that state."""
        selector = f'service_name="{self.service}", health_check_name="{check}"'
        found = self.query(
            f'max_over_time(health_check_status{{{selector}, health_check_state="{state}"}}[10m])'
        )
        return [sample["value"] for sample in found] == [1.0]


@pytest.fixture
def seen(stack: Stack, tmp_path: Path) -> Iterator[Seen]:
    """A Collector of this test's own, for a service that nobody else has."""
    made = Seen(stack, tmp_path, f"shop-{uuid.uuid4().hex[:8]}")
    with made.collector.process:
        yield made


@pytest.fixture
def checker(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> Iterator[HealthChecker]:
    """A fresh current checker whose gauges go to that Collector twice a second."""
    fresh = HealthChecker()
    monkeypatch.setattr(pepperpy_otel.health, "_current", fresh)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
    telemetry = pepperpy_otel.configure(
        seen.service, endpoint=seen.collector.otlp_http, instrument=False
    )
    assert telemetry.health is fresh
    yield fresh
    pepperpy_otel.rollback()


def expressions() -> list[str]:
    """The lines of the PromQL block in docs/health.md."""
    block = re.search(r"```promql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def of(samples: list[dict[str, Any]]) -> set[str]:
    return {sample["labels"].get("health_check_name", "") for sample in samples}


def test_the_status_is_a_gauge_and_one_hot(seen: Seen, checker: HealthChecker) -> None:
    """Every export has all four states of each check, 1 for one of them and 0 for the others."""
    checker.register("well", lambda: True)
    checker.register("ill", lambda: False, critical=False)
    checker.expect("mailer")
    expected = {"well": "healthy", "ill": "unhealthy", "mailer": "unknown"}
    checks = (
        "sum by (health_check_name, health_check_critical) "
        f'(health_check_status{{service_name="{seen.service}"}})'
    )
    summed = eventually(lambda: len(found := seen.query(checks)) > 4 and found)
    assert {sample["value"] for sample in summed} == {1.0}  # one-hot: the states add up to one
    critical = {
        sample["labels"]["health_check_name"]: sample["labels"]["health_check_critical"]
        for sample in summed
    }
    assert (critical["well"], critical["ill"]) == ("true", "false")
    for check, state in expected.items():
        eventually(lambda check=check, state=state: seen.ever(check, state))
    for metric in seen.metrics("health.check.status"):
        assert metric["unit"] == "{check}"
        by_check: dict[str, dict[str, int]] = defaultdict(dict)
        for point in metric["gauge"]["dataPoints"]:
            said = {each["key"]: each["value"] for each in point["attributes"]}
            state = said["health.check.state"]["stringValue"]
            by_check[said["health.check.name"]["stringValue"]][state] = int(point["asInt"])
            assert set(said["health.check.critical"]) == {"boolValue"}
        for states in by_check.values():
            assert set(states) == STATES
            assert sorted(states.values()) == [0, 0, 0, 1]


def test_prometheus_answers_the_documented_alerts(seen: Seen, checker: HealthChecker) -> None:
    """Each expression of docs/health.md finds what it is for, and nothing else."""
    checker.register("well", lambda: True, interval=60.0)
    checker.register("ill", lambda: False)
    checker.register("minor", lambda: False, critical=False)
    checker.expect("mailer")
    turn = iter([True, False] * 10_000)
    checker.register(*("flapping", lambda: next(turn)), interval=0.5, fail_after=1, recover_after=1)
    down, blind, slow, gone, flapping, share = (
        line.replace("shop", seen.service) for line in expressions()
    )
    ours = f'service_name="{seen.service}"'
    only = f" and on (health_check_name) health_check_status{{{ours}}}"

    eventually(lambda: "ill" in of(seen.query(down + only)))
    assert {"well", "minor", "mailer"} & of(seen.query(down + only)) == set()
    eventually(lambda: of(seen.query(blind + only)) == {"mailer"})
    assert "> 45" in slow
    eventually(lambda: "well" in of(seen.query(slow.replace("> 45", "> 1") + only)))
    assert of(seen.query(slow + only)) == set()
    assert seen.query(gone) == []
    assert [sample["value"] for sample in seen.query(gone.replace(seen.service, "no-such"))] == [1]
    eventually(lambda: of(seen.query(flapping + only)) == {"flapping"}, timeout=60.0)
    shares = {
        sample["labels"]["health_check_name"]: sample["value"]
        for sample in seen.query(f"{share}{only}")
        if sample["labels"]["service_name"] == seen.service
    }
    assert shares["ill"] == 0.0
    assert shares["well"] > 0.5
    assert 0.0 < shares["flapping"] < 1.0


def test_a_killed_database_is_suspect_then_unhealthy_and_comes_back(
    seen: Seen, checker: HealthChecker, daemon: Callable[[str], Daemon]
) -> None:
    """PostgreSQL dies: suspect within 2 s, unhealthy by the thresholds; restarted: well again."""
    pytest.importorskip("psycopg")
    server = daemon("postgresql")
    moments: list[tuple[float, Transition]] = []
    checker.subscribe(lambda change: moments.append((time.monotonic(), change)))

    def wait(status: HealthStatus, since: float, *, reason: str) -> float:
        """Until the change to that status; gives the seconds since then."""

        def found() -> list[float]:
            return [
                moment - since
                for moment, change in list(moments)
                if (change.name, change.after.status) == ("orders-db", status)
                and change.after.reason.name == reason
                and moment >= since
            ]

        return eventually(found, what=f"{status} after {moments}")[0]

    begun = time.monotonic()
    checker.register("orders-db", probes.postgres(postgres_dsn(server.port)), interval=1.0)
    wait(HealthStatus.HEALTHY, begun, reason="OK")
    eventually(lambda: seen.ever("orders-db", "healthy"))
    killed = time.monotonic()
    server.kill()
    assert wait(HealthStatus.DEGRADED, killed, reason="SUSPECT") < 2.0
    # Three failures in a row: the first within the interval, two more each within a second.
    assert wait(HealthStatus.UNHEALTHY, killed, reason="FAILED") < 3.1 + SLACK
    assert checker.snapshot()["orders-db"].consecutive_failures >= 3
    eventually(lambda: seen.ever("orders-db", "unhealthy"))
    server.start()
    restarted = time.monotonic()
    assert wait(HealthStatus.HEALTHY, killed, reason="OK") > 0
    assert time.monotonic() - restarted < 3.0 + SLACK
    eventually(lambda: seen.ever("orders-db", "degraded"))
    transitions = eventually(
        lambda: seen.query(
            f'sum(health_check_transitions_total{{service_name="{seen.service}", '
            'health_check_name="orders-db"}) >= 5'
        )
    )
    assert transitions[0]["value"] == 5  # healthy, degraded, unhealthy, degraded, healthy
