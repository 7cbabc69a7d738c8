"""Where the stock encoder is wrong by the specification, raises, or loses something.

Each test shows both sides, so that it fails when upstream changes its mind.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import EventBase
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, TraceFlags
from opentelemetry.trace.span import TraceState

from tests.delivery.otlp.messages import REQUESTS, encoded, stock, value
from tests.delivery.otlp.things import CONTEXT, RESOURCE, SCOPE, record, span

#: What upstream raises for messages and values that it cannot make.
REFUSED = (TypeError, ValueError, AttributeError, KeyError, UnicodeError)


def only_span(message: Any) -> Any:
    """The one span of a request."""
    (resource,) = message.resource_spans
    (scope,) = resource.scope_spans
    (found,) = scope.spans
    return found


def only_record(message: Any) -> Any:
    """The one record of a request."""
    (resource,) = message.resource_logs
    (scope,) = resource.scope_logs
    (found,) = scope.log_records
    return found


def both_spans(made: Any) -> tuple[Any, Any]:
    """Upstream's and ours."""
    return only_span(stock("traces", [made])), only_span(encoded("traces", [made]))


def test_the_trace_flags_of_a_span_are_sent() -> None:
    """The lowest eight bits of ``flags`` are those of the W3C (trace.proto)."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(3))
    theirs, ours = both_spans(span(context=context))
    assert (theirs.flags, ours.flags) == (0x100, 0x103)


def test_the_trace_flags_and_the_trace_state_of_a_link_are_sent() -> None:
    """As fields of their own, since the linked span is not in the request."""
    state = TraceState([("a", "1"), ("b", "2")])
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    theirs, ours = both_spans(span(links=[Link(context)]))
    assert (theirs.links[0].flags, ours.links[0].flags) == (0x300, 0x301)
    assert (theirs.links[0].trace_state, ours.links[0].trace_state) == ("", "a=1,b=2")


def test_a_parent_without_id_is_no_parent() -> None:
    """A root span's field is empty (trace.proto); eight zero bytes are an invalid id."""
    theirs, ours = both_spans(span(parent=SpanContext(1, 0, is_remote=True)))
    assert (theirs.parent_span_id, ours.parent_span_id) == (bytes(8), b"")
    assert theirs.flags & 0x300 == ours.flags & 0x300 == 0x300


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_of_any_kind_are_bytes(kind: Any) -> None:
    """Upstream takes them for sequences of numbers."""
    theirs, ours = both_spans(span(attributes={"k": kind(b"ab")}))
    assert theirs.attributes[0].value.WhichOneof("value") == "array_value"
    assert ours.attributes[0].value.bytes_value == b"ab"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"k": "a\ud800"}, "a\ufffd"),
        ({"k": 2**63}, str(2**63)),
        ({"k": Ellipsis}, "Ellipsis"),
        ({5: "five"}, "five"),
    ],
    ids=["surrogate", "64 bits", "object", "key"],
)
def test_an_attribute_that_upstream_drops_is_text(
    attributes: Any, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And there is no traceback in the log."""
    with caplog.at_level(logging.CRITICAL):
        theirs, ours = both_spans(span(attributes=attributes))
    assert len(theirs.attributes) == 0
    assert ours.attributes[0].value.string_value == expected
    assert ours.attributes[0].key == str(*attributes)


class BareEvent(EventBase):
    """An event of its own class: what it must have is in ``EventBase``."""

    @property
    def attributes(self) -> Any:
        return {"k": "v"}


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"name": 5}, "name", "5"),
        ({"name": "a\ud800"}, "name", "a\ufffd"),
        ({"kind": "server"}, "kind", 0),
        ({"start_time": -1}, "start_time_unix_nano", 0),
        ({"start_time": 2**64}, "start_time_unix_nano", 2**64 - 1),
        ({"end_time": 2.5}, "end_time_unix_nano", 2),
        ({"end_time": float("nan")}, "end_time_unix_nano", 0),
    ],
    ids=str,
)
def test_a_span_that_upstream_refuses_is_sent(changes: Any, field: str, expected: Any) -> None:
    """There, it costs the batch that it is in."""
    made = span(**changes)
    with pytest.raises(REFUSED):
        stock("traces", [made])
    assert getattr(only_span(encoded("traces", [made])), field) == expected


def test_an_event_of_another_class_is_sent() -> None:
    """It need not know how many attributes it dropped, nor have a time that fits."""
    made = span(events=[BareEvent("n", -1)])
    with pytest.raises(REFUSED):
        stock("traces", [made])
    (event,) = only_span(encoded("traces", [made])).events
    assert (event.name, event.time_unix_nano, event.attributes[0].key) == ("n", 0, "k")


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"body": Ellipsis}, "body", value("Ellipsis")),
        ({"body": 2**64}, "body", value(str(2**64))),
        ({"severity_text": 5}, "severity_text", "5"),
        ({"event_name": b"\xff"}, "event_name", "\ufffd"),
        ({"timestamp": -1}, "time_unix_nano", 0),
        ({"observed_timestamp": 2**70}, "observed_time_unix_nano", 2**64 - 1),
        ({"trace_id": None}, "trace_id", b""),
        ({"trace_id": 2**128}, "trace_id", b""),
        ({"span_id": -1}, "span_id", b""),
        ({"span_id": "1"}, "span_id", b""),
        ({"trace_flags": None}, "flags", 0),
    ],
    ids=str,
)
def test_a_record_that_upstream_refuses_is_sent(changes: Any, field: str, expected: Any) -> None:
    """There, it costs the batch that it is in."""
    made = record(**changes)
    with pytest.raises(Exception, match=r"."):  # of a body: an Exception and no more
        stock("logs", [made])
    assert getattr(only_record(encoded("logs", [made])), field) == expected


@pytest.mark.parametrize(("number", "expected"), [(9, 9), (99, 24), (-1, 0), ("INFO", 0)])
def test_a_severity_that_is_a_plain_number_is_sent(number: Any, expected: int) -> None:
    """Upstream takes members of the enumeration only."""
    made = record(severity_number=number)
    assert only_record(stock("logs", [made])).severity_number == 0
    assert only_record(encoded("logs", [made])).severity_number == expected


def scopes_of(message: Any) -> int:
    return sum(len(each.scope_spans) for each in message.resource_spans)


def test_scopes_with_different_attributes_are_two() -> None:
    """Upstream takes 1 for True, and one scope's spans for the other's."""
    batch = [
        span(instrumentation_scope=InstrumentationScope("s", attributes={"a": each}))
        for each in (1, True)
    ]
    assert scopes_of(stock("traces", batch)) == 1
    assert scopes_of(encoded("traces", batch)) == 2


def test_what_encodes_alike_is_one_group() -> None:
    """Upstream tells a version that is None from an empty one, and NaN from NaN."""
    batch = [
        span(instrumentation_scope=None),
        span(instrumentation_scope=InstrumentationScope("", None)),
        span(instrumentation_scope=InstrumentationScope("", "")),
    ]
    assert (scopes_of(stock("traces", batch)), scopes_of(encoded("traces", batch))) == (3, 1)
    batch = [span(resource=Resource({"n": float("nan")})) for _ in range(2)]
    assert len(stock("traces", batch).resource_spans) == 2
    assert len(encoded("traces", batch).resource_spans) == 1


def test_a_resource_is_never_refused() -> None:
    """One whose attributes are no JSON has no hash, and upstream wants one."""

    class Odd:
        attributes = {"k": {1: {2}}}  # noqa: RUF012
        schema_url = 5
        __hash__ = None  # type: ignore[assignment]

    made = span(resource=Odd())
    with pytest.raises(REFUSED):
        stock("traces", [made])
    (group,) = encoded("traces", [made]).resource_spans
    assert (group.resource.attributes[0].key, group.schema_url) == ("k", "5")


def test_a_deep_value_does_not_make_the_request_unreadable() -> None:
    """Upstream sends what receivers with protobuf's default limit refuse as a whole."""
    deep: Any = 1
    for _ in range(32):
        deep = {"k": deep}
    made = span(attributes={"deep": deep})
    with pytest.raises(DecodeError):
        REQUESTS["traces"].FromString(stock("traces", [made]).SerializeToString())
    assert len(only_span(encoded("traces", [made])).attributes) == 1


def test_counts_have_an_end() -> None:
    """More dropped than the field can say is as many as it can say."""

    class Many(type(span())):  # type: ignore[misc]
        dropped_events = 2**40

    made = Many("m", CONTEXT, resource=RESOURCE, instrumentation_scope=SCOPE)
    with pytest.raises(REFUSED):
        stock("traces", [made])
    assert only_span(encoded("traces", [made])).dropped_events_count == 2**32 - 1
