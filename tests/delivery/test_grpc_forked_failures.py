"""What goes wrong with gRPC in a forked child has the names that it has in grpcio."""

from __future__ import annotations

import gzip
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pepperpy_otel.delivery import Outcome
from pepperpy_otel.delivery.http2.call import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    _frame,
)
from pepperpy_otel.delivery.http2.hpack import encode
from tests.delivery.fakes import make_spans
from tests.delivery.forked_grpc import answering, sender
from tests.delivery.grpc_sink import GrpcSink
from tests.delivery.sinks import never_answer, reset
from tests.ports import free_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture
def sink() -> Iterator[GrpcSink]:
    running = GrpcSink()
    yield running
    running.close()


def test_nobody_listens() -> None:
    """An outage, as in grpcio."""
    outcome = sender(f"127.0.0.1:{free_port()}").send(make_spans("a"), 10)
    assert outcome.retry
    assert outcome.error is not None
    assert outcome.error.startswith("gRPC UNAVAILABLE")


def test_a_server_that_never_answers(raw_sink: Any) -> None:
    """The limit holds."""
    ours = sender(f"127.0.0.1:{raw_sink(never_answer).port}")
    outcome = ours.send(make_spans("a"), 0.2)
    assert outcome.error == "gRPC DEADLINE_EXCEEDED: no answer within 0.2 s"
    assert outcome.retry


def test_a_call_can_be_broken_off(raw_sink: Any) -> None:
    """From another thread, at the deadline of a flush."""
    entered = threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        entered.set()
        never_answer(connection)

    ours = sender(f"127.0.0.1:{raw_sink(behave).port}")
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(ours.send(make_spans("a"), 30)))
    ours.interrupt()  # nothing is under way yet
    thread.start()
    assert entered.wait(10)
    ours.interrupt()
    thread.join(10)
    assert outcomes[0].retry
    assert outcomes[0].error == "gRPC CANCELLED: no answer within 10 s"


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "UNAVAILABLE"),
        ((_frame(RST_STREAM, 0, 1, struct.pack(">I", 7)),), "UNAVAILABLE"),
        ((_frame(RST_STREAM, 0, 1, struct.pack(">I", 2)),), "INTERNAL"),
        ((_frame(HEADERS, 5, 1, encode([(b":status", b"404")])),), "UNIMPLEMENTED"),
        ((_frame(HEADERS, 5, 1, encode([(b":status", b"999")])),), "UNKNOWN"),
        ((_frame(HEADERS, 5, 1, encode([(b":status", b"x" * 99)])),), "UNKNOWN"),
        ((_frame(HEADERS, 5, 1, encode([(b"grpc-status", b"77")])),), "UNKNOWN"),
        ((_frame(HEADERS, 5, 1, encode([(b"grpc-status", b"-1")])),), "UNKNOWN"),
    ],
)
def test_answers_that_are_none(raw_sink: Any, frames: tuple[bytes, ...], code: str) -> None:
    """Each has a code."""
    outcome = sender(f"127.0.0.1:{raw_sink(answering(*frames)).port}").send(make_spans("a"), 10)
    assert outcome.error is not None
    assert outcome.error.split(":")[0] == f"gRPC {code}"


def test_details_that_cannot_be_read_are_none(raw_sink: Any) -> None:
    """The status counts all the same."""
    trailers = encode([(b"grpc-status", b"14"), (b"grpc-status-details-bin", b"x")])
    port = raw_sink(answering(_frame(HEADERS, 5, 1, trailers))).port
    outcome = sender(f"127.0.0.1:{port}").send(make_spans("a"), 10)
    assert (outcome.retry, outcome.retry_after) == (True, None)


@pytest.mark.parametrize("garbage", [False, True])
def test_a_compressed_answer(raw_sink: Any, garbage: bool) -> None:
    """Servers may compress when asked; what is broken says nothing, and the status counts."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    body = b"garbage" if garbage else gzip.compress(answer.SerializeToString())
    frames = (
        _frame(HEADERS, END_HEADERS, 1, encode([(b":status", b"200")])),
        _frame(DATA, 0, 1, struct.pack(">?I", True, len(body)) + body),
        _frame(HEADERS, END_HEADERS | END_STREAM, 1, encode([(b"grpc-status", b"0")])),
    )
    ours = sender(f"127.0.0.1:{raw_sink(answering(*frames)).port}")
    assert ours.send(make_spans("a"), 10).delivered == int(garbage)


def test_an_answer_without_a_message(raw_sink: Any) -> None:
    """Says that all is well."""
    frame = _frame(HEADERS, 5, 1, encode([(b"grpc-status", b"0")]))
    ours = sender(f"127.0.0.1:{raw_sink(answering(frame)).port}")
    assert ours.send(make_spans("a"), 10) == Outcome(delivered=1)
    ours.close()


def test_a_connection_that_breaks(raw_sink: Any) -> None:
    """Nothing is known of the batch: tried again."""
    for behave in (reset, lambda connection: connection.close()):
        outcome = sender(f"127.0.0.1:{raw_sink(behave).port}").send(make_spans("a"), 10)
        assert outcome.retry


def test_what_cannot_be_encoded_is_not_sent(sink: GrpcSink) -> None:
    """And counted."""
    outcome = sender(sink.address).send([object()], 10)
    assert outcome.unencodable == 1
    assert sink.calls == []
