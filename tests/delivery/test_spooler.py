"""What the second thread saves while the first one hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import QueueLimits
from pepperpy_otel.delivery import spooler as spooler_module
from pepperpy_otel.delivery.ticket import Ticket
from tests.delivery.fakes import FakeOtlpSender, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.conftest import Bench

    Benches = Callable[..., Bench]

LIMITS = {"traces": QueueLimits(batch_size=4, max_items=24)}


def during_send(made: Bench, sender: FakeOtlpSender, look: Callable[[], Any]) -> None:
    """Run ``look`` once, while the worker is in a send; what fails in there fails the test."""
    failures = []

    def once() -> None:
        sender.during = None
        try:
            look()
        except BaseException as failure:
            failures.append(failure)

    sender.during = once
    made.put("first")
    made.work(5)
    for failure in failures:
        raise failure


def test_a_worker_that_is_quick_is_left_alone(bench: Benches) -> None:
    """Full batches are its own business for a second."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)

    def look() -> None:
        made.put(*"abcd")
        assert made.tidy() == pytest.approx(spooler_module.TICK)
        made.tidy(0.9)
        assert made.spool.items() == []

    during_send(made, sender, look)


def test_full_batches_are_saved_from_a_worker_that_hangs(bench: Benches) -> None:
    """After a second; a batch that is not full waits for its time."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)

    def look() -> None:
        made.put(*"abcdef")
        made.tidy(1)
        assert made.spool.items() == ["a", "b", "c", "d"]
        made.tidy(5)
        assert made.spool.items() == ["a", "b", "c", "d", "e", "f"]

    during_send(made, sender, look)


def test_a_queue_that_fills_up_is_relieved_at_once(bench: Benches) -> None:
    """From a third of its bound on, before anything is thrown out, whatever the worker does."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)

    def look() -> None:
        made.put(*"abcdefg")
        made.tidy()
        assert made.spool.items() == []
        made.put("h")
        made.tidy()
        assert made.spool.items() == ["a", "b", "c", "d"]

    during_send(made, sender, look)


def test_a_queue_of_few_large_items_is_relieved_too(bench: Benches) -> None:
    """Its bound in bytes counts like the one in items."""
    made = bench(FakeOtlpSender(), limits={"traces": QueueLimits(max_bytes=100, batch_size=4)})
    for name in "abc":
        made.lane().queue.append(name, 20)
    made.tidy()
    assert made.spool.items() == ["a", "b", "c"]


def test_the_thread_is_woken_when_there_is_something_to_save(bench: Benches) -> None:
    """By a full batch while the worker is busy or failing, and else not at all."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)
    wakeup = made.spooler._wakeup
    made.put(*"abcd")
    assert not wakeup.is_set
    made.work()

    def look() -> None:
        made.put(*"abcd")
        assert wakeup.wait(0)
        made.tidy()
        made.put(*"efg")
        assert not wakeup.is_set
        made.put("h")
        assert wakeup.wait(0)

    during_send(made, sender, look)
    sender.outcomes = [refused(retry_after=60.0)]
    made.work(5)
    made.put(*"abcd")
    made.work()
    wakeup.is_set = False
    made.put(*"abcd")
    assert wakeup.is_set


def test_what_was_saved_from_a_healthy_destination_follows_soon(bench: Benches) -> None:
    """A burst that went to disk is not left there until the next look."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)
    made.work()
    made.put(*"abcdefghijkl")
    made.tidy()
    assert made.counts() == (0, 8, 0, 4)
    assert made.worker._mailbox.wakeup.is_set
    made.work()
    made.work(1)
    made.work(1)
    assert made.counts() == (12, 0, 0, 0)


def test_a_flush_is_served_in_time_while_a_send_hangs(bench: Benches) -> None:
    """Before its deadline everything but the batch under way is on disk."""
    sender, logs = FakeOtlpSender(), FakeOtlpSender("logs")
    made = bench(sender, logs)

    def look() -> None:
        made.put("a", "b")
        made.put("l", signal="logs")
        now = made.clock.now
        ticket = Ticket({made.lane(): 3, made.lane("logs"): 1}, now + 4, spool_at=now + 3)
        made.ask(ticket)
        made.spooler.post(ticket)
        assert made.tidy() == pytest.approx(spooler_module.TICK)
        assert made.tidy(2.5) == pytest.approx(0.5)
        made.tidy(0.5)
        assert sorted(made.spool.items()) == ["a", "b", "l"]
        assert made.counts() == (0, 2, 0, 1)
        assert made.counts("logs") == (0, 1, 0, 0)
        assert made.spooler._tickets == []

    during_send(made, sender, look)
    assert made.counts() == (1, 2, 0, 0)


