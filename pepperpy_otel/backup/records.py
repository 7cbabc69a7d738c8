"""Log records of OTLP from plain values and back: the form in which a backup keeps state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.files.fields import message_class
from pepperpy_otel.delivery.otlp.values import text_of
from pepperpy_otel.redaction import active as redaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Records in one line.
BATCH = 512
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Record:
    """A log record of plain values.

    Attributes:
        time: UNIX seconds.
        event: ``event_name``.
        body: A text, or nothing.
        level: ``severity_text``.
        severity: ``severity_number``; 0 if it is not known.
        attributes: Of JSON's types.
        trace_id: 32 hexadecimal digits, or nothing.
    """

    time: float
    event: str = ""
    body: str = ""
    level: str = ""
    severity: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""


def requests(records: Sequence[Record], scope: str, resource: Mapping[str, Any]) -> Iterator[bytes]:
    """Export requests with all the records, at most ``BATCH`` in each."""
    for start in range(0, len(records), BATCH):
        yield request(records[start : start + BATCH], scope, resource)


def request(records: Sequence[Record], scope: str, resource: Mapping[str, Any]) -> bytes:
    """One export request with all the records."""
    message = message_class("logs")()
    resource_logs = message.resource_logs.add()
    put_attributes(resource_logs.resource.attributes, resource)
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    for record in records:
        added = scope_logs.log_records.add()
        added.time_unix_nano = nanos(record.time)
        added.event_name = _clean(record.event)
        added.severity_text = _clean(record.level)
        added.severity_number = record.severity
        if record.body:
            added.body.string_value = said(record.body)
        put_attributes(added.attributes, record.attributes)
        if record.trace_id:
            added.trace_id = bytes.fromhex(record.trace_id)
    body: bytes = message.SerializeToString()
    return body


def records_in(body: bytes) -> Iterator[Record]:
    """The records of an export request."""
    for resource_logs in message_class("logs").FromString(body).resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield Record(
                    time=record.time_unix_nano // 1000 / 1e6,
                    event=record.event_name,
                    body=record.body.string_value,
                    level=record.severity_text,
                    severity=int(record.severity_number),
                    attributes={each.key: plain_of(each.value) for each in record.attributes},
                    trace_id=record.trace_id.hex(),
                )


def nanos(seconds: float) -> int:
    """UNIX nanoseconds, to the microsecond; what was before 1970 or is no number is 0."""
    return round(seconds * 1e6) * 1000 if 0 < seconds < 1e10 else 0


def put_attributes(target: Any, values: Mapping[str, Any]) -> None:
    """Add values of JSON's types to a list of ``KeyValue``; without secrets if that is wanted."""
    for key, value in redaction.fields(values).items():
        added = target.add()
        added.key = _clean(str(key))
        put_value(added.value, value)


def put_value(target: Any, value: Any) -> None:
    """Set an ``AnyValue``; nothing stays unset, what is of no known type is its text."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int) and value in _INT64:
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        put_attributes(target.kvlist_value.values, value)
    elif isinstance(value, (list, tuple)):
        target.array_value.SetInParent()
        for each in value:
            put_value(target.array_value.values.add(), each)
    elif value is not None:
        target.string_value = _clean(value if isinstance(value, str) else text_of(value))


def plain_of(value: Any) -> Any:
    """The reverse of ``put_value``."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "kvlist_value":
        return {each.key: plain_of(each.value) for each in value.kvlist_value.values}
    if kind == "array_value":
        return [plain_of(each) for each in value.array_value.values]
    return getattr(value, kind)


def said(text: str) -> str:
    """A text that may quote anything; without secrets if that is wanted."""
    return _clean(redaction.text(text))


def _clean(text: str) -> str:
    """Without lone surrogates, which protobuf refuses."""
    return text.encode("utf-8", "replace").decode()
