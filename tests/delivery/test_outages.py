"""A flush and the end against receivers that behave badly, over both protocols, with and without
a spool: on time, honest, and with a spool nothing is lost.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from pepperpy_otel.delivery import OtlpEndpoint, QueueLimits, build_destination
from pepperpy_otel.delivery.spool import Spool
from tests.delivery.fakes import make_spans
from tests.delivery.grpc_sink import GrpcSink, Reply
from tests.delivery.sinks import (
    Answer,
    answer_and_break_off,
    never_answer,
    reset_at_once,
    talk_nonsense,
    wait_for,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pepperpy_otel.delivery import FlushResult, Pipeline

MADE = 40
REJECTED = 3
PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=REJECTED, error_message="no room")
).SerializeToString()


def asking_for(seconds: int) -> tuple[tuple[str, Any], ...]:
    """The trailers of a server that says when to come back."""
    status = Status()
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
    return (("grpc-status-details-bin", status.SerializeToString()),)


ANSWERS = {
    "ok": Answer(),
    "503": Answer(503, {"Retry-After": "1"}),
    "429": Answer(429, {"Retry-After": "30"}),
    "301": Answer(301, {"Location": "http://127.0.0.1/"}),
    "partial_success": Answer(200, {"Content-Type": "application/x-protobuf"}, PARTIAL),
    "slow": Answer(delay=0.2),
}
REPLIES = {
    "ok": Reply(),
    "503": Reply("UNAVAILABLE", "busy", trailers=asking_for(1)),
    "429": Reply("RESOURCE_EXHAUSTED", "quota", trailers=asking_for(30)),
    "301": Reply("UNAUTHENTICATED", "who are you"),
    "partial_success": Reply(body=PARTIAL),
    "slow": Reply(delay=0.2),
}
RAW = {
    "blackhole": never_answer,
    "reset in mid-body": answer_and_break_off,
    "reset": reset_at_once,
    "garbage": talk_nonsense,
}
MODES = ("refused", *ANSWERS, *RAW)


@pytest.fixture
def receiver(http_sink: Any, raw_sink: Any) -> Iterator[Callable[[str, str], str]]:
    """Starts a receiver of a protocol that behaves as asked; gives its URL."""
    made: list[GrpcSink] = []

    def make(protocol: str, mode: str) -> str:
        if mode == "refused":
            return f"http://127.0.0.1:{free_port()}"
        if mode in RAW:
            url: str = raw_sink(RAW[mode]).url
            return url
        if protocol == "grpc":
            made.append(GrpcSink())
            made[-1].replies = [REPLIES[mode]]
            return f"http://{made[-1].address}"
        sink = http_sink()
        sink.answers = [ANSWERS[mode]]
        return f"{sink.url}/v1/traces"

    yield make
    for sink in made:
        sink.close()


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_flush_and_the_end_are_on_time_and_honest(
    pipeline: Callable[..., Pipeline],
    receiver: Callable[[str, str], str],
    tmp_path: Path,
    protocol: Any,
    mode: str,
    spooled: bool,
) -> None:
    """Within the deadline; true only if all arrived; the counts add up to what was made."""
    endpoint = OtlpEndpoint(receiver(protocol, mode), protocol=protocol)
    destination = build_destination("otlp", endpoints={"traces": endpoint})
    if spooled:
        destination = destination._replace(
            open_spool=lambda on_lost: Spool(tmp_path, "otlp", on_lost=on_lost)
        )
    limits = {"traces": QueueLimits(schedule_delay=3600.0)}
    made = pipeline(destination, limits=limits)
    made._workers[0].lanes[0].courier.prepare()  # imports are not in the bill
    for span in make_spans(*["s"] * MADE):
        made.span_processor().on_end(span)

    started = time.monotonic()
    flushed = made.flush(1.0)
    took = time.monotonic() - started
    assert took < 1.5
    # Where all the time was used up, a send may be under way still: on a slow machine, too.
    check(flushed, mode, spooled, under_way=mode == "blackhole" or took > 0.95)

    started = time.monotonic()
    ended = made.shutdown(1.0)
    assert time.monotonic() - started < 1.5
    if not flushed.spooled.total + flushed.pending.total:
        assert ended
    elif mode != "slow":  # what was too late for the flush may have come by now
        check(ended, mode, spooled, under_way=False)

    found: list[Any] = []
    if spooled:
        heir = Spool(tmp_path, "otlp", on_lost=lambda *_: None)
        while (batch := heir.oldest()) is not None:
            found.append(batch.items)
            heir.done(batch)
        heir.close()
    assert sum(found) == ended.spooled.traces


def check(result: FlushResult, mode: str, spooled: bool, *, under_way: bool) -> None:
    """One of the possible ends, for all that was made."""
    counts = [
        each.traces for each in (result.delivered, result.spooled, result.dropped, result.pending)
    ]
    assert sum(counts) == MADE
    if mode in ("ok", "slow"):
        expected = [MADE, 0, 0, 0]
    elif mode == "partial_success":
        expected = [MADE - REJECTED, 0, REJECTED, 0]
    elif spooled and not (under_way and result.pending.total):
        expected = [0, MADE, 0, 0]
    else:
        expected = [0, 0, 0, MADE]
    assert counts == expected
    assert bool(result) is (expected == [MADE, 0, 0, 0])


@pytest.mark.parametrize("how", ["hangs", "busy"])
def test_an_outage_at_two_thousand_spans_a_second_loses_nothing(
    pipeline: Callable[..., Pipeline], http_sink: Any, tmp_path: Path, how: str
) -> None:
    """With the queue's default size; afterwards everything arrives, each span once."""
    sink = http_sink()
    if how == "hangs":
        sink.gate = threading.Event()
    else:
        sink.answers = [Answer(503)]
    endpoint = OtlpEndpoint(f"{sink.url}/v1/traces", timeout=1.0)
    destination = build_destination("otlp", endpoints={"traces": endpoint})._replace(
        open_spool=lambda on_lost: Spool(tmp_path, "otlp", on_lost=on_lost)
    )
    made = pipeline(destination, random=lambda: 0.0)
    intake = made.span_processor().on_end
    for number, span in enumerate(make_spans(*map(str, range(6000)))):
        intake(span)
        if number % 10 == 9:
            time.sleep(0.005)
    stats = made.stats()
    assert (stats.dropped.traces, stats.delivered.traces) == (0, 0)
    assert stats.spooled.traces >= 3000
    sink.requests, sink.answers = [], [Answer()]
    if sink.gate is not None:
        sink.gate.set()
    wait_for(lambda: made.stats().delivered.traces == 6000, 30)
    assert made.flush(5)
    names = [name for request in sink.requests for name in request.span_names()]
    assert set(names) >= {str(number) for number in range(3000, 6000)}
    assert len(names) <= 6000 + 512  # the one that hung may arrive twice
