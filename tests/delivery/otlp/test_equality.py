"""Our bytes say what the stock encoder's say, over everything that the SDK can hold.

Where upstream is not right, its message is corrected here before it is compared; each such case has
a test of its own in ``test_upstream.py``:

- the W3C trace flags of a span and of a link, which upstream leaves out;
- the trace state of a link, which upstream leaves out;
- resources or scopes that encode alike and are not equal in Python (NaN; a version that is ``None``
  and one that is empty), which upstream writes twice.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from pepperpy_otel.delivery.otlp import RequestEncoder
from tests.delivery.otlp.messages import encoded, fields_in, fields_of, same, stock
from tests.delivery.otlp.strategies import PATIENT, records, spans

THOROUGH = settings(PATIENT, max_examples=100)
#: Rounds until each field was filled by chance; nearly always the first.
ROUNDS = 10
COMMON = "opentelemetry.proto.common.v1."
RESOURCE = "opentelemetry.proto.resource.v1.Resource."
#: What the Python SDK has no source for, and why.
UNFILLED = {
    f"{COMMON}AnyValue.string_value_strindex": "profiles only",
    f"{COMMON}KeyValue.key_strindex": "profiles only",
    f"{COMMON}InstrumentationScope.dropped_attributes_count": "scopes have no limits",
    f"{RESOURCE}dropped_attributes_count": "resources have no limits",
    f"{RESOURCE}entity_refs": "the SDK has no entities",
    f"{COMMON}EntityRef.schema_url": "the SDK has no entities",
    f"{COMMON}EntityRef.type": "the SDK has no entities",
    f"{COMMON}EntityRef.id_keys": "the SDK has no entities",
    f"{COMMON}EntityRef.description_keys": "the SDK has no entities",
}


def corrected(message: Any, batch: list[Any]) -> Any:
    """Upstream's spans with what it leaves out."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                source = batch[int(span.name.partition(":")[0])]
                span.flags |= source.context.trace_flags
                for link, origin in zip(span.links, source.links, strict=True):
                    link.flags |= origin.context.trace_flags
                    link.trace_state = origin.context.trace_state.to_header()
    return message


def merged(message: Any) -> Any:
    """Groups of upstream's that encode alike as one; attributes in whatever order."""
    (name, groups), *_ = ((field.name, value) for field, value in message.ListFields())
    inner = name.replace("resource", "scope")
    items = "spans" if inner == "scope_spans" else "log_records"
    found: dict[Any, Any] = {}
    for group in groups:
        kept = found.setdefault((alike(group.resource), group.schema_url), type(group)())
        kept.resource.CopyFrom(kept.resource if kept.resource.attributes else group.resource)
        kept.schema_url = group.schema_url
        places: dict[Any, Any] = {alike_scope(each): each for each in getattr(kept, inner)}
        for scope in getattr(group, inner):
            place = places.get(alike_scope(scope))
            if place is None:
                places[alike_scope(scope)] = getattr(kept, inner).add()
                places[alike_scope(scope)].CopyFrom(scope)
            else:
                getattr(place, items).extend(getattr(scope, items))
    made = type(message)()
    getattr(made, name).extend(found.values())
    return made


def alike(thing: Any) -> Any:
    """A resource or scope without the order of its attributes."""
    return frozenset(map(same, thing.attributes))


def alike_scope(group: Any) -> Any:
    scope = group.scope
    return alike(scope), scope.name, scope.version, group.schema_url


def test_spans_are_what_the_stock_encoder_makes_of_them() -> None:
    """For any spans; and each field of the messages was filled at least once."""
    filled: set[str] = set()
    kept = RequestEncoder("traces")  # its memory must not change what it says

    @THOROUGH
    @given(spans())
    def compare(batch: list[Any]) -> None:
        expected = merged(corrected(stock("traces", batch), batch))
        filled.update(fields_in(expected))
        assert same(encoded("traces", batch)) == same(expected)
        assert same(encoded("traces", batch, kept)) == same(expected)

    for _ in range(ROUNDS):
        compare()
        if fields_of(ResourceSpans.DESCRIPTOR) - filled == needed(ResourceSpans):
            break
    assert fields_of(ResourceSpans.DESCRIPTOR) - filled == needed(ResourceSpans)


def test_log_records_are_what_the_stock_encoder_makes_of_them() -> None:
    """For any records; and each field of the messages was filled at least once."""
    filled: set[str] = set()
    kept = RequestEncoder("logs")

    @THOROUGH
    @given(records())
    def compare(batch: list[Any]) -> None:
        expected = merged(stock("logs", batch))
        filled.update(fields_in(expected))
        assert same(encoded("logs", batch)) == same(expected)
        assert same(encoded("logs", batch, kept)) == same(expected)

    for _ in range(ROUNDS):
        compare()
        if fields_of(ResourceLogs.DESCRIPTOR) - filled == needed(ResourceLogs):
            break
    assert fields_of(ResourceLogs.DESCRIPTOR) - filled == needed(ResourceLogs)


def needed(message: Any) -> set[str]:
    """The fields of this message that nothing can fill."""
    return fields_of(message.DESCRIPTOR) & set(UNFILLED)
