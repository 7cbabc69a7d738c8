from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_otel.delivery.files.fields import message_class
from pepperpy_otel.delivery.files.lines import line_of
from pepperpy_otel.delivery.files.replay import UnreadableLine, replay, request_of
from tests.delivery.fakes import make_spans
from tests.delivery.files.messages import SIGNALS, make_request, requests

IDS = ("traceId", "spanId", "parentSpanId")


def canonical(message: Any) -> bytes:
    """The same bytes for the same contents; NaN included, which equals nothing."""
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def with_base64_ids(given: Any) -> Any:
    """The line as protobuf's own JSON mapping has it, where ids are bytes like all others."""
    if isinstance(given, list):
        return [with_base64_ids(each) for each in given]
    if not isinstance(given, dict):
        return given
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode()
        if name in IDS
        else with_base64_ids(value)
        for name, value in given.items()
    }


def span_of(line: bytes) -> dict[str, Any]:
    """The only span in a line."""
    found: dict[str, Any] = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    return found


@pytest.mark.parametrize("signal", SIGNALS)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_line_is_what_the_official_json_mapping_says_but_for_ids(signal: Any, data: Any) -> None:
    """Whatever the message: same members, same values, read back to the same message by both."""
    message = data.draw(requests(signal))
    line = line_of(signal, message.SerializeToString())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    official = with_base64_ids(json.loads(line))
    assert official == json_format.MessageToDict(message, use_integers_for_enums=True)
    read = json_format.ParseDict(official, message_class(signal)())
    assert canonical(read) == canonical(message)
    back = request_of(line)
    assert back.signal == signal
    assert canonical(message_class(signal).FromString(back.body)) == canonical(message)


@pytest.mark.parametrize("signal", SIGNALS)
def test_no_field_is_left_out_of_the_examples(signal: Any) -> None:
    """The promise above is made of every field of every message that a request can hold."""
    seen: set[tuple[str, str]] = set()
    for seed in range(100):
        note_fields(make_request(signal, seed), seen)
    assert all_fields(message_class(signal).DESCRIPTOR, set()) - seen == set()


def note_fields(message: Any, seen: set[tuple[str, str]]) -> None:
    """Write down which fields are set."""
    for field, value in message.ListFields():
        seen.add((message.DESCRIPTOR.full_name, field.name))
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                note_fields(each, seen)


def all_fields(descriptor: Any, known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Every field that can be reached from a message."""
    for field in descriptor.fields:
        key = (descriptor.full_name, field.name)
        if key not in known:
            known.add(key)
            if field.message_type is not None:
                all_fields(field.message_type, known)
    return known


def test_a_line_has_the_names_and_types_of_the_specification() -> None:
    """Camel case, ids in hexadecimal, 64-bit integers as text, enumerations as numbers."""
    (span,) = make_spans("work", attributes={"n": 2**62, "b": b"\xff\x00", "none": None})
    from pepperpy_otel.delivery.encoding import Encoder

    written = span_of(line_of("traces", Encoder("traces").encode([span]).body))
    assert written["traceId"] == f"{span.context.trace_id:032x}"
    assert written["spanId"] == f"{span.context.span_id:016x}"
    assert written["kind"] == 1
    assert written["startTimeUnixNano"] == str(span.start_time)
    values = {each["key"]: each["value"] for each in written["attributes"]}
    assert values == {"n": {"intValue": str(2**62)}, "b": {"bytesValue": "/wA="}, "none": {}}


def test_a_line_is_utf8_whatever_is_in_it() -> None:
    """Text stays readable; line separators of Unicode do not end a line."""
    line = line_of("traces", request(name="größe \u2028 \x85 \n").body)
    assert "größe \u2028 \x85 \\n".encode() in line
    assert span_of(line)["name"] == "größe \u2028 \x85 \n"


def test_what_is_no_request_has_no_line() -> None:
    """Bytes of something else, and nesting beyond what protobuf reads, are refused."""
    with pytest.raises(DecodeError):
        line_of("traces", b"\xff\xff")
    message = message_class("logs")()
    inner = message.resource_logs.add().scope_logs.add().log_records.add().body
    for _ in range(60):
        inner = inner.array_value.values.add()
    with pytest.raises(DecodeError):
        line_of("logs", message.SerializeToString())


def request(**span: Any) -> Any:
    """A request of one span, from JSON."""
    given = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    return request_of(json.dumps(given))


def read(**span: Any) -> Any:
    """The span that is read from these members."""
    message = message_class("traces").FromString(request(**span).body)
    return message.resource_spans[0].scope_spans[0].spans[0]


def test_lines_of_others_are_read_too() -> None:
    """Ids in either case, integers as numbers, null, members that nobody knows."""
    span = read(
        traceId="0A0B0C0D0E0F01020304050607080900",
        startTimeUnixNano=12,
        endTimeUnixNano=13.0,
        kind="3",
        status=None,
        novelty={"a": 1},
        attributes=[
            {"key": "d", "value": {"doubleValue": "1.5"}},
            {"key": "b", "value": {"bytesValue": "_-8"}},
            {"key": "i", "value": {"doubleValue": "-Infinity"}},
        ],
    )
    assert span.trace_id == bytes.fromhex("0a0b0c0d0e0f01020304050607080900")
    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.kind) == (12, 13, 3)
    assert not span.HasField("status")
    assert [each.value.double_value for each in span.attributes] == [1.5, 0, float("-inf")]
    assert span.attributes[1].value.bytes_value == b"\xff\xef"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": {}}]}',
        b'{"resourceSpans": [{"schemaUrl": 5}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xy"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 1.5}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": true}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "-1"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"doubleValue": true}}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"bytesValue": "?"}}]}]}]}',
        b"[" * 100_000,
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": '
        + b'{"arrayValue": {"values": [' * 400
        + b"]}}" * 400
        + b"}]}]}]}",
    ],
)
def test_what_is_no_line_is_said_to_be_none(line: bytes) -> None:
    """One kind of error for everything that cannot be read, with the reason in it."""
    with pytest.raises(UnreadableLine) as raised:
        request_of(line)
    assert str(raised.value)


def test_a_file_is_replayed_line_by_line(tmp_path: Any) -> None:
    """In order, past what is torn or empty, which is told of."""
    path = tmp_path / "traces.jsonl"
    one, two = request(name="one").body, request(name="two").body
    path.write_bytes(line_of("traces", one) + b"\n{torn\n" + line_of("traces", two) + b'{"reso')
    trouble: list[int] = []
    found = list(replay(path, lambda number, _: trouble.append(number)))
    assert found == [("traces", one), ("traces", two)]
    assert trouble == [3, 5]
    assert len(list(replay(path))) == 2
