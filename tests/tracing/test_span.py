"""Whatever is done to a span of ours, nothing raises, nothing hangs, and the good parts arrive."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
)

from tests.tracing.conftest import Armed, Broken, Hostile
from tests.tracing.test_values import Changing, Texty

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

STANDS_FOR = "<unprintable Hostile>"


def _done(armed: Armed, work: Callable[[Any], object]) -> ReadableSpan:
    with armed.tracer.start_span("work") as span:
        work(span)
    return armed.only


def test_a_span_is_the_sdk_s(armed: Armed) -> None:
    """Exporters and libraries that look find what they expect."""
    span = armed.tracer.start_span("x")
    assert isinstance(span, SdkSpan)
    assert span.is_recording()
    span.end()
    assert not span.is_recording()
    assert armed.only.instrumentation_scope.name == "test"


@pytest.mark.parametrize(
    ("work", "attributes"),
    [
        (lambda span: span.set_attribute("a", Hostile()), {"a": STANDS_FOR}),
        (lambda span: span.set_attribute("a", [1, Hostile()]), {"a": (1, STANDS_FOR)}),
        (lambda span: span.set_attribute(Texty("a"), 1), {"a": 1}),
        (lambda span: span.set_attribute(Hostile(), 1), {}),
        (lambda span: span.set_attribute(5, 1), {}),
        (lambda span: span.set_attribute("a", 2**100), {"a": 2**100}),
        (lambda span: span.set_attribute("a", "\ud800"), {"a": "\ud800"}),
        (lambda span: span.set_attributes({"a": Hostile(), "b": 1}), {"a": STANDS_FOR, "b": 1}),
        (lambda span: span.set_attributes(None), {}),
        (lambda span: span.set_attributes([("a", 1)]), {}),
        (lambda span: span.set_attributes(Hostile()), {}),
        (lambda span: span.set_attributes(Changing(a=object())), {}),
    ],
)
def test_hostile_attributes(
    armed: Armed, work: Callable[[Span], None], attributes: dict[str, Any]
) -> None:
    """A value that cannot be had is replaced by what says so, a name that is none is left out."""
    assert dict(_done(armed, work).attributes or {}) == attributes


def test_hostile_events(armed: Armed) -> None:
    """An event with a broken name, time or attribute is still an event."""

    def work(span: Any) -> None:
        span.add_event(Hostile(), {"a": Hostile()}, "yesterday")
        span.add_event("b\ud800", Hostile(), 1.5)
        span.add_event("c", None, 7)

    events = _done(armed, work).events
    assert [event.name for event in events] == [STANDS_FOR, "b\ufffd", "c"]
    assert [dict(event.attributes or {}) for event in events] == [{"a": STANDS_FOR}, {}, {}]
    assert type(events[0].timestamp) is type(events[1].timestamp) is int
    assert events[2].timestamp == 7


def test_hostile_links(armed: Armed) -> None:
    """What is no span context is no link."""
    other = armed.provider.get_tracer("other").start_span("other")

    def work(span: Any) -> None:
        span.add_link(None)
        span.add_link(Hostile())
        span.add_link(other.get_span_context(), {"a": Hostile()})

    (link,) = _done(armed, work).links
    assert link.context == other.get_span_context()
    assert dict(link.attributes or {}) == {"a": STANDS_FOR}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ((StatusCode.ERROR, Hostile), STANDS_FOR),
        ((StatusCode.ERROR, "a\ud800"), "a\ufffd"),
        ((Status(StatusCode.ERROR, "a\ud800"), None), "a\ufffd"),
        ((Status(StatusCode.ERROR, "fine"), None), "fine"),
        ((StatusCode.ERROR, None), None),
    ],
)
def test_hostile_descriptions(armed: Armed, status: Any, expected: str | None) -> None:
    """A status keeps its code, with a description that can be encoded."""
    code, description = status
    made = description() if isinstance(description, type) else description
    found = _done(armed, lambda span: span.set_status(code, made)).status
    assert (found.status_code, found.description) == (StatusCode.ERROR, expected)


def test_what_is_no_status_changes_nothing(armed: Armed) -> None:
    """As in the SDK, but for hostile objects too."""

    def work(span: Any) -> None:
        span.set_status("ERROR")
        span.set_status(Hostile(), Hostile())
        span.set_status(None)

    assert _done(armed, work).status.status_code is StatusCode.UNSET


def test_names_and_ends_are_what_they_must_be(armed: Armed) -> None:
    """A name is text, a time is a number of nanoseconds; later calls are ignored."""
    span: Any = armed.tracer.start_span("x")
    span.update_name(Hostile())
    span.end("tomorrow")
    span.end(5)
    assert armed.only.name == STANDS_FOR
    assert armed.only.end_time > 5
    given: Any = armed.tracer.start_span("y", start_time=3)
    given.end(9)
    assert (armed.spans[1].start_time, armed.spans[1].end_time) == (3, 9)


def _event(span: ReadableSpan) -> dict[str, Any]:
    (event,) = span.events
    assert event.name == "exception"
    return dict(event.attributes or {})


def test_an_exception_is_recorded_as_the_sdk_does_it(armed: Armed) -> None:
    """Type, message, stack; with what the app adds."""
    try:
        raise ValueError("no")
    except ValueError as error:
        raised = error
    found = _event(_done(armed, lambda span: span.record_exception(raised, {"a": 1})))
    assert found == {
        "exception.type": "ValueError",
        "exception.message": "no",
        "exception.stacktrace": "".join(traceback.format_exception(raised)),
        "exception.escaped": "False",
        "a": 1,
    }


def test_hostile_attributes_do_not_cost_the_exception(armed: Armed) -> None:
    """It is recorded as the SDK does it, without them."""
    error = ValueError("no")
    more: Any = Hostile()
    found = _event(_done(armed, lambda span: span.record_exception(error, more)))
    assert found["exception.stacktrace"] == "ValueError: no\n"


def test_exceptions_that_cannot_be_recorded_are_recorded(armed: Armed) -> None:
    """One whose text raises, and what is no exception at all."""
    try:
        raise Broken
    except Broken as error:
        raised = error
    more: Any = {"a": Hostile()}
    found = _event(_done(armed, lambda span: span.record_exception(raised, more, "now", True)))
    assert found["exception.message"] == "<unprintable Broken>"
    assert found["exception.escaped"] == "True"
    assert found["a"] == STANDS_FOR
    assert "test_exceptions_that_cannot_be_recorded" in found["exception.stacktrace"]
    found = _event(_done(Armed(), lambda span: span.record_exception("oops")))
    assert found["exception.message"] == "oops"


def test_a_broken_exception_leaves_a_span_used_as_a_block_unchanged(armed: Armed) -> None:
    """The app sees its own exception, and the span has ended as an error."""
    with pytest.raises(Broken), armed.tracer.start_span("x"):
        raise Broken
    assert armed.only.status.description == "Broken: <unprintable Broken>"
    assert _event(armed.only)["exception.escaped"] == "True"


def test_a_block_ends_its_span_with_the_exception(armed: Armed) -> None:
    """As in the SDK."""
    with pytest.raises(ValueError, match="no"), armed.tracer.start_span("x"):
        raise ValueError("no")
    assert armed.only.status.description == "ValueError: no"


class Reaching:
    """Its text touches the span that it is being put into."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def __str__(self) -> str:
        self.span.set_attribute("reached", True)
        return "reached"


