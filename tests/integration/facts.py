"""What a program exported, as facts that two runs can be compared by.

A fact is one field of one thing: ``Key(subject, name, field, occurrence)`` and its value as text.
Ids become the path of the span that they stand for, times become ``now``, ports ``<port>``; all
else stays as it was sent.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.integration.sink import SIGNALS, Request, Sink
from tests.integration.values import any_value, attributes, clean, prefixed, when

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
PRESENT = "present"
ABSENT = "absent"
# How the client talks to the server is no part of what is exported.
CONNECTION_HEADERS = frozenset(
    ("host", "accept", "accept-encoding", "connection", "content-length", "grpc-accept-encoding")
)
# What is measured and not counted differs from run to run.
MEASURED = re.compile(r"^(process|cpython)\.|\.duration$|^health\.check\.age$")
# Of many measurements the SDK keeps some by chance as exemplars; and of those outside of spans.
MANY = re.compile(r"\.(duration|active_requests)$")
# The remote parent that the program pretends to have.
REMOTE_TRACE = bytes.fromhex("5b8aa5a2d2c872e8321cf37308d69df2")
REMOTE_SPAN = bytes.fromhex("5fb397be34d26b51")


class Key(NamedTuple):
    """Names one fact.

    Attributes:
        subject: ``request``, ``resource``, ``scope``, ``span``, ``metric``, ``log record``.
        name: Of the span, metric …; HTTP spans with their path, log records as scope and body.
        field: What of it; empty for the thing itself.
        occurrence: Tells apart those that have one name.
    """

    subject: str
    name: str
    field: str
    occurrence: str = ""


Facts = dict[Key, str]


def collect(sink: Sink) -> Facts:
    """All that a sink has received."""
    facts: Facts = {}
    tree = _Tree(sink)
    for request in sink.requests:
        facts.update(_headers(request))
    # The interval never ends within the run: metrics are collected once, at its end.
    facts[Key("request", "metrics", "number")] = str(len(sink.taken("metrics")))
    for signal in SIGNALS:
        for message in sink.taken(signal):
            facts.update(_resources(signal, message))
    for signal, resource, scope in _scopes(sink):
        del resource
        facts.update(_scope(signal, scope))
    facts.update(_spans(tree))
    facts.update(_metrics(sink, tree))
    facts.update(_logs(sink, tree))
    return facts


def _headers(request: Request) -> Iterator[tuple[Key, str]]:
    for name, value in request.headers.items():
        if name not in CONNECTION_HEADERS:
            yield Key("request", name, "", request.signal), value


# -------------------------------------------------------------------------- resource and scope


def _resources(signal: str, message: Any) -> Iterator[tuple[Key, str]]:
    for entry in _resource_entries(signal, message):
        yield Key("resource", "schema_url", "", signal), entry.schema_url
        for name, value in attributes(entry.resource.attributes).items():
            yield Key("resource", name, "", signal), value


def _scope(signal: str, entry: Any) -> Iterator[tuple[Key, str]]:
    scope = entry.scope
    named = f"{signal}: {scope.name}"
    yield Key("scope", named, ""), PRESENT
    yield Key("scope", named, "version"), scope.version
    yield Key("scope", named, "schema_url"), entry.schema_url
    for name, value in attributes(scope.attributes).items():
        yield Key("scope", named, f"attributes.{name}"), value


def _resource_entries(signal: str, message: Any) -> Any:
    field = {"traces": "resource_spans", "logs": "resource_logs", "metrics": "resource_metrics"}
    return getattr(message, field[signal])


def _scopes(sink: Sink) -> Iterator[tuple[str, Any, Any]]:
    field = {"traces": "scope_spans", "logs": "scope_logs", "metrics": "scope_metrics"}
    for signal in SIGNALS:
        for message in sink.taken(signal):
            for entry in _resource_entries(signal, message):
                for scope in getattr(entry, field[signal]):
                    yield signal, entry.resource, scope


# ---------------------------------------------------------------------------------------- spans


class _Tree:
    """Spans by id; the path of names from the root stands for a span's ids."""

    def __init__(self, sink: Sink) -> None:
        self.scope_of: dict[bytes, str] = {}
        self.spans: dict[bytes, Any] = {}
        for signal, _, entry in _scopes(sink):
            if signal == "traces":
                for span in entry.spans:
                    self.spans[span.span_id] = span
                    self.scope_of[span.span_id] = entry.scope.name

    def label(self, span: Any) -> str:
        """The name, and for HTTP the path: many requests have one name."""
        found = {item.key: item.value.string_value for item in span.attributes}
        names = ("http.target", "http.url", "url.path", "url.full")
        url = next((found[name] for name in names if found.get(name)), "")
        path = re.sub(r"^https?://[^/]*", "", url).partition("?")[0]
        if span.kind in (2, 3) and url:
            return f"{span.name} [{KINDS[span.kind]} {path or '/'}]"
        return str(span.name)

    def path(self, span_id: bytes) -> str:
        """From the root down to this span."""
        span = self.spans.get(span_id)
        if span is None:
            return "the remote span" if span_id == REMOTE_SPAN else "a span that was not exported"
        if not span.parent_span_id:
            return self.label(span)
        return f"{self.path(span.parent_span_id)} > {self.label(span)}"

    def reference(self, trace_id: bytes, span_id: bytes) -> str:
        """The ids of a link, a log record or an exemplar."""
        if not trace_id and not span_id:
            return "none"
        span = self.spans.get(span_id)
        if span is not None and span.trace_id != trace_id:
            return f"{self.path(span_id)}, but in another trace"
        remote = ", in the remote trace" if trace_id == REMOTE_TRACE else ""
        return f"{self.path(span_id)}{remote}"


