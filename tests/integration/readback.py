"""Read back what the servers received, as flat dictionaries that a test can compare.

Jaeger's query API v3 and the Collector's file exporter both speak OTLP JSON, so spans and log
records are flattened by the same few functions.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

T = TypeVar("T")

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")


def eventually(
    fn: Callable[[], T], *, timeout: float = 30.0, interval: float = 0.1, what: str = ""
) -> T:
    """Call ``fn`` until it returns something true, and return that.

    Raises:
        AssertionError: It did not within the timeout; tells the last value or exception.
    """
    deadline = time.monotonic() + timeout
    while True:
        error: Exception | None = None
        value: T | None = None
        try:
            value = fn()
            if value:
                return value
        except Exception as raised:  # what is not there yet is often an exception, too
            error = raised
        if time.monotonic() >= deadline:
            last = repr(error if error is not None else value)
            subject = what or getattr(fn, "__name__", "the condition")
            raise AssertionError(f"{subject}: not within {timeout:g} s; last: {last}") from error
        time.sleep(interval)


def get(url: str, params: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """GET by ``http.client``: no proxy, and no instrumentation that a test has switched on."""
    return _request("GET", url + (f"?{urlencode(params)}" if params else ""), None, {})


def post(url: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    """POST by ``http.client``."""
    return _request("POST", url, body, {"Content-Type": content_type})


def _request(
    method: str, url: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, f"{parts.path or '/'}?{parts.query}", body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def jaeger_traces(
    query_url: str, service: str, *, operation: str = "", limit: int = 200
) -> dict[str, list[dict[str, Any]]]:
    """The last hour's traces that a service took part in: all spans of each, by trace id."""
    now = time.time()
    params = {
        "query.service_name": service,
        "query.start_time_min": _rfc3339(now - 3600),
        "query.start_time_max": _rfc3339(now + 60),
        "query.num_traces": str(limit),
    }
    if operation:
        params["query.operation_name"] = operation
    traces: dict[str, list[dict[str, Any]]] = {}
    for span in _jaeger_spans(f"{query_url}/api/v3/traces", params):
        traces.setdefault(span["trace_id"], []).append(span)
    return traces


def jaeger_trace(query_url: str, trace_id: str) -> list[dict[str, Any]]:
    """The spans of one trace, none when Jaeger does not know it."""
    return list(_jaeger_spans(f"{query_url}/api/v3/traces/{trace_id}", {}))


def _jaeger_spans(url: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    status, body = get(url, params)
    if status == 404:
        return
    if status != 200:
        raise LookupError(f"Jaeger answered {status}: {body[:300]!r}")
    yield from spans(json.loads(body)["result"])


def prometheus_query(url: str, promql: str) -> list[dict[str, Any]]:
    """The samples of an instant query: ``{"labels": {...}, "value": float}``."""
    status, body = get(f"{url}/api/v1/query", {"query": promql})
    if status != 200:
        raise LookupError(f"Prometheus answered {status} for {promql!r}: {body[:300]!r}")
    return [
        {"labels": sample["metric"], "value": float(sample["value"][1])}
        for sample in json.loads(body)["data"]["result"]
    ]


def log_records(path: Path) -> list[dict[str, Any]]:
    """The log records in a file of the Collector's file exporter, in the order of arrival."""
    if not path.exists():
        return []
    complete, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [record for line in complete.splitlines() for record in records(json.loads(line))]


def spans(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Flatten OTLP JSON trace data."""
    for resource, scope, span in _flatten(data, "resourceSpans", "scopeSpans", "spans"):
        status = span.get("status", {})
        yield {
            "trace_id": span["traceId"],
            "span_id": span["spanId"],
            "parent_span_id": span.get("parentSpanId", ""),
            "name": span.get("name", ""),
            "kind": KINDS[span.get("kind", 0)],
            "start": int(span.get("startTimeUnixNano", 0)),
            "end": int(span.get("endTimeUnixNano", 0)),
            "status": STATUSES[status.get("code", 0)],
            "status_message": status.get("message", ""),
            "attributes": _attributes(span),
            "events": [
                {"name": event.get("name", ""), "attributes": _attributes(event)}
                for event in span.get("events", ())
            ],
            "links": [(link["traceId"], link["spanId"]) for link in span.get("links", ())],
            "service": resource.get("service.name", ""),
            "resource": resource,
            "scope": scope,
        }


def records(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Flatten OTLP JSON log data."""
    for resource, scope, record in _flatten(data, "resourceLogs", "scopeLogs", "logRecords"):
        yield {
            "trace_id": record.get("traceId", ""),
            "span_id": record.get("spanId", ""),
            "body": _value(record.get("body", {})),
            "severity_text": record.get("severityText", ""),
            "severity_number": record.get("severityNumber", 0),
            "event_name": record.get("eventName", ""),
            "time": int(record.get("timeUnixNano", 0)),
            "attributes": _attributes(record),
            "service": resource.get("service.name", ""),
            "resource": resource,
            "scope": scope,
        }


def _flatten(
    data: Mapping[str, Any], resources: str, scopes: str, items: str
) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for by_resource in data.get(resources, ()):
        resource = _attributes(by_resource.get("resource", {}))
        for by_scope in by_resource.get(scopes, ()):
            scope = by_scope.get("scope", {}).get("name", "")
            for item in by_scope.get(items, ()):
                yield resource, scope, item


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {item["key"]: _value(item.get("value", {})) for item in holder.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> Any:
    for kind, content in value.items():
        if kind == "intValue":
            return int(content)
        if kind == "arrayValue":
            return [_value(item) for item in content.get("values", ())]
        if kind == "kvlistValue":
            return {item["key"]: _value(item["value"]) for item in content.get("values", ())}
        return content
    return None


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
