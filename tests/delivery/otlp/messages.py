"""Protobuf messages as tests want them: parsed, compared with NaN, looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pepperpy_otel import _compat
from pepperpy_otel.delivery.otlp import RequestEncoder
from pepperpy_otel.delivery.otlp.values import any_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


def encoded(signal: str, items: Sequence[Any], encoder: RequestEncoder | None = None) -> Any:
    """Our request for ``items``, all of them, as a message without unknown fields."""
    request = (encoder or RequestEncoder(signal)).encode(items)
    assert request.error is None
    assert (request.items, request.left_out) == (len(items), 0)
    message = REQUESTS[signal].FromString(request.body)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    assert message.ByteSize() == size
    return message


def stock(signal: str, items: Sequence[Any]) -> Any:
    """The stock encoder's message."""
    return _compat.stock_encoder(signal)(items)


def same(message: Any) -> bytes:
    """What is equal for equal messages, also with NaN in them."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def value(anything: Any) -> AnyValue:
    """Our ``AnyValue`` of a value."""
    return AnyValue.FromString(any_value(anything))


def fields_in(message: Any) -> Iterator[str]:
    """The full name of each field that has a value, here and further down."""
    for field, content in message.ListFields():
        yield field.full_name
        if field.message_type is not None:
            members = content if hasattr(content, "add") else [content]
            for member in members:
                yield from fields_in(member)


def fields_of(descriptor: Any, seen: set[str] | None = None) -> set[str]:
    """The full name of each field that a message of this type may hold, here and further down."""
    seen = set() if seen is None else seen
    for field in descriptor.fields:
        if field.full_name not in seen:
            seen.add(field.full_name)
            if field.message_type is not None:
                fields_of(field.message_type, seen)
    return seen