def test_a_value_that_touches_its_span_does_not_hang(
    armed: Armed, in_time: Callable[[Callable[[], Any]], Any]
) -> None:
    """The SDK asks for the text while it holds the span's lock; that is a deadlock."""
    span = armed.tracer.start_span("x")
    value: Any = Reaching(span)
    in_time(lambda: [span.set_attribute("a", value), span.set_attributes({"b": value})])
    span.end()
    assert dict(armed.only.attributes or {}) == {"reached": True, "a": "reached", "b": "reached"}


def test_limits_apply(caplog: pytest.LogCaptureFixture) -> None:
    """Of attributes, events, links and lengths, as given."""
    limits = SpanLimits(max_span_attributes=1, max_events=1, max_span_attribute_length=2)
    armed = Armed(span_limits=limits)
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        with armed.tracer.start_span("x", attributes={"a": 1}) as span:
            span.set_attribute("b", "long")
            span.add_event("1")
            span.add_event("2")
    assert dict(armed.only.attributes or {}) == {"b": "lo"}
    assert [event.name for event in armed.only.events] == ["2"]
    assert armed.only.dropped_attributes == 1


def test_calls_after_the_end_are_ignored(armed: Armed, caplog: pytest.LogCaptureFixture) -> None:
    """They neither raise nor change what was handed on."""
    span: Any = armed.tracer.start_span("x")
    span.end()
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        span.set_attribute("a", Hostile())
        span.set_attributes({"a": Hostile()})
        span.add_event(Hostile())
        span.add_link(INVALID_SPAN_CONTEXT)
        span.update_name("y")
        span.set_status(StatusCode.OK)
        span.record_exception(Broken())
    assert (armed.only.name, dict(armed.only.attributes or {})) == ("x", {})
    assert format_trace_id(armed.only.context.trace_id) != "0" * 32


def test_a_kind_that_is_none_is_internal(armed: Armed) -> None:
    """An encoder could make nothing of it, and the span would be lost."""
    for kind in (None, 5, "server", Hostile()):
        armed.tracer.start_span("x", kind=kind).end()  # type: ignore[arg-type]
    kinds = [span.kind for span in armed.exporter.get_finished_spans()]
    assert kinds == [SpanKind.INTERNAL] * 4


def test_a_status_described_by_something_else_is_described_in_text(armed: Armed) -> None:
    """The API's own class takes whatever says that it is a text."""

    class Liar:
        @property
        def __class__(self) -> Any:
            return str

        def __str__(self) -> str:
            return "said"

    span = _done(armed, lambda span: span.set_status(Status(StatusCode.ERROR, Liar())))  # type: ignore[arg-type]
    assert type(span.status.description) is str
