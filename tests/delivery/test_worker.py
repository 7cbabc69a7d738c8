from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import Outcome, QueueLimits, in_delivery
from pepperpy_otel.delivery import worker as worker_module
from pepperpy_otel.delivery.ticket import Ticket
from tests.delivery.fakes import FakeSender, ManualWakeup, make_spans, ok, refused
from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.fakes import ManualClock


def put(pipeline: Any, *names: str) -> None:
    """End spans."""
    processor = pipeline.span_processor()
    for span in make_spans(*names):
        processor.on_end(span)


def names(sender: FakeSender) -> list[list[str]]:
    """Of the spans of each batch."""
    return [[span.name for span in batch] for batch in sender.batches]


def test_what_waits_is_sent_after_the_schedule_delay(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Not before, and in one batch."""
    sender = FakeSender()
    pipeline, worker = still_pipeline(sender, limits={"traces": QueueLimits(schedule_delay=5)})
    put(pipeline, "a", "b")
    assert worker.step() == pytest.approx(1.0)  # when senders are prepared
    clock.advance(4.9)
    worker.step()
    assert sender.batches == []
    clock.advance(0.1)
    worker.step()
    assert names(sender) == [["a", "b"]]
    assert sender.timeouts == [30.0]


def test_a_full_batch_is_sent_at_once(still_pipeline: Callable[..., Any]) -> None:
    """Full batches do not wait for the delay; the rest does."""
    sender = FakeSender()
    limits = {"traces": QueueLimits(batch_size=2)}
    pipeline, worker = still_pipeline(sender, limits=limits)
    put(pipeline, "a", "b", "c", "d", "e")
    assert worker._mailbox.wakeup.is_set
    worker.step()
    assert names(sender) == [["a", "b"], ["c", "d"]]
    assert pipeline.stats().pending.traces == 1


def test_signals_are_served_in_order(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Traces, then logs, then metrics, whatever the order they were given in."""
    order: list[str] = []
    senders = [FakeSender("metrics"), FakeSender("logs"), FakeSender("traces")]
    pipeline, worker = still_pipeline(*senders)
    for sender in senders:
        sender.during = lambda sender=sender: order.append(sender.signal)  # type: ignore[misc]
        pipeline._lanes[sender.signal][0].queue.append("item", 1)
    clock.advance(5)
    worker.step()
    assert order == ["traces", "logs", "metrics"]


def test_a_failed_batch_is_kept_and_tried_again_later_each_time(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """The waiting time doubles up to half a minute, and everything arrives in the end."""
    sender = FakeSender("traces", refused())
    pipeline, worker = still_pipeline(sender)
    put(pipeline, "a")
    clock.advance(5)
    delays = []
    for _ in range(9):
        delay = worker.step()
        delays.append(delay)
        clock.advance(delay - 0.001)
        tries = len(sender.batches)
        worker.step()
        assert len(sender.batches) == tries  # too early
        clock.advance(0.001)
    assert delays == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    sender.outcomes = []
    worker.step()
    assert pipeline.stats().delivered.traces == 1
    assert pipeline.flush(0.0)


def test_the_waiting_time_is_jittered(pipeline: Callable[..., Any], clock: ManualClock) -> None:
    """A fifth less or more, so that a fleet does not come back in one instant."""
    for chance, delay in ((0.0, 0.4), (1.0, 0.6)):
        made = pipeline(
            [FakeSender("traces", refused())],
            start=False,
            clock=clock,
            random=lambda chance=chance: chance,
        )
        put(made, "a")
        clock.advance(5)
        assert made._workers[0].step() == pytest.approx(delay)


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (0.0, 0.5), (9999.0, 300.0)])
def test_a_server_may_ask_for_more_time(
    still_pipeline: Callable[..., Any], clock: ManualClock, asked: float, waits: float
) -> None:
    """Retry-After is honoured within reason, and never makes us quicker."""
    pipeline, worker = still_pipeline(FakeSender("traces", refused(retry_after=asked)))
    put(pipeline, "a")
    clock.advance(5)
    assert worker.step() == pytest.approx(waits)


