"""What lies on disk is sent, in between, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.delivery import Outcome, QueueLimits
from pepperpy_otel.delivery.replay import LOOK_AGAIN
from pepperpy_otel.delivery.ticket import Ticket
from tests.delivery.fakes import (
    FakeOtlpSender,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.conftest import Bench

    Benches = Callable[..., Bench]

LIMITS = {"traces": QueueLimits(batch_size=4, max_items=16)}


def test_when_it_is_back_everything_arrives_and_moves_to_delivered(bench: Benches) -> None:
    """The probe, what waits in memory, then the disk; nothing is left and nothing is doubled."""
    sender = FakeOtlpSender("traces", refused(retry_after=2.0))
    made = bench(sender, limits=LIMITS)
    for name in "abc":
        made.put(name)
        made.work(5)
        made.tidy(5)
    assert made.counts() == (0, 3, 0, 0)
    sender.outcomes, sender.batches = [], []
    made.put("d")
    while made.counts() != (4, 0, 0, 0):
        made.work(made.work())
    assert sender.batches == [["a"], ["d"], ["b"], ["c"]]
    assert made.spool.batches == []


def test_live_batches_go_before_the_disk(bench: Benches) -> None:
    """A backlog of an hour does not delay what happens now, and the thread rests in between."""
    sender = FakeOtlpSender()
    made = bench(sender, limits=LIMITS)
    for name in "abc":
        made.spool.append("traces", name.encode(), 1, own=False)
    assert 0 < made.work() < 1
    made.put("d", "e", "f", "g")
    assert made.work() == pytest.approx(0.002, abs=0.5)
    assert sender.batches == [["a"], ["d", "e", "f", "g"]]
    made.work(1)
    made.work(1)
    assert sender.batches[2:] == [["b"], ["c"]]


def test_what_an_earlier_process_left_is_counted_apart(bench: Benches) -> None:
    """It is sent from the start, also when the app makes nothing, as recovered."""
    made = bench(FakeOtlpSender(), FakeOtlpSender("logs"))
    made.spool.append("traces", b"a\nb", 2, own=False)
    made.spool.append("logs", b"c", 1, own=False)
    made.work()
    made.work(1)
    stats = made.pipeline.stats()
    assert (stats.recovered.traces, stats.recovered.logs) == (2, 1)
    assert stats.delivered.total == stats.spooled.total == 0
    assert made.spool.batches == []


def test_an_empty_spool_is_looked_into_again(bench: Benches) -> None:
    """Another process may end and leave something later."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.work()
    made.spool.append("traces", b"late", 1, own=False)
    made.work(LOOK_AGAIN - 1)
    assert sender.batches == []
    made.work(1)
    assert sender.batches == [["late"]]


def test_signals_of_which_there_is_no_lane_stay_on_disk(bench: Benches) -> None:
    """An earlier version of the app may have sent more; it expires there."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.spool.append("metrics", b"m", 1, own=False)
    made.spool.append("traces", b"a", 1, own=False)
    made.work()
    made.work(1)
    assert (sender.batches, made.spool.items()) == ([["a"]], ["m"])


def test_one_signal_that_is_down_does_not_hold_up_the_others(bench: Benches) -> None:
    """The oldest of those that work is replayed."""
    logs = FakeOtlpSender("logs", refused(misconfigured=True))
    made = bench(FakeOtlpSender(), logs)
    made.put("l", signal="logs")
    made.work(5)
    assert made.counts("logs") == (0, 1, 0, 0)
    made.spool.append("traces", b"a", 1, own=False)
    made.work(LOOK_AGAIN)
    assert made.pipeline.stats().recovered.traces == 1


def test_a_replayed_batch_that_is_refused_is_dropped_and_counted(bench: Benches) -> None:
    """It leaves the disk; a poisonous batch does not block the way for ever."""
    sender = FakeOtlpSender("traces", refused(retry_after=1.0))
    made = bench(sender)
    made.put("a", "b")
    made.work(5)
    sender.outcomes = [Outcome(error="HTTP 501")]
    made.work(2)
    assert made.counts() == (0, 0, 2, 0)
    assert made.pipeline.stats().dropped_by_reason == {"refused": 2}
    assert made.spool.batches == []


def test_a_failed_lane_with_nothing_to_try_rests(bench: Benches) -> None:
    """What was on disk has expired: no reason to look all the time."""
    sender = FakeOtlpSender("traces", refused(retry_after=2.0))
    made = bench(sender)
    made.put("a")
    made.work(5)
    made.spool.batches.clear()
    assert made.work(2) == pytest.approx(1.0)
    assert len(sender.batches) == 1
    sender.outcomes = []
    made.put("b")
    made.work(1)
    assert sender.batches[-1] == ["b"]


def test_a_flush_delivers_what_is_on_disk_too(bench: Benches) -> None:
    """A destination that failed is tried afresh, and then everything goes without rests."""
    sender = FakeOtlpSender("traces", refused(retry_after=300.0))
    made = bench(sender)
    for name in "abc":
        made.put(name)
        made.work(5)
        made.tidy(5)
    sender.outcomes = []
    now = made.clock.now
    made.ask(Ticket({made.lane(): 3}, now + 5, since=now, replays=True))
    made.work()
    assert made.counts() == (3, 0, 0, 0)
    assert made.clock.now == now


def test_a_flush_does_not_wait_for_what_is_on_disk_already(bench: Benches) -> None:
    """A server that asks for two seconds has failed this flush; nothing is left to wait for."""
    made = bench(FakeOtlpSender("traces", refused(retry_after=2.0)))
    made.put("a")
    now = made.clock.now
    ticket = Ticket({made.lane(): 1}, now + 5, since=now, replays=True)
    made.ask(ticket)
    made.work()
    assert (made.clock.now, ticket.finished) == (now, True)
    assert made.counts() == (0, 1, 0, 0)


def test_the_replay_of_a_flush_lets_other_flushes_go_first(bench: Benches) -> None:
    """Their items are in memory; then it goes on."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.keep(*"abc")
    first = Ticket({}, made.clock() + 5, replays=True)
    made.ask(first)
    made.put("live")

    def another() -> None:
        sender.during = None
        made.ask(Ticket({made.lane(): 4}, made.clock() + 5))

    sender.during = another
    assert made.work() == 0.0
    assert not first.done.wait(0)
    made.work()
    assert first.done.wait(0)
    assert sender.items == ["a", "live", "b", "c"]


