from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import (
    Destination,
    FlushResult,
    Outcome,
    Pipeline,
    PipelineStats,
    QueueLimits,
    SignalCounts,
    build_destination,
)
from pepperpy_otel.delivery.endpoint import OtlpEndpoint
from tests.delivery.fakes import (
    FakeSender,
    make_metrics,
    make_records,
    make_spans,
    ok,
    refused,
)
from tests.delivery.sinks import never_answer, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = QueueLimits(schedule_delay=3600.0, batch_size=100, max_items=10**6)
LIMITS: Any = {"traces": SLOW, "metrics": SLOW, "logs": SLOW}


def put(pipeline: Pipeline, signal: Any = "traces", count: int = 1) -> None:
    """Queue items past the processors."""
    for lane in pipeline._lanes[signal]:
        for number in range(count):
            lane.queue.append(number, 1)


def total(result: FlushResult | PipelineStats) -> SignalCounts:
    """All four kinds together."""
    kinds = (result.delivered, result.spooled, result.dropped, result.pending)
    return SignalCounts(
        traces=sum(kind.traces for kind in kinds),
        metrics=sum(kind.metrics for kind in kinds),
        logs=sum(kind.logs for kind in kinds),
    )


def test_a_flush_delivers_everything_and_says_so(pipeline: Callable[..., Pipeline]) -> None:
    """All three signals leave, metrics collected for it, and the counts are those accepted."""
    senders = [FakeSender("traces", ok()), FakeSender("metrics", ok()), FakeSender("logs", ok())]
    made = pipeline(senders, limits=LIMITS)
    made.set_metric_source(lambda _: make_metrics(a=1, b=2))
    for span in make_spans("a", "b", "c"):
        made.span_processor().on_end(span)
    for _ in make_records("x"):
        put(made, "logs", 1)
    result = made.flush(10)
    assert result
    assert result.delivered == SignalCounts(traces=3, metrics=2, logs=1)
    assert [len(sender.batches) for sender in senders] == [1, 1, 1]


def test_a_flush_of_nothing_is_true_and_quick(pipeline: Callable[..., Pipeline]) -> None:
    """There is nothing that did not arrive."""
    made = pipeline([FakeSender("traces")])
    assert made.flush(10) == FlushResult()
    assert bool(made.flush(10)) is True


def test_each_flush_tells_of_what_the_one_before_did_not(
    pipeline: Callable[..., Pipeline],
) -> None:
    """Delivered items are told once; pending ones are carried over until their end is known."""
    sender = FakeSender("traces", ok(), refused(), refused(), refused(), ok())
    made = pipeline([sender], limits=LIMITS)
    put(made, count=5)
    assert made.flush(10).delivered.traces == 5
    put(made, count=3)
    second = made.flush(10)  # a try and a quick retry
    assert (second.delivered.traces, second.pending.traces, bool(second)) == (0, 3, False)
    put(made, count=4)
    third = made.flush(10)  # known to be down: one fresh try
    assert (third.pending.traces, len(sender.batches)) == (7, 4)
    fourth = made.flush(10)
    assert (fourth.delivered.traces, fourth.pending.traces, bool(fourth)) == (7, 0, True)
    assert made.stats().delivered.traces == 12


def test_dropped_items_make_a_flush_false(pipeline: Callable[..., Pipeline]) -> None:
    """What the destination refused is lost, and the result says so, once."""
    made = pipeline([FakeSender("traces", Outcome(delivered=3, rejected=2), ok())], limits=LIMITS)
    put(made, count=5)
    result = made.flush(10)
    assert (result.delivered.traces, result.dropped.traces, bool(result)) == (3, 2, False)
    assert made.flush(10) == FlushResult()


def test_a_hung_send_does_not_delay_a_flush(pipeline: Callable[..., Pipeline]) -> None:
    """The deadline holds, metrics are collected all the same, and the counts add up."""
    traces, metrics = FakeSender("traces"), FakeSender("metrics")
    traces.gate = threading.Event()
    made = pipeline([traces, metrics], limits=LIMITS)
    made.set_metric_source(lambda _: make_metrics(a=1))
    put(made, count=3)
    started = time.monotonic()
    result = made.flush(0.2)
    assert time.monotonic() - started < 1
    assert not result
    assert result.pending == SignalCounts(traces=3, metrics=1)
    assert total(result) == SignalCounts(traces=3, metrics=1)
    traces.gate.set()
    later = made.flush(10)
    assert later.delivered == SignalCounts(traces=3, metrics=2)  # collected once more


