"""Spans and log records for single cases, and look-alikes of spans that are not the SDK's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status

RESOURCE = Resource({"service.name": "test"})
SCOPE = InstrumentationScope("scope", "1")
CONTEXT = SpanContext(0x0102, 0x0304, is_remote=False, trace_flags=TraceFlags(1))


def span(**changes: Any) -> ReadableSpan:
    """A finished span as anybody may put it together."""
    return ReadableSpan(
        **{
            "name": "span",
            "context": CONTEXT,
            "resource": RESOURCE,
            "instrumentation_scope": SCOPE,
            "start_time": 1,
            "end_time": 2,
            **changes,
        }
    )


def lookalike(**changes: Any) -> Any:
    """What has the public properties of a span and nothing else of it."""
    return SimpleNamespace(
        **{
            "name": "span",
            "context": CONTEXT,
            "parent": None,
            "kind": SpanKind.INTERNAL,
            "start_time": 1,
            "end_time": 2,
            "attributes": {},
            "events": (),
            "links": (),
            "status": Status(),
            "dropped_attributes": 0,
            "dropped_events": 0,
            "dropped_links": 0,
            "resource": RESOURCE,
            "instrumentation_scope": SCOPE,
            **changes,
        }
    )


def record(**changes: Any) -> ReadableLogRecord:
    """A log record; changes to what its constructor does not take are made afterwards."""
    made = LogRecord(observed_timestamp=1, context=Context())
    for name, content in changes.items():
        setattr(made, name, content)
    return ReadableLogRecord(made, RESOURCE, SCOPE)
