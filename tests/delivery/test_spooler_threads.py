"""The two threads of a destination that has a spool, at work."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import Destination, QueueLimits
from pepperpy_otel.delivery import spooler as spooler_module
from tests.delivery.fakes import FakeOtlpSender, FakeSpool, refused
from tests.delivery.sinks import wait_for
from tests.delivery.test_pipeline import put

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.delivery import Pipeline
    from tests.delivery.conftest import Bench

    Benches = Callable[..., Bench]


def hang(sender: FakeOtlpSender) -> None:
    """From now on a send does not return."""
    sender.gate = threading.Event()
    sender.entered.clear()


def destination(spool: FakeSpool, *senders: FakeOtlpSender) -> Destination:
    """Of a fake spool and fake senders."""
    return Destination("fake", {sender.signal: sender for sender in senders}, spool)


@pytest.fixture
def hung(pipeline: Callable[..., Pipeline]) -> Any:
    """A running pipeline whose worker hangs in a send; gives it, its sender and its spool."""
    sender, spool = FakeOtlpSender(), FakeSpool()
    made = pipeline(destination(spool, sender), limits={"traces": QueueLimits(batch_size=4)})
    hang(sender)
    put(made, count=4)
    assert sender.entered.wait(10)
    yield made, sender, spool
    assert sender.gate is not None
    sender.gate.set()


def test_with_threads_a_flush_keeps_its_deadline_and_saves(hung: Any) -> None:
    """What hangs is pending, the rest on disk, and the counts add up."""
    made, _, spool = hung
    put(made, count=6)
    started = time.monotonic()
    result = made.flush(0.4)
    assert time.monotonic() - started < 1
    assert (result.spooled.traces, result.pending.traces, bool(result)) == (6, 4, False)
    assert len(spool.items()) == 6


def test_with_threads_the_end_saves_everything_and_closes_the_spool(hung: Any) -> None:
    """Also without any time left; nothing is pending, and both threads go."""
    made, _, spool = hung
    put(made, count=6)
    started = time.monotonic()
    result = made.shutdown(0.0)
    assert time.monotonic() - started < 1.5
    assert (result.spooled.traces, result.pending.traces, bool(result)) == (10, 0, False)
    assert spool.closed == 1
    wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("pepperpy-otel")])


def test_an_end_from_within_a_send_does_not_wait_for_itself(
    pipeline: Callable[..., Pipeline],
) -> None:
    """A sender that ends the pipeline: both threads go, and the spool is closed."""
    sender, spool = FakeOtlpSender(), FakeSpool()
    made = pipeline(destination(spool, sender))
    ended: list[Any] = []
    sender.during = lambda: ended.append(made.shutdown(30))
    put(made, count=2)
    made.flush(10)
    assert ended[0].pending.traces == 2
    wait_for(lambda: spool.closed == 1)


def test_a_burst_into_a_hung_destination_loses_nothing(hung: Any) -> None:
    """The queue holds 2048; ten thousand items are on disk or in memory."""
    made, _, spool = hung
    for _ in range(100):
        put(made, count=100)
        wait_for(lambda: len(made._lanes["traces"][0].queue) < 1500)
    stats = made.stats()
    assert stats.dropped.traces == 0
    assert stats.spooled.traces + stats.pending.traces == 10_004
    assert stats.spooled.traces >= 8500
    wait_for(lambda: sum(batch.items for batch in spool.batches) == made.stats().spooled.traces)


def test_an_error_in_the_thread_is_said_once_and_survived(
    pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """A defect of ours costs no more than this look."""
    sender, spool = FakeOtlpSender(), FakeSpool()
    monkeypatch.setattr(spooler_module, "TICK", 0.01)
    made = pipeline(destination(spool, sender), start=False)
    made._workers[0].open_spool()
    spooler: Any = made._workers[0]._spooler
    step, errors = spooler.step, [RuntimeError("ours"), RuntimeError("ours")]

    def broken() -> float:
        if errors:
            raise errors.pop()
        result: float = step()
        return result

    monkeypatch.setattr(spooler, "step", broken)
    made.start()
    wait_for(lambda: not errors)
    assert made.shutdown(5)
    assert spool.closed == 1
    assert len([line for line in said if "the spooler" in line]) == len(said) == 1


def test_where_no_second_thread_starts_the_worker_goes_on_alone(
    pipeline: Callable[..., Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At interpreter shutdown; what fails still goes to disk, and the spool is closed."""
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        if self.name.endswith("-spool"):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    spool = FakeSpool()
    made = pipeline(destination(spool, FakeOtlpSender("traces", refused(misconfigured=True))))
    put(made, count=3)
    assert made.flush(5).spooled.traces == 3
    assert made.shutdown(5).spooled.traces == 3
    assert spool.closed == 1


def test_a_pipeline_without_a_spool_has_one_thread(pipeline: Callable[..., Pipeline]) -> None:
    """Who does not ask for a disk does not pay for it."""
    made = pipeline([FakeOtlpSender()])
    names = [thread.name for thread in threading.enumerate()]
    assert [name for name in names if name.startswith("pepperpy-otel")] == ["pepperpy-otel-fake"]
    put(made, count=3)
    assert made.flush(5)


def test_in_a_forked_child_both_threads_are_new(pipeline: Callable[..., Pipeline]) -> None:
    """Where the parent had some; the child's spool is its own."""
    sender, spool = FakeOtlpSender(), FakeSpool()
    made = pipeline(destination(spool, sender), start=False)
    made._workers[0].open_spool()
    worker: Any = made._workers[0]
    worker._running = True
    made.after_fork()
    assert spool.forked == 1
    assert worker._thread.is_alive()
    assert worker._spooler._thread.is_alive()
    put(made, count=3)
    assert made.flush(10).delivered.traces == 3