def test_a_hung_callback_does_not_delay_the_other_signals(
    pipeline: Callable[..., Pipeline],
) -> None:
    """Traces are delivered while the metric collection hangs; the deadline holds."""
    made = pipeline([FakeSender("traces"), FakeSender("metrics")], limits=LIMITS)
    release = threading.Event()

    def hang(timeout_millis: float) -> Any:
        release.wait(30)

    made.set_metric_source(hang)
    put(made, count=3)
    started = time.monotonic()
    result = made.flush(0.3)
    assert time.monotonic() - started < 2
    assert (bool(result), result.delivered.traces) == (True, 3)
    release.set()


def test_a_flush_of_another_thread_works_meanwhile(pipeline: Callable[..., Pipeline]) -> None:
    """Two flushes at once both return; together they tell of every item exactly once."""
    sender = FakeSender("traces")
    sender.gate = threading.Event()
    made = pipeline([sender], limits=LIMITS)
    put(made, count=3)
    results: list[FlushResult] = []
    threads = [threading.Thread(target=lambda: results.append(made.flush(10))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert sender.entered.wait(10)
    sender.gate.set()
    for thread in threads:
        thread.join(10)
    assert sum(result.delivered.traces for result in results) == 3
    assert all(results)


def test_a_flush_from_the_worker_itself_does_not_wait(pipeline: Callable[..., Pipeline]) -> None:
    """A sender or callback that flushes or ends the pipeline gets the account as it stands."""
    sender = FakeSender("traces")
    made = pipeline([sender], limits=LIMITS)
    inside: list[FlushResult] = []
    sender.during = lambda: inside.append(made.flush(30))
    put(made, count=2)
    outside = made.flush(10)
    assert inside[0].pending.traces == 2
    assert outside.delivered.traces == 2
    sender.during = lambda: inside.append(made.shutdown(30))
    put(made, count=2)
    made.flush(10)
    assert inside[1].pending.traces == 2
    put(made, count=2)
    assert made.stats().delivered.traces + made.stats().pending.traces == 4


#: Flushes a thousand times a second from a signal handler of the thread that appends and flushes.
INTERRUPTED = """
import signal, sys, time
from pepperpy_otel.delivery import Pipeline, QueueLimits
from tests.delivery.fakes import FakeSender, make_metrics, make_spans
from pepperpy_otel.delivery import Destination

sender = FakeSender("traces")
destination = Destination("fake", {"traces": sender, "metrics": FakeSender("metrics")})
pipeline = Pipeline([destination], {"traces": QueueLimits(batch_size=3)}, 3600, 30)
pipeline.set_metric_source(lambda _: None)
pipeline.start()
processor, span = pipeline.span_processor(), make_spans("s")[0]
results = []
signal.signal(signal.SIGALRM, lambda *_: results.append(pipeline.flush(5)))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
deadline = time.monotonic() + 30
accepted = 0
while len(results) < 300 and time.monotonic() < deadline:
    processor.on_end(span)
    accepted += 1
    pipeline.stats()
    if accepted % 50 == 0:
        results.append(pipeline.flush(5))
signal.setitimer(signal.ITIMER_REAL, 0)
enough = len(results) >= 300
results.append(pipeline.shutdown(10))
told = sum(result.delivered.traces for result in results)
print(enough, told == accepted == len(sender.items), all(r.dropped.total == 0 for r in results))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
def test_a_flush_from_a_signal_handler_does_not_deadlock() -> None:
    """Handlers that cut into appends, flushes and statistics of the same thread all get through.

    In a process of its own, and without coverage, whose own lock does not survive this.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("True True True\n", "")


def test_the_account_is_exact_while_threads_race(pipeline: Callable[..., Pipeline]) -> None:
    """Every flush adds up to what is new plus what was carried over, and all add up to all."""
    outcomes = [ok(), refused(), Outcome(rejected=3, delivered=4, error="some"), ok(), ok()]
    sender = FakeSender("traces", *(outcomes * 2000))
    limits: Any = {"traces": QueueLimits(batch_size=7, max_items=500, schedule_delay=0.001)}
    made = pipeline([sender], limits=limits, random=lambda: 0.0)
    made._workers[0].lanes[0]._clock = time.monotonic
    stop = threading.Event()
    results: list[FlushResult] = []
    accepted = [0] * 4

    def produce(number: int) -> None:
        while not stop.is_set():
            put(made)
            accepted[number] += 1
            if accepted[number] % 100 == 0:
                time.sleep(0.001)

    producers = [threading.Thread(target=produce, args=(number,)) for number in range(4)]
    for thread in producers:
        thread.start()
    results += [made.flush(0.05) for _ in range(15)]
    stop.set()
    for thread in producers:
        thread.join()
    sender.outcomes = []
    results.append(made.flush(10))
    carried = 0
    news = []
    for result in results:
        news.append(total(result).traces - carried)
        carried = result.pending.traces
    assert min(news) >= 0
    assert (sum(news), carried) == (sum(accepted), 0)
    stats = made.stats()
    assert stats.delivered.traces == sum(result.delivered.traces for result in results)
    assert stats.dropped.traces == sum(result.dropped.traces for result in results)
    assert total(stats).traces == sum(accepted)


def test_a_dead_destination_is_not_waited_for(pipeline: Callable[..., Pipeline]) -> None:
    """Known to be down: one fresh try for each signal, and no spinning until the deadline."""
    senders = [FakeSender("traces", refused()), FakeSender("logs", refused())]
    made = pipeline(senders, limits=LIMITS)
    put(made, "traces", 2)
    put(made, "logs", 2)
    started = time.monotonic()
    assert made.flush(30).pending == SignalCounts(traces=2, logs=2)
    assert [len(sender.batches) for sender in senders] == [2, 1]
    made.flush(30)
    assert [len(sender.batches) for sender in senders] == [3, 2]
    assert time.monotonic() - started < 5


def test_a_quick_retry_that_does_not_fit_is_not_made(pipeline: Callable[..., Pipeline]) -> None:
    """A server that asks for more time than there is left ends the flush."""
    sender = FakeSender("traces", refused(retry_after=60))
    made = pipeline([sender], limits=LIMITS)
    put(made)
    started = time.monotonic()
    assert not made.flush(30)
    assert time.monotonic() - started < 5
    assert len(sender.batches) == 1


def test_a_wrong_set_up_is_not_tried_again_at_once(pipeline: Callable[..., Pipeline]) -> None:
    """A 401 does not become right within a flush."""
    sender = FakeSender("traces", refused(misconfigured=True))
    made = pipeline([sender], limits=LIMITS)
    put(made)
    assert made.flush(30).pending.traces == 1
    assert len(sender.batches) == 1


def test_a_hiccup_is_bridged_within_a_flush(pipeline: Callable[..., Pipeline]) -> None:
    """The first failure of a healthy destination is tried again at once."""
    made = pipeline([FakeSender("traces", refused(), ok())], limits=LIMITS)
    put(made, count=2)
    assert made.flush(30).delivered.traces == 2


def test_with_several_destinations_the_worst_counts(pipeline: Callable[..., Pipeline]) -> None:
    """All of them get everything; the account is that of the one that delivered least."""
    good, bad = FakeSender("traces"), FakeSender("traces", refused())
    other = FakeSender("logs")
    made = pipeline([good, other], [bad], limits=LIMITS)
    put(made, "traces", 4)
    put(made, "logs", 2)
    result = made.flush(10)
    assert len(good.items) == 4
    assert (result.delivered, result.pending) == (SignalCounts(logs=2), SignalCounts(traces=4))
    assert made.stats().pending.traces == 4
    bad.outcomes = []
    assert made.flush(10).delivered.traces == 4


def test_a_signal_without_a_destination_is_not_accepted(
    pipeline: Callable[..., Pipeline],
) -> None:
    """Its counts stay zero, and a flush is true."""
    made = pipeline([FakeSender("traces")], limits=LIMITS)
    for record in make_records("x"):
        made.log_record_processor().on_emit(record)
    assert made.flush(10) == FlushResult()
    nowhere = pipeline()
    for span in make_spans("a"):
        nowhere.span_processor().on_end(span)
    assert nowhere.flush(10) == FlushResult()
    assert nowhere.stats() == PipelineStats()


def test_shutdown_delivers_ends_the_thread_and_ignores_what_comes_later(
    pipeline: Callable[..., Pipeline],
) -> None:
    """After it nothing is taken in or counted; a second one is harmless and quick."""
    sender = FakeSender("traces")
    made = pipeline([sender], limits=LIMITS)
    processor = made.span_processor()
    processor.on_end(make_spans("a")[0])
    result = made.shutdown(10)
    assert (bool(result), result.delivered.traces) == (True, 1)
    assert not made._workers[0]._thread.is_alive()
    assert sender.closed == 1
    processor.on_end(make_spans("b")[0])
    assert (processor.force_flush(10), made.shutdown(10)) == (True, FlushResult())
    assert made.stats().delivered.traces == 1
    assert total(made.stats()).traces == 1
    made.set_metric_source(lambda _: pytest.fail("nobody wants metrics any more"))
    assert made.flush(10)


def test_what_arrives_during_shutdown_is_delivered_too(
    pipeline: Callable[..., Pipeline],
) -> None:
    """A record that is logged while the last batch is sent still leaves."""
    sender = FakeSender("traces")
    made = pipeline([sender, FakeSender("metrics")], limits=LIMITS)

    def collect(timeout_millis: float) -> Any:
        put(made, count=2)

    made.set_metric_source(collect)
    put(made)
    assert made.shutdown(10).delivered.traces == 3


def test_shutdown_keeps_its_deadline_and_leaves_a_hung_thread_behind(
    pipeline: Callable[..., Pipeline],
) -> None:
    """A hung send is asked to stop, not waited for; what it held is pending."""
    sender = FakeSender("traces")
    sender.gate = threading.Event()
    made = pipeline([sender], limits=LIMITS)
    put(made, count=3)
    started = time.monotonic()
    result = made.shutdown(0.2)
    assert time.monotonic() - started < 1
    assert (bool(result), result.pending.traces) == (False, 3)
    assert sender.interrupted == 1
    wait_for(lambda: not made._workers[0]._thread.is_alive())


def test_the_last_send_gets_no_more_time_than_there_is(pipeline: Callable[..., Pipeline]) -> None:
    """Requests of a shutdown are given the time that is left, those of a flush their own."""
    sender = FakeSender("traces")
    made = pipeline([sender], limits=LIMITS)
    put(made)
    made.flush(5)
    put(made)
    made.shutdown(5)
    assert sender.timeouts[0] == 30.0
    assert sender.timeouts[1] <= 5.0


def test_a_shutdown_before_the_start_tells_what_is_pending(
    pipeline: Callable[..., Pipeline],
) -> None:
    """Without a thread nothing can be delivered; nobody waits for it."""
    made = pipeline([FakeSender("traces")], limits=LIMITS, start=False)
    put(made, count=2)
    started = time.monotonic()
    assert made.shutdown(30).pending.traces == 2
    assert time.monotonic() - started < 5


def test_stats_tell_what_is_known_of_the_destination(pipeline: Callable[..., Pipeline]) -> None:
    """Counts, bytes, reasons, the last error and the last success."""
    sender = FakeSender("traces", ok(), Outcome(error="HTTP 400 Bad Request"), refused())
    made = pipeline([sender], limits=LIMITS)
    assert made.stats() == PipelineStats()
    before = time.time()
    put(made)
    made.flush(10)
    stats = made.stats()
    assert stats.last_error is None
    assert stats.last_success is not None
    assert before <= stats.last_success <= time.time()
    put(made, count=2)
    made.flush(10)
    assert made.stats().last_error == "HTTP 400 Bad Request"
    put(made, count=3)
    made.flush(0.1)
    stats = made.stats()
    assert (stats.last_error, stats.queue_bytes) == ("connection refused", 3)
    assert (stats.delivered.traces, stats.dropped.traces, stats.pending.traces) == (1, 2, 3)
    assert stats.dropped_by_reason == {"refused": 2}


def test_a_collection_in_the_caller_where_no_thread_starts(
    pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At interpreter shutdown the metrics of the end are still collected."""
    made = pipeline([FakeSender("metrics", ok())], limits=LIMITS)
    made.set_metric_source(lambda _: make_metrics(a=1))

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        result = made.flush(10)
    assert result.delivered.metrics == 1


def test_a_blackhole_costs_a_flush_no_more_than_its_deadline(
    pipeline: Callable[..., Pipeline], raw_sink: Callable[..., Any]
) -> None:
    """Over real sockets: a server that takes everything and never answers."""
    sink = raw_sink(never_answer)
    endpoint = OtlpEndpoint(f"{sink.url}/v1/traces")
    made = pipeline(build_destination("otlp", endpoints={"traces": endpoint}), limits=LIMITS)
    for span in make_spans("a", "b"):
        made.span_processor().on_end(span)
    wait_for(lambda: made._workers[0]._prepare_at == float("inf"))  # imports are not in the bill
    started = time.monotonic()
    result = made.flush(0.2)
    assert time.monotonic() - started < 1
    assert (bool(result), result.pending.traces) == (False, 2)
    started = time.monotonic()
    assert made.shutdown(0.2).pending.traces == 2
    assert time.monotonic() - started < 1
    wait_for(lambda: not made._workers[0]._thread.is_alive())


def test_destinations_are_made_of_names_and_senders(pipeline: Callable[..., Pipeline]) -> None:
    """The thread of a destination has its name."""
    made = pipeline(Destination("elsewhere", {"traces": FakeSender("traces")}))
    assert "pepperpy-otel-elsewhere" in [thread.name for thread in threading.enumerate()]
    assert made.flush(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_pipelines_that_are_gone_leave_nothing_to_do_after_fork(
    run_python: Callable[..., Any],
) -> None:
    """A fork hook cannot be taken back; it holds no pipeline alive."""
    result = run_python(
        """
        import gc, os, weakref
        from pepperpy_otel.delivery import Pipeline
        pipeline = Pipeline([], {}, 60, 30)
        pipeline.start()
        gone = weakref.ref(pipeline)
        del pipeline
        gc.collect()
        assert gone() is None
        if os.fork() == 0:
            print("child")
            raise SystemExit
        os.wait()
        """
    )
    assert (result.stdout, result.stderr) == ("child\n", "")
