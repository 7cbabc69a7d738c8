"""What OTLP's JSON encoding makes of each protobuf field, worked out once for each message type.

It is protobuf's own JSON mapping with two deviations: trace and span ids are hexadecimal, and
enumerations are numbers. Protobuf's ``json_format`` knows neither, and costs several times as much
for asking each field anew what it is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pepperpy_otel.delivery.counts import Signal

#: The only member of each signal's top-level message, as it is called in JSON.
TOP_LEVEL: dict[Signal, str] = {
    "traces": "resourceSpans",
    "metrics": "resourceMetrics",
    "logs": "resourceLogs",
}
#: Bytes that are written as hexadecimal digits; all others are base64.
IDS = frozenset({"trace_id", "span_id", "parent_span_id"})

_TEXT_KINDS = {
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_UINT64: "int64",
    FieldDescriptor.TYPE_FIXED64: "int64",
    FieldDescriptor.TYPE_SFIXED64: "int64",
    FieldDescriptor.TYPE_SINT64: "int64",
    FieldDescriptor.TYPE_DOUBLE: "float",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_MESSAGE: "message",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
}


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        name: In protobuf.
        json_name: In JSON.
        number: In the wire format.
        kind: ``int64``, ``int32`` (enumerations too), ``float``, ``bool``, ``string``, ``base64``,
            ``hex`` or ``message``.
        repeated: Whether it is a list.
        message: Descriptor of the message that it holds, if it holds one.
    """

    name: str
    json_name: str
    number: int
    kind: str
    repeated: bool
    message: Any


@functools.cache
def fields_of(descriptor: Any) -> tuple[Field, ...]:
    """All fields of a message type."""
    return tuple(
        Field(
            field.name,
            field.json_name,
            field.number,
            _kind(field),
            _is_repeated(field),
            field.message_type,
        )
        for field in descriptor.fields
    )


def message_class(signal: Signal) -> Any:
    """The class of a signal's top-level message; its bytes are those of an export request."""
    if signal == "traces":
        from opentelemetry.proto.trace.v1 import trace_pb2

        return trace_pb2.TracesData
    if signal == "metrics":
        from opentelemetry.proto.metrics.v1 import metrics_pb2

        return metrics_pb2.MetricsData
    from opentelemetry.proto.logs.v1 import logs_pb2

    return logs_pb2.LogsData


def _kind(field: Any) -> str:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "hex" if field.name in IDS else "base64"
    return _TEXT_KINDS.get(field.type, "int32")


def _is_repeated(field: Any) -> bool:
    """``label`` is deprecated since protobuf 6.31, which brought ``is_repeated``."""
    known = getattr(field, "is_repeated", None)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED if known is None else known)