def test_flushes_at_the_same_time_do_not_keep_each_other_from_the_disk(bench: Benches) -> None:
    """Each has tried what was in memory: one replays for both, and none waits for the other."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.keep(*"abc")
    tickets = [Ticket({made.lane(): 3}, made.clock() + 5, replays=True) for _ in range(2)]
    for ticket in tickets:
        made.ask(ticket)
    made.work()
    assert sender.items == ["a", "b", "c"]
    made.work()
    assert all(ticket.done.wait(0) for ticket in tickets)


def test_the_replay_of_a_flush_ends_with_its_time(bench: Benches) -> None:
    """What is left stays on disk; the end breaks off a send, a flush does not."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.keep(*"abcdef")
    sender.during = lambda: made.clock.advance(2)
    made.ask(Ticket({}, made.clock() + 3, replays=True))
    made.work()
    assert sender.timeouts[:2] == [30.0, 30.0]
    made.ask(Ticket({}, made.clock() + 3, ending=True, replays=True))
    sender.timeouts = []
    made.work()
    assert sender.timeouts[:2] == [3.0, 1.0]


def test_a_flush_ends_when_the_disk_gives_nothing(bench: Benches) -> None:
    """What cannot be read now is not waited for; it counts as spooled."""
    made = bench(FakeOtlpSender())
    made.keep("a")
    made.spool.batches.clear()
    ticket = Ticket({}, made.clock() + 5, replays=True)
    made.ask(ticket)
    made.work()
    assert (ticket.finished, made.counts()) == (True, (0, 1, 0, 0))


def test_a_flush_does_not_wait_for_what_others_have_left(bench: Benches) -> None:
    """Gigabytes of an earlier process are sent in between, not in the time of a request."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.keep("ours")
    for name in "abc":
        made.spool.append("traces", name.encode(), 1, own=False)
    ticket = Ticket({}, made.clock() + 5, replays=True)
    made.worker._mailbox.tickets.append(ticket)
    made.worker._rounds.serve(made.worker._mailbox.tickets.popleft())
    assert ticket.finished
    assert sender.batches == [["ours"]]


def test_an_outage_says_that_it_is_kept_on_disk(bench: Benches, said: list[str]) -> None:
    """And its end says how many items follow from there."""
    sender = FakeOtlpSender("traces", refused(retry_after=2.0))
    made = bench(sender)
    for name in "abc":
        made.put(name)
        made.work(5)
        made.tidy(5)
    assert [line.rpartition(": ")[2] for line in said] == [
        "connection refused; kept on disk within limits, retried quietly"
    ]
    sender.outcomes = []
    made.work(60)
    assert said[1].endswith("1 items delivered since, 0 dropped meanwhile, 2 on disk follow")
