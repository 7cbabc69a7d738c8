"""When something goes to disk instead of to its destination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import Outcome, QueueLimits
from pepperpy_otel.delivery.encoding import Encoded
from pepperpy_otel.delivery.ticket import Ticket
from tests.delivery.fakes import (
    FakeOtlpSender,
    FakeSender,
    FakeSpool,
    ok,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.conftest import Bench

    Benches = Callable[..., Bench]

LIMITS = {"traces": QueueLimits(batch_size=4, max_items=16)}


def test_a_batch_that_fails_twice_is_on_disk(bench: Benches) -> None:
    """The first failure is a hiccup; after a quick retry nothing stays in memory alone."""
    sender = FakeOtlpSender("traces", refused())
    made = bench(sender)
    made.put("a", "b")
    assert made.work(5) == pytest.approx(0.5)
    assert (made.counts(), made.spool.items()) == ((0, 0, 0, 2), [])
    made.work(0.5)
    assert (made.counts(), made.spool.items()) == ((0, 2, 0, 0), ["a", "b"])
    assert sender.batches == [["a", "b"]] * 2


def test_a_hiccup_costs_no_disk(bench: Benches) -> None:
    """What succeeds at the quick retry was never written."""
    made = bench(FakeOtlpSender("traces", refused(), ok()))
    made.put("a")
    made.work(5)
    made.work(0.5)
    assert (made.counts(), made.spool._keys.__next__()) == ((1, 0, 0, 0), 0)


@pytest.mark.parametrize(
    "answer", [refused(retry_after=60.0), refused(misconfigured=True)], ids=["asked", "wrong"]
)
def test_without_a_quick_retry_it_is_on_disk_at_once(bench: Benches, answer: Outcome) -> None:
    """A server that asks for a minute, or refuses us, gets no second try now."""
    made = bench(FakeOtlpSender("traces", answer))
    made.put("a")
    made.work(5)
    assert made.counts() == (0, 1, 0, 0)


def test_a_send_that_hung_is_not_tried_again_before_it_is_saved(bench: Benches, clock: Any) -> None:
    """It would hang again, with everything in memory."""
    sender = FakeOtlpSender("traces", refused())
    sender.during = lambda: clock.advance(10)
    made = bench(sender)
    made.put("a")
    made.work(5)
    assert (made.counts(), len(sender.batches)) == ((0, 1, 0, 0), 1)


def test_while_it_is_down_only_the_oldest_is_tried(bench: Benches) -> None:
    """New batches go to disk untried at their time; a probe goes out at the backoff."""
    sender = FakeOtlpSender("traces", refused(retry_after=2.0))
    made = bench(sender)
    made.put("a")
    made.work(5)
    made.put("b")
    made.tidy(1)
    assert made.spool.items() == ["a"]
    made.tidy(5)  # its schedule time
    assert made.spool.items() == ["a", "b"]
    made.work()
    made.work(2)
    assert sender.batches == [["a"]] * 3
    assert made.counts() == (0, 2, 0, 0)


def test_what_the_spool_loses_is_dropped_by_its_reason(bench: Benches) -> None:
    """The oldest give way; what another process left is not ours to count."""
    made = bench(FakeOtlpSender("traces", refused(retry_after=900)), spool=FakeSpool(room=2))
    made.spool.append("traces", b"theirs", 1, own=False)
    for name in "abc":
        made.put(name)
        made.work(5)
        made.tidy(5)
    assert made.spool.items() == ["b", "c"]
    assert made.counts() == (0, 2, 1, 0)
    assert made.pipeline.stats().dropped_by_reason == {"spool_full": 1}


def test_a_spool_that_cannot_be_used_leaves_everything_as_without_one(bench: Benches) -> None:
    """In memory, within the queue's bounds, tried again; and the disk is asked again later."""
    sender = FakeOtlpSender("traces", refused())
    made = bench(sender, limits=LIMITS)
    made.spool.accepts = False
    made.put(*"abcd")
    made.work(5)
    made.work(0.5)
    made.put(*"efgh")
    made.tidy()
    made.tidy(1)
    assert made.counts() == (0, 0, 0, 8)
    made.spool.accepts = True
    made.tidy(10)
    assert made.spool.items() == ["e", "f", "g", "h"]
    sender.outcomes = []
    made.work(40)
    made.work(1)
    assert made.counts() == (8, 0, 0, 0)


