"""OTLP that a Collector accepts and a store behind it never will: what it then loses is counted."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.integration import readback

#: Older than what Prometheus (73 hours) and Loki (a week) take.
LONG_AGO = 30 * 24 * 3600
#: Bytes of one attribute, beyond the 4 MiB that Jaeger's receiver takes.
HUGE = 6 * 2**20


def requests() -> list[tuple[str, dict[str, Any]]]:
    """Path and body of each."""
    now = time.time_ns()
    then = str(now - LONG_AGO * 10**9)
    point = {"timeUnixNano": then, "asDouble": 1.0}
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "huge",
        "kind": 1,
        "startTimeUnixNano": str(now - 10**6),
        "endTimeUnixNano": str(now),
        "attributes": [_attribute("ballast", "x" * HUGE)],
    }
    record = {"timeUnixNano": then, "severityNumber": 9, "body": {"stringValue": "of long ago"}}
    metric = {"name": "wound", "gauge": {"dataPoints": [point]}}
    return [
        ("/v1/metrics", _of("resourceMetrics", "scopeMetrics", {"metrics": [metric]})),
        ("/v1/logs", _of("resourceLogs", "scopeLogs", {"logRecords": [record]})),
        ("/v1/traces", _of("resourceSpans", "scopeSpans", {"spans": [span]})),
    ]


def send(url: str, body: dict[str, Any]) -> None:
    """Send it, and be sure that the Collector has taken it."""
    status, answer = readback.post(url, json.dumps(body).encode(), "application/json")
    assert status == 200, (url, status, answer)


def _of(resources: str, scopes: str, content: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [_attribute("service.name", "wounds")]}
    return {resources: [{"resource": resource, scopes: [{"scope": {}, **content}]}]}


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