def _spans(tree: _Tree) -> Iterator[tuple[Key, str]]:
    seen: Counter[str] = Counter()
    for span in sorted(tree.spans.values(), key=lambda span: span.start_time_unix_nano):
        path = tree.path(span.span_id)
        occurrence = f"{path} #{seen[path]}"
        seen[path] += 1
        for field, value in _span(span, tree):
            yield Key("span", tree.label(span), field, occurrence), value


def _span(span: Any, tree: _Tree) -> Iterator[tuple[str, str]]:
    yield "", PRESENT
    yield "scope", tree.scope_of[span.span_id]
    yield "kind", KINDS[span.kind]
    yield "status", f"{span.status.code} {clean(span.status.message)}".strip()
    yield "flags", hex(span.flags)
    yield "trace_state", span.trace_state
    yield "start", when(span.start_time_unix_nano)
    yield "end", when(span.end_time_unix_nano)
    yield "ends after it starts", str(span.end_time_unix_nano >= span.start_time_unix_nano)
    yield "dropped attributes", str(span.dropped_attributes_count)
    yield "dropped events", str(span.dropped_events_count)
    yield "dropped links", str(span.dropped_links_count)
    parent = tree.spans.get(span.parent_span_id)
    if parent is not None:
        yield "in the trace of its parent", str(parent.trace_id == span.trace_id)
    elif span.parent_span_id:
        yield "in the remote trace", str(span.trace_id == REMOTE_TRACE)
    yield from prefixed("attributes.", span.attributes)
    for number, event in enumerate(span.events):
        prefix = f"events.{number}"
        yield prefix, f"{event.name} at {when(event.time_unix_nano)}"
        yield f"{prefix}.dropped", str(event.dropped_attributes_count)
        yield from prefixed(f"{prefix}.", event.attributes)
    for number, link in enumerate(span.links):
        prefix = f"links.{number}"
        yield prefix, tree.reference(link.trace_id, link.span_id)
        yield f"{prefix}.flags", hex(link.flags)
        yield f"{prefix}.dropped", str(link.dropped_attributes_count)
        yield from prefixed(f"{prefix}.", link.attributes)


# -------------------------------------------------------------------------------------- metrics


def _metrics(sink: Sink, tree: _Tree) -> Iterator[tuple[Key, str]]:
    for signal, _, entry in _scopes(sink):
        if signal == "metrics":
            for metric in entry.metrics:
                for field, value in _metric(metric, tree):
                    yield Key("metric", metric.name, field, entry.scope.name), value


