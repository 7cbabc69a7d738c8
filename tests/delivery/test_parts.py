"""Batches that are sent in parts, and what becomes of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import Outcome, QueueLimits
from pepperpy_otel.delivery.encoding import Encoded, Encoder
from tests.delivery.fakes import (
    FakeOtlpSender,
    make_spans,
    ok,
    refused,
)
from tests.delivery.test_splitting import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.conftest import Bench

    Benches = Callable[..., Bench]

LIMITS = {"traces": QueueLimits(batch_size=4, max_items=16)}


class RealSender(FakeOtlpSender):
    """Its requests are real ones, with spans named as the items."""

    def encode(self, items: Any) -> Encoded:
        return Encoder("traces").encode(make_spans(*items))

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        return self.send(request(body).span_names(), timeout)


LARGE = Outcome(error="HTTP 413", reason="too_large", divisible=True)


def test_a_batch_in_parts_is_finished_where_it_broke_off(bench: Benches) -> None:
    """From memory and from disk: what arrived is not sent again, the rest is not lost."""
    down = refused(retry_after=2.0)
    sender = RealSender("traces", LARGE, Outcome(delivered=2), down, down, LARGE, ok(), down, ok())
    made = bench(sender)
    made.put(*"abcd")
    made.work(5)
    assert made.counts() == (2, 2, 0, 0)
    made.work(2)  # the probe fails
    made.work(3)  # too large for it now: in two; the second one fails
    assert made.counts() == (3, 1, 0, 0)
    made.work(3)
    assert made.counts() == (4, 0, 0, 0)
    assert [batch for batch in sender.batches if len(batch) == 1] == [["c"], ["d"], ["d"]]
    assert made.spool.batches == []


def test_the_rest_of_a_batch_from_the_disk_waits_through_further_failures(bench: Benches) -> None:
    """Also where what is settled of it is lost; no part is sent or counted twice."""
    down = refused(retry_after=2.0)
    bad = Outcome(error="HTTP 501")
    sender = RealSender("traces", down, LARGE, bad, down, down, down, ok())
    made = bench(sender)
    made.put(*"abcd")
    for _ in range(6):
        made.work(5)
        assert sum(made.counts()) == 4
    assert made.counts() == (2, 0, 2, 0)
    assert sender.batches[2:] == [["a", "b"], *[["c", "d"]] * 4]
    assert made.spool.batches == []


@pytest.mark.parametrize("spool", [False, True])
def test_without_a_disk_the_rest_of_a_batch_waits_in_memory(bench: Benches, spool: bool) -> None:
    """Whether there is none, or it cannot be used; it goes first the next time."""
    sender = RealSender("traces", LARGE, Outcome(delivered=2), refused(retry_after=2.0), ok())
    made = bench(sender)
    made.spool.accepts = False
    if not spool:
        made.lane().spool = None
    made.put(*"abcd")
    made.work(5)
    made.put("e")
    assert made.counts() == (2, 0, 0, 3)
    made.work(3)
    assert made.counts() == (5, 0, 0, 0)
    assert sender.batches[-2:] == [["c", "d"], ["e"]]


def test_a_disk_that_fills_up_in_mid_batch_keeps_the_rest_in_memory(bench: Benches) -> None:
    """What is on disk is spooled, what is not is pending."""
    room = [True, False]
    sender = RealSender("traces", LARGE, LARGE, ok(), refused(misconfigured=True))
    made = bench(sender)
    append = made.spool.append

    def full(*batch: Any) -> bool:
        return bool(room) and room.pop(0) and append(*batch)

    made.spool.append = full  # type: ignore[method-assign, assignment]
    made.put(*"abcd")
    made.work(5)
    assert made.counts() == (1, 1, 0, 2)
    sender.outcomes = []
    made.work(5)
    made.work(5)
    assert made.counts() == (4, 0, 0, 0)


def test_a_server_that_refuses_all_is_not_searched_through_twice(bench: Benches) -> None:
    """Until it accepts something again."""
    bad = Outcome(error="HTTP 400 Bad Request", divisible=True)
    sender = RealSender("traces", bad)
    made = bench(sender, limits=LIMITS)
    requests = []
    for outcomes in ([bad], [bad], [ok()], [bad]):
        sender.outcomes, sender.batches = outcomes, []
        made.put(*"abcd")
        made.work()
        requests.append(len(sender.batches))
    assert requests == [7, 1, 1, 7]
    assert made.counts() == (4, 0, 12, 0)
