"""Others who hold the same objects see them as they were; what is clean is not copied."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

import pepperpy_otel
from pepperpy_otel.redaction import Redactor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.delivery.sinks import HttpSink


def finished(secret: str = "hunter2", **arguments: Any) -> ReadableSpan:
    """A span of the SDK's with text everywhere."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, **arguments)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    state = TraceState([("v", "ghp_" + "a1" * 18 if secret == "hunter2" else "plain")])
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    tracer = provider.get_tracer("s", "1", "https://x/y", {"note": f"pwd={secret}"})
    own = SpanContext(3, 4, is_remote=False)
    links = [Link(context, {"note": f"pwd={secret}"}), Link(context), Link(own)]
    with tracer.start_as_current_span("plain", attributes={"a": 1, "b": "x"}, links=links) as span:
        span.add_event("plain", {"a": 1})
        span.add_event("told", {"note": f"pwd={secret}"})
        span.add_event("more", {"a": 1, "b": 2})
    return exporter.get_finished_spans()[0]


class _Kept(LogRecordProcessor):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        self.seen.append(log_record)

    def shutdown(self) -> None:
        """Nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


def test_a_clean_span_is_the_same_object() -> None:
    """A span in which nothing is found is queued as it is."""
    span = finished("")
    assert Redactor().spans(span) is span


def test_a_span_is_copied_with_all_that_it_has() -> None:
    """The copy differs in what was taken out and in nothing else; the original is untouched."""
    limits = SpanLimits(max_attributes=1, max_events=2, max_links=2)
    span = finished(span_limits=limits)
    before = span.to_json()
    shown = Redactor().spans(span)
    assert shown is not None
    assert shown is not span
    assert span.to_json() == before
    assert "hunter2" not in shown.to_json()
    assert (shown.dropped_attributes, shown.dropped_events, shown.dropped_links) == (1, 1, 1)
    assert (shown.start_time, shown.end_time, shown.kind) == (
        span.start_time,
        span.end_time,
        span.kind,
    )
    assert shown.events[0].timestamp == span.events[0].timestamp
    assert shown.events[-1] is span.events[-1]
    assert [event.dropped_attributes for event in shown.events] == [
        event.dropped_attributes for event in span.events
    ]
    assert shown.context == span.context
    assert shown.resource is span.resource
    assert shown.instrumentation_scope != span.instrumentation_scope


def test_trace_state_loses_the_members_with_secrets() -> None:
    """A member of somebody's trace state that holds a token goes, the ids stay."""
    redactor = Redactor()
    span = finished()
    shown = redactor.spans(span)
    assert shown is not None
    assert dict(span.links[0].context.trace_state) != {}
    assert dict(shown.links[0].context.trace_state) == {}
    assert shown.links[0].context.trace_id == 1


def test_what_the_apps_own_processors_see_stays(sink: HttpSink) -> None:
    """Processors of the app get body and attributes as the app gave them."""
    kept = _Kept()
    spans = InMemorySpanExporter()
    telemetry = pepperpy_otel.configure(
        "told",
        endpoint=sink.url,
        instrument=False,
        health=False,
        redact=True,
        span_processors=[SimpleSpanProcessor(spans)],
        log_record_processors=[kept],
    )
    try:
        with telemetry.tracer_provider.get_tracer("t").start_as_current_span(
            "told", attributes={"password": "hunter2"}
        ):
            logging.getLogger("t").error("password=hunter2", extra={"token": "hunter2"})
        assert telemetry.force_flush(30_000)
    finally:
        pepperpy_otel.rollback()
    assert dict(spans.get_finished_spans()[0].attributes or {})["password"] == "hunter2"
    record = kept.seen[0].log_record
    assert record.body == "password=hunter2"
    assert record.attributes["token"] == "hunter2"
    assert b"hunter2" not in b"".join(request.body for request in sink.requests)


def test_a_record_without_anything_stays_so() -> None:
    """What has neither body, attributes, name nor resource is given none."""
    record = LogRecord(body=None)
    item = ReadableLogRecord(log_record=record, resource=None, instrumentation_scope=None)  # type: ignore[arg-type]
    assert Redactor().logs(item) is item
    assert (item.log_record.body, item.resource) == (None, None)


def test_values_are_copied_only_where_something_is_found() -> None:
    """Of a nested value the branches without a secret are the very same objects."""
    clean = {"a": [1, "x"]}
    value = {"clean": clean, "told": {"password": "x"}}
    shown = Redactor().value(value, "v")
    assert shown == {"clean": clean, "told": {"password": "[redacted:key]"}}
    assert shown["clean"] is clean
    assert value["told"] == {"password": "x"}