def test_a_full_queue_does_not_wake_a_worker_that_waits_for_a_retry(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """During an outage thousands of spans cost no wake-up, and the oldest are dropped."""
    sender = FakeSender("traces", refused())
    limits = {"traces": QueueLimits(max_items=4, batch_size=2)}
    pipeline, worker = still_pipeline(sender, limits=limits)
    put(pipeline, "a", "b")
    worker.step()
    worker._mailbox.wakeup.is_set = False
    put(pipeline, "c", "d", "e", "f")
    assert not worker._mailbox.wakeup.is_set
    sender.outcomes = []
    clock.advance(0.5)
    worker.step()
    assert names(sender) == [["a", "b"], ["c", "d"], ["e", "f"]]
    stats = pipeline.stats()
    assert (stats.dropped_by_reason, stats.delivered.traces) == ({"queue_full": 2}, 4)


def test_a_server_that_is_back_is_back_for_all_signals(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """The first signal that gets through calls the others, unless the server asked for time."""
    traces, logs = FakeSender("traces", refused()), FakeSender("logs", refused())
    metrics = FakeSender("metrics", refused(retry_after=200.0))
    pipeline, worker = still_pipeline(traces, logs, metrics)
    for signal in ("traces", "logs", "metrics"):
        pipeline._lanes[signal][0].queue.append("item", 1)
    clock.advance(5)
    for _ in range(6):
        clock.advance(worker.step())
    for sender in (traces, logs, metrics):
        sender.outcomes, sender.batches = [], []
    pipeline._lanes["traces"][0].backoff.not_before = 0.0
    pipeline._lanes["logs"][0].backoff.not_before = clock() + 20
    worker.step()
    assert [len(sender.batches) for sender in (traces, logs, metrics)] == [1, 1, 0]


def test_dropped_batches_are_counted_by_reason(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """Rejected, unencodable and refused items are told apart and add up."""
    outcomes = [
        Outcome(delivered=1, rejected=1, unencodable=1),
        Outcome(error="HTTP 400 Bad Request"),
        Outcome(delivered=99, rejected=99, unencodable=99),
        Outcome(error="no", reason="exporter_failed"),
    ]
    limits = {"traces": QueueLimits(batch_size=4)}
    pipeline, worker = still_pipeline(FakeSender("traces", *outcomes), limits=limits)
    put(pipeline, *"abcdefghijklmnop")
    worker.step()
    stats = pipeline.stats()
    assert stats.dropped_by_reason == {
        "rejected": 1,
        "unencodable": 1,
        "refused": 5,
        "exporter_failed": 4,
    }
    assert (stats.delivered.traces, stats.dropped.traces, stats.pending.traces) == (5, 11, 0)


@pytest.mark.parametrize("answer", [ValueError("boom"), SystemExit(), KeyboardInterrupt(), None])
def test_nothing_that_a_sender_does_ends_the_worker(
    pipeline: Callable[..., Any], answer: Any
) -> None:
    """An exception, an exit or nonsense costs the batch; the next one is delivered."""
    sender = FakeSender("traces", answer, ok())
    made = pipeline([sender])
    put(made, "a")
    first = made.flush(10)
    put(made, "b")
    second = made.flush(10)
    assert (first.dropped.traces, second.delivered.traces) == (1, 1)
    assert made.stats().dropped_by_reason == {"error": 1}


def test_a_sender_that_cannot_be_made_is_an_outage(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """A wrong set-up is said once and made good as soon as it works."""
    sender = FakeSender()
    broken = [OSError("no such file: ca.pem")] * 3

    class Maker:
        signal = "traces"

        def __call__(self) -> FakeSender:
            if broken:
                raise broken.pop()
            return sender

    pipeline, worker = still_pipeline(Maker())
    put(pipeline, "a")
    clock.advance(1)
    worker.step()  # prepares, in vain and silently
    assert said == []
    for _ in range(3):
        clock.advance(40)
        worker.step()
    assert pipeline.stats().delivered.traces == 1
    assert len(said) == 2
    assert "OSError: no such file: ca.pem" in said[0]


def test_senders_are_made_soon_after_the_start(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """What a sender imports is there before the process ends, not imported while it does."""
    made: list[int] = []

    class Maker:
        signal = "traces"

        def __call__(self) -> FakeSender:
            made.append(1)
            return FakeSender()

    _, worker = still_pipeline(Maker())
    worker.step()
    assert made == []
    clock.advance(1)
    worker.step()
    worker.step()
    assert made == [1]


def test_sending_is_marked_and_collecting_is_not(pipeline: Callable[..., Any]) -> None:
    """The log handler ignores what a send logs, and hears what the app's callbacks log."""
    seen: list[bool] = []
    sender = FakeSender("metrics")
    sender.during = lambda: seen.append(in_delivery())
    made = pipeline([sender], metric_interval=0.01)

    def collect(timeout_millis: float) -> Any:
        from tests.delivery.fakes import make_metrics

        seen.append(in_delivery())
        return make_metrics(a=1)

    made.set_metric_source(collect)
    wait_for(lambda: seen)
    made.flush(10)
    assert set(seen[::2]) | set(seen[1::2]) == {True, False}
    assert seen[0] is False


def test_an_error_of_the_workers_own_is_said_once_and_survived(
    pipeline: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """Even a defect of ours does not end delivery."""
    monkeypatch.setattr(worker_module, "REST", 0.01)
    sender = FakeSender()
    made = pipeline([sender], start=False)
    worker = made._workers[0]
    step = worker.step
    errors = [RuntimeError("ours"), RuntimeError("ours")]

    def broken() -> float:
        if errors:
            raise errors.pop()
        result: float = step()
        return result

    monkeypatch.setattr(worker, "step", broken)
    made.start()
    wait_for(lambda: not errors)
    put(made, "a")
    assert made.flush(10)
    assert [line for line in said if "the delivery worker" in line] == said
    assert len(said) == 1


def test_a_worker_that_cannot_start_keeps_the_app_going(
    pipeline: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At interpreter shutdown no thread starts: nothing surfaces, what waits is pending."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        made = pipeline([FakeSender()])
    put(made, "a")
    result = made.flush(30)  # returns at once
    assert (bool(result), result.pending.traces) == (False, 1)
    assert made.shutdown(30).pending.traces == 1


def test_a_start_is_one_start(pipeline: Callable[..., Any]) -> None:
    """Starting again makes no second thread."""
    made = pipeline([FakeSender()])
    thread = made._workers[0]._thread
    made.start()
    assert made._workers[0]._thread is thread


def test_a_batch_that_was_thrown_out_meanwhile_is_no_batch(still_pipeline: Any) -> None:
    """Between the look and the grasp the queue may have run empty."""
    pipeline, _ = still_pipeline(FakeSender())
    assert pipeline._lanes["traces"][0].attempt(1.0) == Outcome()


def test_senders_need_no_interrupt(pipeline: Callable[..., Any]) -> None:
    """It is an extra: without it a hung send is left to its own timeout."""
    sender = FakeSender()
    sender.interrupt = None  # type: ignore[assignment, method-assign]
    sender.gate = threading.Event()
    made = pipeline([sender])
    put(made, "a")
    assert not made.shutdown(0.05)
    del sender.interrupt
    pipeline_without = pipeline([object.__new__(Plain)])
    put(pipeline_without, "a")
    assert not pipeline_without.shutdown(0.05)
    sender.gate.set()
    Plain.gate.set()


class Plain:
    """A sender with nothing but what the contract asks for."""

    signal = "traces"
    gate = threading.Event()

    def __call__(self) -> Plain:
        return self

    def send(self, items: Any, timeout: float) -> Outcome:
        self.gate.wait(30)
        return Outcome(delivered=len(items))

    def close(self) -> None:
        pass


def test_a_worker_closes_its_senders_when_it_ends(pipeline: Callable[..., Any]) -> None:
    """Connections are closed once, also by a sender whose close fails."""

    class Bad(FakeSender):
        def close(self) -> None:
            super().close()
            raise ValueError("close")

    sender, bad = FakeSender("traces"), Bad("logs")
    made = pipeline([sender, bad])
    put(made, "a")
    made._lanes["logs"][0].queue.append("record", 1)
    assert made.shutdown(10)
    wait_for(lambda: sender.closed == bad.closed == 1)


def test_a_ticket_that_comes_too_late_is_answered(still_pipeline: Callable[..., Any]) -> None:
    """Whoever asks a worker that is gone does not wait."""
    pipeline, worker = still_pipeline(FakeSender())
    ticket = Ticket({}, 0.0)
    worker.post(ticket)
    worker._end()
    assert ticket.done.wait(0)
    assert not len(worker._mailbox.tickets)
    del pipeline


def test_a_flush_comes_before_the_rest_of_a_backlog(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """A worker in the middle of its round lets a flush go first."""
    sender = FakeSender()
    limits = {"traces": QueueLimits(batch_size=1)}
    pipeline, worker = still_pipeline(sender, limits=limits)
    put(pipeline, "a", "b")
    lane = pipeline._lanes["traces"][0]
    sender.during = lambda: worker.post(Ticket({lane: 1}, clock() + 10))
    worker.step()
    assert names(sender) == [["a"]]
    sender.during = None
    worker.step()
    assert names(sender) == [["a"], ["b"]]


def test_a_worker_that_is_told_to_end_stops_between_two_batches(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """An abandoned worker sends nothing more after the request under way."""
    sender = FakeSender()
    limits = {"traces": QueueLimits(batch_size=1)}
    for ticket in (False, True):
        pipeline, worker = still_pipeline(sender, limits=limits)
        put(pipeline, "a", "b", "c")
        sender.batches = []

        def end(worker: Any = worker) -> None:
            worker._mailbox.ending = True

        sender.during = end
        if ticket:
            lane = pipeline._lanes["traces"][0]
            worker.post(Ticket({lane: 3}, clock() + 10))
        assert worker.step() == 0.0
        assert len(sender.batches) == 1


def test_a_pause_is_broken_off_by_the_end(
    still_pipeline: Callable[..., Any], clock: ManualClock
) -> None:
    """A flush that waits for its quick retry does not hold up an end."""
    sender = FakeSender("traces", refused())
    pipeline, worker = still_pipeline(sender)
    put(pipeline, "a")
    lane = pipeline._lanes["traces"][0]

    class Ender(ManualWakeup):
        def wait(self, timeout: float) -> bool:
            worker._mailbox.ending = True
            return True

    worker._mailbox.wakeup = Ender(clock)
    worker.post(Ticket({lane: 1}, clock() + 10))
    worker.step()
    assert len(sender.batches) == 1
