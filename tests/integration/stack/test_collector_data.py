"""What the Collector does with data on its way: secrets, health URLs, deltas, what comes late.

The real Collector with collector-local.yaml (collector.yaml's twin) in front of the real Jaeger,
Prometheus and Loki.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration import readback
from tests.integration.servers import CONFIG, Stack, eventually, run_tool
from tests.integration.stack import otlp
from tests.integration.stack.compose import loki_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("all_servers")]

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def stack(all_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All four servers."""
    with Stack(tmp_path_factory.mktemp("whole"), loki=True) as running:
        yield running


def name() -> str:
    return f"data-{secrets.token_hex(4)}"


def lines(stack: Stack, service: str) -> list[dict[str, Any]]:
    assert stack.loki is not None
    return loki_lines(stack.loki.url, f'{{service_name="{service}"}}')


def ids() -> tuple[bytes, bytes]:
    return secrets.token_bytes(16), secrets.token_bytes(8)


def test_all_four_start_without_a_warning(stack: Stack) -> None:
    """No deprecated name, no missing file, no port taken twice."""
    assert [process.warnings() for process in stack.processes] == [[], [], [], []]


def test_a_secret_reaches_no_backend(stack: Stack) -> None:
    """By its key or by its look, in spans, logs and metrics; equal ones stay equal, keyed."""
    service = name()
    values = {"db.password": "hunter2", "note": f"sent {TOKEN} along", "cart": "c1"}

    otlp.send(stack.otlp_http, otlp.spans(service, [ids()], values))
    otlp.send(stack.otlp_http, otlp.logs(service, [f"token {TOKEN}"], **values))
    otlp.send(stack.otlp_http, otlp.counter(service, "orders", 1, values=values))

    (spans,) = eventually(lambda: stack.traces(service), what="the trace").values()
    (line,) = eventually(lambda: lines(stack, service), what="the log line")
    (sample,) = eventually(
        lambda: stack.query(f'orders_total{{service_name="{service}"}}'), what="the counter"
    )
    seen = json.dumps([spans, line, sample])
    assert "hunter2" not in seen
    assert TOKEN not in seen
    assert "c1" in seen
    hashed = {
        spans[0]["attributes"]["db.password"],
        line["labels"]["db_password"],
        sample["labels"]["db_password"],
    }
    assert len(hashed) == 1
    assert spans[0]["attributes"]["note"].startswith("sent ")


def test_requests_for_health_urls_are_dropped_before_they_are_counted(stack: Stack) -> None:
    """No span in Jaeger, no call in the metrics of spans; other requests are both."""
    service = name()
    for path in ("/livez", "/readyz", "/startupz", "/healthz"):
        otlp.send(stack.otlp_http, otlp.spans(service, [ids()], {"url.path": path}))
    otlp.send(stack.otlp_http, otlp.spans(service, [ids()], {"http.route": "/healthz"}))
    otlp.send(stack.otlp_http, otlp.spans(service, [ids()], {"http.target": "/healthz?full=1"}))
    otlp.send(stack.otlp_http, otlp.spans(service, [ids()], {"url.path": "/healthzeta"}))

    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    (sample,) = eventually(lambda: stack.query(f"{calls} > 0"), what="the count of calls")
    (spans,) = eventually(lambda: stack.traces(service), what="the trace").values()

    assert sample["value"] == 1
    assert "service_instance_id" not in sample["labels"]
    assert [span["attributes"]["url.path"] for span in spans] == ["/healthzeta"]


def test_what_a_spool_kept_for_three_days_is_still_taken(stack: Stack) -> None:
    """Logs and metrics of 71 hours ago, after some of now: nothing is refused as too old."""
    service, now = name(), time.time_ns()
    then = now - 71 * HOUR
    series = f'orders_total{{service_name="{service}"}}'
    otlp.send(stack.otlp_http, otlp.logs(service, ["new"]))
    otlp.send(stack.otlp_http, otlp.counter(service, "orders", 5))
    eventually(lambda: lines(stack, service), what="the new line")
    eventually(lambda: stack.query(series), what="the new point")

    otlp.send(stack.otlp_http, otlp.logs(service, ["old"], at=then))
    otlp.send(stack.otlp_http, otlp.counter(service, "orders", 2, at=then))

    eventually(lambda: "old" in {line["line"] for line in lines(stack, service)}, what="the line")
    moment = then / 1e9 + 1
    (sample,) = eventually(
        lambda: stack.query(f"last_over_time({series}[1m] @ {moment:.3f})"), what="the old point"
    )
    assert sample["value"] == 2


def test_a_long_log_record_is_kept(stack: Stack) -> None:
    """Two hundred attributes and a stack trace of 100 KiB: more than Loki takes by default."""
    service = name()
    fields = {f"key.{number}": "v" for number in range(200)}
    fields["exception.stacktrace"] = "at line\n" * 12_800

    otlp.send(stack.otlp_http, otlp.logs(service, ["long"], **fields))

    (line,) = eventually(lambda: lines(stack, service), what="the long record")
    assert len(line["labels"]["exception_stacktrace"]) == 102_400
    assert line["labels"]["key_199"] == "v"


def test_loki_indexes_three_labels(stack: Stack) -> None:
    """Only what is named may make a stream; the rest is structured metadata."""
    service = name()
    otlp.send(stack.otlp_http, otlp.logs(service, ["one"], **{"user.id": "u1"}))
    eventually(lambda: lines(stack, service), what="the line")

    found = labels(stack)

    assert "service_name" in found
    assert found <= {"service_name", "service_namespace", "deployment_environment_name"}


def test_the_collector_tells_about_itself_in_the_same_prometheus(stack: Stack) -> None:
    """Queue size and capacity of each exporter, under service_name otelcol."""
    found = eventually(
        lambda: stack.query('otelcol_exporter_queue_capacity{service_name="otelcol"}'), timeout=60
    )

    assert {(each["labels"]["exporter"], each["value"]) for each in found} == {
        ("otlp_grpc/jaeger", 500_000.0),
        ("otlp_http/prometheus", 500_000.0),
        ("otlp_http/loki", 500_000.0),
    }


def test_without_a_key_for_redaction_the_collector_does_not_start(tmp_path: Path) -> None:
    """It fails closed: no key, or one that is too short, is refused."""
    config = str(CONFIG / "collector-local.yaml")
    short = tmp_path / "short"
    short.write_text("k" * 31)

    for env in ({}, {"COLLECTOR_REDACTION_KEY_FILE": str(short)}):
        done = run_tool("collector", "validate", "--config", config, directory=tmp_path, env=env)
        assert done.returncode != 0
    assert "hmac_key must be at least 32 bytes" in done.stdout + done.stderr


def labels(stack: Stack) -> set[str]:
    assert stack.loki is not None
    status, body = readback.get(f"{stack.loki.url}/loki/api/v1/labels")
    assert status == 200, body
    return set(json.loads(body)["data"])
