from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel.delivery.otlp import RequestEncoder
from pepperpy_otel.delivery.otlp.groups import KEPT
from tests.delivery.otlp.messages import REQUESTS, encoded
from tests.delivery.otlp.things import RESOURCE, lookalike, record, span


def names(message: Any) -> Any:
    """The spans' names by resource and scope."""
    return [
        [[each.name for each in scope.spans] for scope in resource.scope_spans]
        for resource in message.resource_spans
    ]


def test_spans_are_grouped_in_the_order_in_which_groups_came() -> None:
    """Also when their spans come mixed."""
    other = Resource({"service.name": "other"})
    one, two = InstrumentationScope("one"), InstrumentationScope("two")
    batch = [
        span(name="a", instrumentation_scope=one),
        span(name="b", instrumentation_scope=two),
        span(name="c", resource=other, instrumentation_scope=two),
        span(name="d", instrumentation_scope=one),
    ]
    assert names(encoded("traces", batch)) == [[["a", "d"], ["b"]], [["c"]]]


def test_what_is_equal_is_one_group() -> None:
    """Whichever object it is, and in whatever order its attributes are."""
    first = Resource({"a": 1, "b": 2}, "url")
    second = Resource({"b": 2, "a": 1}, "url")
    third = Resource({"b": 2, "a": 1}, "another")
    batch = [
        span(name=name, resource=each)
        for name, each in zip("abc", (first, second, third), strict=True)
    ]
    message = encoded("traces", batch)
    assert names(message) == [[["a", "b"]], [["c"]]]
    assert [each.schema_url for each in message.resource_spans] == ["url", "another"]


def test_a_resource_and_scope_of_their_own_for_each_span_are_grouped_all_the_same() -> None:
    """An app may ask for a tracer in each request; what is remembered of scopes is bounded."""
    batch = [
        span(
            name=str(number),
            resource=Resource({"a": "b"}),
            instrumentation_scope=InstrumentationScope(
                f"s{number % (KEPT * 2)}", "1", None, {"k": 1}
            ),
        )
        for number in range(KEPT * 4)
    ]
    (resource,) = encoded("traces", batch).resource_spans
    assert len(resource.scope_spans) == KEPT * 2
    assert {len(scope.spans) for scope in resource.scope_spans} == {2}
    assert resource.scope_spans[0].scope.attributes[0].key == "k"


def test_a_new_resource_at_an_old_address_is_not_taken_for_it() -> None:
    """What is kept by identity is held, so that no other thing gets its address."""
    encoder = RequestEncoder("traces")
    for number in range(500):
        message = encoded("traces", [span(resource=Resource({"n": number}))], encoder)
        assert message.resource_spans[0].resource.attributes[0].value.int_value == number


def test_nothing_is_an_empty_request() -> None:
    """Without a group."""
    assert RequestEncoder("logs").encode([]) == (b"", 0, 0, None)


class Raising:
    """Raises for whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


@pytest.mark.parametrize(
    "poison",
    [
        Raising(),
        object(),
        None,
        lookalike(context=None),
        lookalike(context=Raising()),
        lookalike(attributes=None, events=5),
        lookalike(links=[None]),
        lookalike(parent=5),
    ],
    ids=["raising", "object", "none", "no context", "context", "events", "links", "parent"],
)
def test_one_poisonous_span_does_not_cost_the_batch(poison: Any) -> None:
    """Where it is between two others, and its group is one of its own, too."""
    batch = [span(name="a"), poison, span(name="b"), poison]
    request = RequestEncoder("traces").encode(batch)
    assert (request.items, request.left_out) == (2, 2)
    assert isinstance(request.error, Exception)
    assert names(REQUESTS["traces"].FromString(request.body)) == [[["a", "b"]]]


def test_a_poisonous_resource_costs_its_spans_only() -> None:
    """No group of nothing is sent in their place."""

    class BadResource:
        @property
        def attributes(self) -> Any:
            raise RuntimeError("no attributes")

    class BadScope(BadResource):
        pass

    bad = BadResource()
    batch = [
        span(name="a"),
        span(resource=bad),
        span(resource=bad),
        span(name="b"),
        span(resource=Resource({"x": 1}), instrumentation_scope=BadScope()),
    ]
    request = RequestEncoder("traces").encode(batch)
    assert (request.items, request.left_out, str(request.error)) == (2, 3, "no attributes")
    assert names(REQUESTS["traces"].FromString(request.body)) == [[["a", "b"]]]


def test_one_poisonous_record_does_not_cost_the_batch() -> None:
    """As with spans."""
    request = RequestEncoder("logs").encode([record(body="a"), Raising(), record(body="b")])
    message = REQUESTS["logs"].FromString(request.body)
    bodies = [each.body.string_value for each in message.resource_logs[0].scope_logs[0].log_records]
    assert (bodies, request.items, request.left_out) == (["a", "b"], 2, 1)


def test_a_missing_resource_and_scope_are_empty_ones() -> None:
    """Both are there, as in the stock encoder."""
    (resource,) = encoded(
        "traces", [lookalike(resource=None, instrumentation_scope=None)]
    ).resource_spans
    assert resource.HasField("resource")
    assert resource.scope_spans[0].HasField("scope")
    assert len(resource.resource.attributes) == 0


def test_no_protobuf_is_needed() -> None:
    """Neither for encoding nor for reading the answer."""
    code = """
import sys
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from pepperpy_otel.delivery import otlp
made = ReadableSpan("n", SpanContext(1, 2, False), attributes={"k": 1})
assert otlp.RequestEncoder("traces").encode([made]).items == 1
assert otlp.RequestEncoder("logs").encode([]).error is None
assert otlp.read_answer(b"\\x0a\\x02\\x08\\x01", 1).rejected == 1
assert not [name for name in sys.modules if name.startswith("google.protobuf")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_resources_are_kept_as_they_were() -> None:
    """They do not change by specification, and are read once."""

    class Counting:
        reads = 0
        schema_url = None

        @property
        def attributes(self) -> Any:
            Counting.reads += 1
            return RESOURCE.attributes

    encoder, resource = RequestEncoder("traces"), Counting()
    for _ in range(3):
        encoded("traces", [span(resource=resource), span(resource=resource)], encoder)
    assert Counting.reads == 1
