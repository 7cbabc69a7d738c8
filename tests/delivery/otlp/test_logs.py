from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import ReadableLogRecord

from tests.delivery.otlp.messages import encoded, value
from tests.delivery.otlp.things import RESOURCE, SCOPE, record


def message_of(made: Any) -> Any:
    """Our message of one record."""
    return encoded("logs", [made]).resource_logs[0].scope_logs[0].log_records[0]


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [(0, 0), (1, 0), (0, 2), (1, 2), (2**128 - 1, 2**64 - 1)]
)
def test_ids_are_there_if_they_are_valid(trace_id: int, span_id: int) -> None:
    """Each for itself."""
    message = message_of(record(trace_id=trace_id, span_id=span_id))
    assert message.trace_id == (trace_id.to_bytes(16, "big") if trace_id else b"")
    assert message.span_id == (span_id.to_bytes(8, "big") if span_id else b"")


@pytest.mark.parametrize(
    "attributes",
    [{"k": "v"}, BoundedAttributes(attributes={"k": "v"}, immutable=False), {"k": "v", 1: {2}}],
    ids=["dict", "bounded", "hostile"],
)
def test_attributes_of_any_kind_are_sent(attributes: Any) -> None:
    """As the SDK keeps them, or as they were given."""
    sent = message_of(record(attributes=attributes)).attributes
    assert [(each.key, each.value) for each in sent][:1] == [("k", value("v"))]
    assert len(sent) == len(attributes)


def test_dropped_attributes_are_counted() -> None:
    """What the limits cost is told."""
    attributes = BoundedAttributes(maxlen=1, attributes={"a": 1, "b": 2, "c": 3}, immutable=False)
    assert message_of(record(attributes=attributes)).dropped_attributes_count == 2


def test_a_look_alike_is_encoded() -> None:
    """Only what is read has to be there."""
    original = record(body="hello", severity_text="INFO", attributes={"k": 1})
    alike = SimpleNamespace(
        log_record=SimpleNamespace(**vars(original.log_record)),
        resource=RESOURCE,
        instrumentation_scope=SCOPE,
        dropped_attributes=0,
    )
    assert message_of(alike) == message_of(original)


def test_flags_beyond_32_bits_are_bounded() -> None:
    """A field of fixed size holds what it holds."""
    assert message_of(record(trace_flags=2**40)).flags == 2**32 - 1
    assert message_of(record(trace_flags=257)).flags == 257


def test_a_long_body_is_sent_whole() -> None:
    """However many bytes its length takes."""
    body = "ü" * 3_000_000
    made = ReadableLogRecord(record(body=body).log_record, RESOURCE)
    assert message_of(made).body.string_value == body