class Picky(FakeOtlpSender):
    """Cannot encode what is bad."""

    def encode(self, items: Any) -> Encoded:
        good = [item for item in items if item != "bad"]
        return Encoded("\n".join(good).encode(), len(good), len(items) - len(good), "cannot")


def test_items_that_cannot_be_encoded_are_counted_when_the_rest_goes_to_disk(
    bench: Benches, said: list[str]
) -> None:
    """Once, by the worker or by the spooler, and said once."""
    made = bench(Picky("traces", refused(retry_after=9.0)))
    made.put("a", "bad")
    made.work(5)
    assert made.counts() == (0, 1, 1, 0)
    made.put("bad", "b")
    made.tidy(5)
    made.put("bad")
    made.tidy(5)
    assert made.counts() == (0, 2, 3, 0)
    made.work()
    assert len([line for line in said if "cannot" in line and "deliver" not in line]) == 1


def test_an_encoder_that_fails_is_the_workers_to_tell_of(bench: Benches) -> None:
    """The spooler puts the batch back; a defect costs nothing there."""

    class Broken(FakeOtlpSender):
        def encode(self, items: Any) -> Encoded:
            raise ValueError("broken")

    made = bench(Broken(), limits=LIMITS)
    made.put(*"abcdefghijk")
    made.tidy()
    assert made.counts() == (0, 0, 0, 11)
    for outcome in made.lane().save(11, ending=True):
        pytest.fail(str(outcome))
    made.work()
    assert made.pipeline.stats().dropped_by_reason == {"error": 8}


def test_senders_of_others_have_no_spool(bench: Benches) -> None:
    """What cannot encode and send apart keeps its batches in memory."""
    made = bench(FakeSender("traces", refused()), limits=LIMITS)
    made.put(*"abcdefghijkl")
    made.work(5)
    made.work(0.5)
    made.work(1)
    made.tidy(5)
    assert (made.counts(), made.spool.batches) == ((0, 0, 0, 12), [])


def test_a_sender_that_cannot_be_made_keeps_its_batches_in_memory(bench: Benches) -> None:
    """Without it there are no bytes; nothing is lost, and it is made good when it can be."""
    sender = FakeOtlpSender()
    broken = [OSError("no such file: ca.pem")] * 4

    class Maker:
        signal = "traces"

        def __call__(self) -> FakeOtlpSender:
            if broken:
                raise broken.pop()
            return sender

    made = bench(Maker(), limits=LIMITS)
    made.put(*"abcdefghijk")
    made.tidy()
    made.work(5)
    made.work(0.5)
    assert made.counts() == (0, 0, 0, 11)
    made.work(40)
    assert made.counts() == (11, 0, 0, 0)


def test_a_full_disk_at_the_end_leaves_everything_pending(bench: Benches) -> None:
    """Nothing is called spooled that is not, and what arrives after all is delivered."""
    sender = FakeOtlpSender()
    made = bench(sender)
    made.spool.accepts = False

    def end() -> None:
        sender.during = None
        assert list(made.lane().save(2, ending=True)) == []

    sender.during = end
    made.put("a")
    made.work(5)
    made.put("b")
    assert list(made.lane().save(2, ending=True)) == []
    assert made.counts() == (1, 0, 0, 1)


def test_a_flush_saves_what_a_dead_destination_does_not_take(bench: Benches) -> None:
    """At once, without waiting for the deadline, for all signals."""
    senders = [FakeOtlpSender(signal, refused()) for signal in ("traces", "logs")]
    made = bench(*senders)
    made.put("a")
    made.put("l", signal="logs")
    started = made.clock.now
    ticket = Ticket({made.lane(): 1, made.lane("logs"): 1}, started + 30, replays=True)
    made.ask(ticket)
    made.work()
    assert made.clock.now - started == pytest.approx(0.5)
    assert (made.counts(), made.counts("logs")) == ((0, 1, 0, 0), (0, 1, 0, 0))
    assert [len(sender.batches) for sender in senders] == [2, 1]
    assert ticket.finished


def test_a_flush_tells_of_what_it_could_not_encode_for_the_disk(
    bench: Benches, said: list[str]
) -> None:
    """The destination is dead; the rest of the queue goes to disk without the bad one."""
    made = bench(Picky("traces", refused(misconfigured=True)), limits=LIMITS)
    made.put(*"abcde", "bad")
    made.ask(Ticket({made.lane(): 6}, made.clock.now + 5))
    made.work()
    assert made.counts() == (0, 5, 1, 0)
    assert [line for line in said if "spans dropped" in line] == said[1:]
    assert len(said) == 2
