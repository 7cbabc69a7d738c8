"""One request through threads, processes, a queue and two services, read back from the servers."""

import http.client
import json
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import launch, readback
from tests.integration.process import LOOPBACK, free_ports
from tests.integration.servers import Stack, eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROGRAM = Path(__file__).with_name("journey_app.py")
#: What one request makes, wherever it is made; HTTP spans are named by the instrumentations.
SPANS = ["POST", "POST /orders", "POST /shipments", "consume", "process", "thread"]
LOGS = {
    "ordered": "front",
    "priced in a thread": "front",
    "priced in a process": "front",
    "taken from the queue": "front",
    "shipped": "back",
}


class Journey:
    """The two services, running."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        front, back = free_ports(2)
        tag = secrets.token_hex(4)
        self.names = {"front": f"front-{tag}", "back": f"back-{tag}"}
        self.url = f"http://{LOOPBACK}:{front}"
        self.services = {
            role: launch.Service(
                role,
                [sys.executable, str(PROGRAM)],
                settings={
                    "ROLE": role,
                    "PORT": str(port),
                    "BACK_URL": f"http://{LOOPBACK}:{back}",
                    "OTEL_SERVICE_NAME": self.names[role],
                    "OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http,
                    "OTEL_METRIC_EXPORT_INTERVAL": "500",
                    "PYTHONPATH": str(launch.REPOSITORY),
                },
                directory=directory,
                ready_url=f"http://{LOOPBACK}:{port}/healthz",
            )
            for role, port in (("front", front), ("back", back))
        }


@pytest.fixture(scope="module")
def journey(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """Both services, once for the module."""
    running = Journey(stack, tmp_path_factory.mktemp("journey"))
    with running.services["front"] as front, running.services["back"] as back:
        for service in (back, front):
            service.wait_until_ready(60)
        yield running
        for service in (front, back):
            service.terminate()
            assert service.wait(30) in (0, -signal.SIGTERM), service.output()[-4000:]


def _order(url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", "/orders", headers=headers)
        response = connection.getresponse()
        answered = {name.lower(): value for name, value in response.getheaders()}
        return response.status, answered, json.loads(response.read())
    finally:
        connection.close()


def _exemplars(stack: Stack, query: str) -> list[dict[str, Any]]:
    status, body = readback.get(
        f"{stack.prometheus_url}/api/v1/query_exemplars",
        {"query": query, "start": "0", "end": "99999999999"},
    )
    assert status == 200, body
    return [
        exemplar["labels"]
        for series in json.loads(body)["data"]
        for exemplar in series["exemplars"]
    ]


def _spans(stack: Stack, journey: Journey, correlation_id: str) -> list[dict[str, Any]]:
    return [
        span
        for trace in stack.traces(journey.names["front"]).values()
        for span in trace
        if span["attributes"].get("correlation.id") == correlation_id
    ]


@pytest.mark.parametrize("given", [True, False])
def test_one_request_one_trace_one_id(stack: Stack, journey: Journey, given: bool) -> None:
    """Taken from the header, or made and told: on every span, record, line and exemplar."""
    asked = f"order-{secrets.token_hex(4)}"
    parts = {"X-Request-ID": asked} if given else {}
    status, headers, answer = _order(journey.url, parts)
    assert status == 200
    found = headers["x-correlation-id"]
    assert (found == asked) is given
    assert answer == f"7:{found}"

    spans = eventually(
        lambda: (
            made := _spans(stack, journey, found),
            made if len(made) >= len(SPANS) else None,
        )[1],
        timeout=60,
        what="all spans in Jaeger",
    )
    assert sorted(span["name"] for span in spans) == SPANS
    [trace_id] = {span["trace_id"] for span in spans}
    assert len(stack.trace(trace_id)) == len(SPANS), "a span of the trace has no id"
    assert {span["service"] for span in spans} == set(journey.names.values())
    _check_parents(spans)
    tenants = {span["name"]: span["attributes"].get("tenant") for span in spans}
    assert {name for name, tenant in tenants.items() if tenant != "acme"} == {"POST /orders"}

    records = eventually(
        lambda: (
            said := [
                record
                for record in stack.log_records()
                if record["attributes"].get("correlation.id") == found
            ],
            said if len(said) >= len(LOGS) else None,
        )[1],
        timeout=60,
        what="all records in the file",
    )
    assert {record["body"]: record["service"] for record in records} == {
        body: journey.names[role] for body, role in LOGS.items()
    }
    assert {record["trace_id"] for record in records} == {trace_id}
    known = {span["span_id"] for span in spans}
    assert {record["span_id"] for record in records} <= known

    for role in journey.services:
        lines = [
            json.loads(line)
            for line in journey.services[role].output().splitlines()
            if line.startswith("{") and f'"{found}"' in line
        ]
        assert {line["message"] for line in lines} == {
            body for body, where in LOGS.items() if where == role
        }
        assert {line["trace_id"] for line in lines} == {trace_id}

    metric = f'journey_handled_seconds_bucket{{service_name="{journey.names["front"]}"}}'
    eventually(
        lambda: [e for e in _exemplars(stack, metric) if e.get("trace_id") == trace_id],
        timeout=60,
        what="an exemplar that names the trace",
    )


def _check_parents(spans: list[dict[str, Any]]) -> None:
    """Each was made by the one before it on the way."""
    by_id = {span["span_id"]: span["name"] for span in spans}
    parents = {span["name"]: by_id.get(span["parent_span_id"]) for span in spans}
    assert parents == {
        "POST /orders": None,
        "thread": "POST /orders",
        "process": "thread",
        "consume": "POST /orders",
        "POST": "consume",
        "POST /shipments": "POST",
    }