def test_what_a_flush_has_settled_needs_no_saving(bench: Benches) -> None:
    """Its deadline passes without a look at the queues."""
    made = bench(FakeOtlpSender())
    now = made.clock.now
    ticket = Ticket({made.lane(): 1}, now + 4, spool_at=now + 3)
    made.spooler.post(ticket)
    made.put("a")
    ticket.finish()
    made.tidy()
    assert (made.spool.items(), made.spooler._tickets) == ([], [])


def test_a_flush_that_is_saved_whole_need_not_wait_for_its_deadline(bench: Benches) -> None:
    """There is nothing more to come."""
    sender, logs = FakeOtlpSender(), FakeOtlpSender("logs")
    made = bench(sender, logs)

    def look() -> None:
        made.put("l", signal="logs")
        ticket = Ticket({made.lane("logs"): 1}, made.clock.now + 4, spool_at=made.clock.now)
        made.ask(ticket)
        made.spooler.post(ticket)
        made.tidy()
        assert ticket.done.wait(0)

    during_send(made, sender, look)


def test_the_end_saves_what_is_under_way_too(bench: Benches) -> None:
    """At least once: should it arrive after all, it arrives twice, and is counted once."""
    sender = FakeOtlpSender()
    made = bench(sender)

    def look() -> None:
        made.put("a")
        for _ in range(2):  # the end asks twice
            ticket = Ticket({made.lane(): 2}, made.clock.now, ending=True)
            made.spooler.post(ticket)
            made.tidy()
            assert ticket.done.wait(0)
        assert made.spool.items() == ["a", "first"]
        assert made.counts() == (0, 2, 0, 0)
        assert sender.interrupted == 2
        made.worker._mailbox.end()

    during_send(made, sender, look)
    assert made.counts() == (0, 2, 0, 0)


def test_the_end_leaves_what_comes_from_the_disk_there(bench: Benches) -> None:
    """It is saved already; a replay that is broken off changes nothing."""
    sender = FakeOtlpSender("traces", refused())
    made = bench(sender)
    made.spool.append("traces", b"a", 1, own=False)

    def look() -> None:
        made.spooler.post(Ticket({made.lane(): 0}, made.clock.now, ending=True))
        made.tidy()

    sender.during = look
    made.work()
    assert made.spool.items() == ["a"]


def test_the_end_saves_a_batch_that_waits_for_its_quick_retry(bench: Benches) -> None:
    """It is neither in the queue nor under way."""
    made = bench(FakeOtlpSender("traces", refused()))
    made.put("a")
    made.work(5)
    assert made.counts() == (0, 0, 0, 1)
    made.spooler.post(Ticket({made.lane(): 1}, made.clock.now, ending=True))
    made.tidy()
    assert (made.counts(), made.lane().waiting()) == ((0, 1, 0, 0), False)


def test_a_failure_after_the_end_began_goes_to_disk_at_once(bench: Benches) -> None:
    """There will be no quick retry."""
    sender = FakeOtlpSender("traces", refused())
    made = bench(sender)
    made.spooler.post(Ticket({made.lane(): 0}, made.clock.now, ending=True))
    made.tidy()
    made.put("a")
    made.work(5)
    assert made.counts() == (0, 1, 0, 0)


def test_the_spool_follows_a_fork(bench: Benches) -> None:
    """In the child it is another one, with books at zero."""
    made = bench(FakeOtlpSender("traces", refused(retry_after=60.0)))
    made.put("a")
    made.work(5)
    made.pipeline.after_fork()
    assert made.spool.forked == 1
    assert made.counts() == (0, 0, 0, 0)
    assert made.lane().spools()


def test_losses_of_signals_that_are_not_sent_are_nobodys(bench: Benches) -> None:
    """The spool may drop what an earlier version of the app has left."""
    made = bench(FakeOtlpSender())
    made.spool._on_lost("logs", 3, True, "spool_expired")
    made.spool._on_lost("traces", 3, False, "spool_expired")
    assert made.pipeline.stats().dropped.total == 0


def test_a_pipeline_whose_threads_never_ran_lets_go_of_its_spool(bench: Benches) -> None:
    """What is left there is the next one's."""
    made = bench(FakeOtlpSender())
    made.pipeline.shutdown(0.0)
    assert made.spool.closed == 1
