from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from pepperpy_otel import _compat
from tests.delivery.otlp.messages import encoded, same
from tests.delivery.otlp.things import CONTEXT, RESOURCE, SCOPE, lookalike, span

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_of(*made: Any) -> Any:
    """Our message of the first span."""
    return encoded("traces", made).resource_spans[0].scope_spans[0].spans[0]


FULL: dict[str, Any] = {
    "parent": SpanContext(1, 5, is_remote=True),
    "kind": SpanKind.SERVER,
    "attributes": {"a": 1, "b": [1, {"c": None}]},
    "events": (Event("e", {"x": True}, 7),),
    "links": (Link(CONTEXT, {"y": 0.5}),),
    "status": Status(StatusCode.ERROR, "no"),
}


def test_a_look_alike_is_encoded_as_the_span_that_it_looks_like() -> None:
    """Spans need not be the SDK's: public properties are enough."""
    assert same(message_of(lookalike(**FULL))) == same(message_of(span(**FULL)))
    dropped = message_of(lookalike(dropped_attributes=1, dropped_events=2, dropped_links=3))
    assert dropped.dropped_attributes_count == 1
    assert dropped.dropped_events_count == 2
    assert dropped.dropped_links_count == 3


def test_a_subclass_is_asked_by_its_properties() -> None:
    """It may have overridden them, to redact something for example."""

    class Redacted(ReadableSpan):
        @property
        def name(self) -> str:
            return "redacted"

    made = Redacted("secret", CONTEXT, resource=RESOURCE, instrumentation_scope=SCOPE)
    assert message_of(made).name == "redacted"


def test_another_context_is_asked_by_its_properties() -> None:
    """A context need not be the API's own class."""
    context = SimpleNamespace(
        trace_id=1, span_id=2, is_remote=True, trace_flags=1, trace_state={"a": "b"}
    )
    message = message_of(lookalike(context=context, parent=context, links=[Link(context)]))  # type: ignore[arg-type]
    assert int.from_bytes(message.trace_id, "big") == 1
    assert int.from_bytes(message.parent_span_id, "big") == 2
    assert message.trace_state == message.links[0].trace_state == "a=b"
    assert message.flags == message.links[0].flags == 0x301


def test_spans_are_the_same_when_the_private_fields_have_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is slower then is not wrong."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("s", attributes={"k": (1, 2)}) as made:
        made.add_event("e", {"x": "y"})
    finished = exporter.get_finished_spans()
    quick = encoded("traces", finished)

    def moved(_: object) -> Any:
        raise AttributeError("_attributes")

    monkeypatch.setattr(_compat, "span_contents", moved)
    assert same(encoded("traces", finished)) == same(quick)


def test_a_span_without_status_has_none() -> None:
    """Which is not the same as one that is unset."""
    assert not message_of(span(status=None)).HasField("status")
    assert message_of(span()).HasField("status")


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (SimpleNamespace(status_code=StatusCode.UNSET, description="d"), 0, "d"),
        (SimpleNamespace(status_code=7, description=None), 0, ""),
        (SimpleNamespace(status_code=StatusCode.OK, description=b"d"), 1, "d"),
    ],
    ids=["unset", "unknown", "bytes"],
)
def test_a_status_of_another_kind_is_sent_as_far_as_it_goes(
    status: Any, code: int, text: str
) -> None:
    """A code that nobody knows is none."""
    message = message_of(lookalike(status=status))
    assert (message.status.code, message.status.message) == (code, text)


class Mutating(dict[str, Any]):
    """Attributes that another thread is at."""

    def copy(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")

    def items(self) -> Any:
        yield "before", 1
        raise RuntimeError("dictionary changed size during iteration")


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        (None, []),
        (5, []),
        ({}, []),
        ([("a", 1)], []),
        (Mutating(), ["before"]),
        ({"a": {"b": [1]}, "c": 1}, ["a", "c"]),
        ({1: "x", "1": "y", "z": True}, ["1", "z"]),
    ],
    ids=["none", "number", "empty", "list", "broken", "nested", "keys"],
)
@pytest.mark.parametrize("make", [span, lookalike])
def test_attributes_of_any_kind_never_cost_the_span(
    make: Any, attributes: Mapping[str, Any], keys: list[str]
) -> None:
    """What can be read of them is sent."""
    made = make(attributes=attributes)
    if made.__class__ is ReadableSpan and keys in ([], ["before"]) and attributes is not None:
        made = lookalike(attributes=attributes)  # the SDK's own property raises
    assert [each.key for each in message_of(made).attributes] == keys


@pytest.mark.parametrize("long", [1, 300, 20_000])
def test_lengths_of_more_bytes_are_right(long: int) -> None:
    """Names, keys, values, and the spans and groups around them."""
    text = "ä" * long
    message = message_of(span(name=text, attributes={text: text, "n": [text]}))
    assert message.name == message.attributes[0].key == text
    assert message.attributes[1].value.array_value.values[0].string_value == text
