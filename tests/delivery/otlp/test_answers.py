from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pepperpy_otel.delivery import Outcome
from pepperpy_otel.delivery.otlp import read_answer
from pepperpy_otel.delivery.otlp.answers import delay_in, message_in
from pepperpy_otel.delivery.outcome import one_line
from tests.delivery.otlp.strategies import PATIENT

ANSWERS: Any = [
    (ExportTraceServiceResponse, "rejected_spans"),
    (ExportMetricsServiceResponse, "rejected_data_points"),
    (ExportLogsServiceResponse, "rejected_log_records"),
]


@pytest.mark.parametrize(("message", "field"), ANSWERS)
@PATIENT
@given(rejected=st.integers(-(2**63), 2**63 - 1), text=st.text(max_size=50))
def test_an_answer_is_read_as_protobuf_reads_it(
    message: Any, field: str, rejected: int, text: str
) -> None:
    """For all three signals, whatever is in it."""
    answer = message()
    setattr(answer.partial_success, field, rejected)
    answer.partial_success.error_message = text
    outcome = read_answer(answer.SerializeToString(), 10)
    assert outcome.rejected == min(max(rejected, 0), 10)
    assert outcome.delivered == 10 - outcome.rejected
    if not outcome.rejected:
        assert outcome.error == (one_line(text) or None)


@PATIENT
@given(st.binary(max_size=60))
def test_no_answer_raises(body: bytes) -> None:
    """And none makes us count more or less than we sent."""
    outcome = read_answer(body, 5)
    assert outcome.delivered + outcome.rejected == 5
    assert not outcome.retry


def test_unknown_fields_are_skipped() -> None:
    """A newer server may say more than we know."""
    inner = b"\x08\x02" + b"\x12\x03old" + b"\x1a\x01x" + b"\x20\x01"
    body = b"\x12\x01x" + b"\x08\x07" + b"\x0a" + bytes([len(inner)]) + inner
    assert read_answer(body, 5) == Outcome(3, 2, error="partial success: old")


def test_fields_of_another_type_are_no_counts() -> None:
    """A text where the count should be, and a number where the text should be."""
    inner = b"\x0a\x01x" + b"\x10\x01"
    assert read_answer(b"\x0a" + bytes([len(inner)]) + inner, 5) == Outcome(5)


def test_a_message_that_is_no_utf8_is_shown_as_far_as_it_is() -> None:
    """The count is the important part."""
    inner = b"\x08\x01" + b"\x12\x03a\xffb"
    outcome = read_answer(b"\x0a" + bytes([len(inner)]) + inner, 5)
    assert (outcome.rejected, outcome.error) == (1, "partial success: a\ufffdb")


@PATIENT
@given(
    text=st.text(max_size=50),
    seconds=st.integers(-(2**63), 2**63 - 1),
    nanos=st.integers(-(2**31), 2**31 - 1),
    others=st.integers(0, 2),
)
def test_a_refusal_is_read_as_protobuf_reads_it(
    text: str, seconds: int, nanos: int, others: int
) -> None:
    """Its message, and how long the server asks us to wait, among details of other kinds."""
    details = [DebugInfo(detail="no")] * others
    wait = RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos))
    packed = [AnyMessage() for _ in range(others + 1)]
    for one, detail in zip(packed, [*details, wait], strict=True):
        one.Pack(detail)
    status = Status(code=14, message=text, details=packed)
    assert message_in(status.SerializeToString()) == one_line(text)
    assert delay_in(status.SerializeToString()) == seconds + nanos / 1e9
    del status.details[-1]
    assert delay_in(status.SerializeToString()) is None


@given(noise=st.binary(max_size=60))
def test_a_refusal_that_is_none_is_read_without_harm(noise: bytes) -> None:
    """Whatever a server sends, alone or where a delay would be."""
    wait = AnyMessage(type_url="type.googleapis.com/google.rpc.RetryInfo", value=noise)
    for status in (noise, Status(details=[wait]).SerializeToString()):
        assert isinstance(message_in(status), str)
        assert isinstance(delay_in(status), (float, type(None)))


def test_a_refusal_that_is_cut_off_says_nothing() -> None:
    """Neither a message nor a delay."""
    assert message_in(b"\x12\x05ab") == ""
    assert delay_in(b"\x1a\x05ab") is None