def _metric(metric: Any, tree: _Tree) -> Iterator[tuple[str, str]]:
    kind = metric.WhichOneof("data") or "no data"
    data = getattr(metric, kind)
    yield "", PRESENT
    yield "type", kind
    yield "unit", metric.unit
    yield "description", metric.description
    if hasattr(data, "aggregation_temporality"):
        yield "temporality", ("unspecified", "delta", "cumulative")[data.aggregation_temporality]
    if hasattr(data, "is_monotonic"):
        yield "monotonic", str(data.is_monotonic)
    points = data.data_points
    if len(points) > 100:  # the many streams of a flood are told by their number
        yield "streams", str(len(points))
        points = [point for point in points if any("overflow" in a.key for a in point.attributes)]
    for point in points:
        labels = ", ".join(f"{k}={v}" for k, v in sorted(attributes(point.attributes).items()))
        for field, value in _point(point, metric.name, tree):
            yield f"{{{labels}}} {field}".rstrip(), value


def _point(point: Any, name: str, tree: _Tree) -> Iterator[tuple[str, str]]:
    measured = MEASURED.search(name) is not None
    yield "", PRESENT
    yield "flags", hex(point.flags)
    yield "start", when(point.start_time_unix_nano)
    yield "time", when(point.time_unix_nano)
    if hasattr(point, "as_int"):
        if not measured:
            which = point.WhichOneof("value")
            yield "value", f"{which} {getattr(point, which)}"
    else:
        yield "count", str(point.count)
        yield from _distribution(point, measured)
    by_chance = any(not exemplar.span_id for exemplar in point.exemplars)
    if MANY.search(name) or by_chance:
        yield "exemplars", PRESENT if point.exemplars else ABSENT
        return
    for number, exemplar in enumerate(_in_order(point.exemplars)):
        which = exemplar.WhichOneof("value")
        prefix = f"exemplars.{number}"
        yield prefix, tree.reference(exemplar.trace_id, exemplar.span_id)
        yield f"{prefix}.time", when(exemplar.time_unix_nano)
        yield f"{prefix}.value", f"{which} {getattr(exemplar, which)}"
        yield from prefixed(f"{prefix}.", exemplar.filtered_attributes)


def _distribution(point: Any, measured: bool) -> Iterator[tuple[str, str]]:
    if hasattr(point, "explicit_bounds"):
        yield "bounds", " ".join(f"{bound:g}" for bound in point.explicit_bounds)
        buckets = " ".join(str(count) for count in point.bucket_counts)
    else:
        scale = f"scale {point.scale}, zero {point.zero_count} within {point.zero_threshold:g}"
        buckets = f"{scale}, {_buckets(point.positive)} / {_buckets(point.negative)}"
    if not measured:
        yield "buckets", buckets
        yield "sum", f"{point.sum:g}"
        yield "min", f"{point.min:g}" if point.HasField("min") else ABSENT
        yield "max", f"{point.max:g}" if point.HasField("max") else ABSENT


def _buckets(side: Any) -> str:
    return f"{side.offset}: " + " ".join(str(count) for count in side.bucket_counts)


def _in_order(exemplars: Iterable[Any]) -> list[Any]:
    return sorted(exemplars, key=lambda exemplar: int(exemplar.time_unix_nano))


# ----------------------------------------------------------------------------------------- logs


def _logs(sink: Sink, tree: _Tree) -> Iterator[tuple[Key, str]]:
    seen: Counter[str] = Counter()
    for signal, _, entry in _scopes(sink):
        if signal == "logs":
            for record in entry.log_records:
                name = f"{entry.scope.name}: {clean(any_value(record.body))[:60]}"
                occurrence = f"#{seen[name]}"
                seen[name] += 1
                for field, value in _log(record, tree):
                    yield Key("log record", name, field, occurrence), value


def _log(record: Any, tree: _Tree) -> Iterator[tuple[str, str]]:
    yield "", PRESENT
    yield "body", clean(any_value(record.body))
    yield "body type", record.body.WhichOneof("value") or "none"
    yield "severity", f"{record.severity_number} {record.severity_text}".strip()
    yield "event_name", record.event_name
    yield "time", when(record.time_unix_nano)
    yield "observed time", when(record.observed_time_unix_nano)
    yield "span", tree.reference(record.trace_id, record.span_id)
    yield "flags", hex(record.flags)
    yield "dropped", str(record.dropped_attributes_count)
    yield from prefixed("attributes.", record.attributes)
