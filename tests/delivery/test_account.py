from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pepperpy_otel.delivery.account import Account, LaneCounts
from pepperpy_otel.delivery.books import Entries
from pepperpy_otel.delivery.tally import Tally


class FakeLane:
    """A lane with books that are written by the test."""

    def __init__(self) -> None:
        self.queue = SimpleNamespace(accepted=Tally())
        self.delivered = 0
        self.spooled = 0
        self.lost = 0
        self.recovered = 0

    def accept(self, count: int) -> None:
        self.queue.accepted.add(count)

    def entries(self) -> Entries:
        return Entries(self.delivered, self.spooled, {"refused": self.lost})


def make(count: int = 1) -> tuple[Any, list[Any]]:
    """An account over so many lanes."""
    lanes = [FakeLane() for _ in range(count)]
    return Account(lanes), lanes  # type: ignore[arg-type]


def test_a_report_tells_what_the_one_before_did_not() -> None:
    """Delivered and dropped once; pending as long as it is."""
    account, (lane,) = make()
    lane.accept(10)
    lane.delivered, lane.lost = 4, 1
    assert account.report(10) == (4, 0, 1, 5)
    lane.accept(2)
    lane.delivered = 11
    assert account.report(12) == (7, 0, 0, 0)


def test_what_lies_beyond_the_boundary_is_left_to_the_next_report() -> None:
    """Items that were accepted after the flush began belong to the next one."""
    account, (lane,) = make()
    lane.accept(10)
    lane.delivered, lane.lost = 6, 4
    assert account.report(5) == (1, 0, 4, 0)
    assert account.report(10) == (5, 0, 0, 0)


def test_nothing_is_called_all_delivered_because_of_items_that_came_later() -> None:
    """Older ones lie on disk, or were pushed out; newer ones arrived before the report was made."""
    account, (lane,) = make()
    lane.accept(15)
    lane.delivered, lane.spooled = 5, 10
    assert account.report(10) == (0, 10, 0, 0)
    lane.delivered, lane.spooled = 15, 0
    assert account.report(15) == (15, 0, 0, 0)


def test_a_late_report_does_not_go_backwards() -> None:
    """A flush that began earlier and ends later tells of what is left to tell."""
    account, (lane,) = make()
    lane.accept(5)
    lane.delivered = 3
    assert account.report(5) == (3, 0, 0, 2)
    assert account.report(3) == (0, 0, 0, 2)


def test_a_report_that_cuts_into_another_one_tells_nothing_twice() -> None:
    """A signal handler's flush in the middle of the account: the outer one starts again."""
    account, (lane,) = make()
    lane.accept(3)
    lane.delivered = 3
    inner: list[LaneCounts] = []
    entries = lane.entries

    def cut_in() -> Entries:
        lane.entries = entries
        inner.append(account.report(3))
        result: Entries = entries()
        return result

    lane.entries = cut_in
    assert account.report(3) == (0, 0, 0, 0)
    assert inner == [(3, 0, 0, 0)]


def test_the_slowest_destination_counts() -> None:
    """An item is delivered when all have it; what one of them still holds is pending."""
    account, (quick, slow) = make(2)
    for lane in (quick, slow):
        lane.accept(4)
    quick.delivered = 4
    assert account.report(4) == (0, 0, 0, 4)
    slow.delivered, slow.lost = 3, 1
    assert account.totals() == (3, 0, 1, 0)
    assert account.report(4) == (3, 0, 1, 0)
    assert account.dropped_by_reason() == {"refused": 1}


def test_what_is_on_disk_is_carried_over_until_its_end_is_known() -> None:
    """A replay moves items from spooled to delivered, or to dropped; each is final once."""
    account, (lane,) = make()
    lane.accept(10)
    lane.delivered, lane.spooled, lane.lost = 2, 5, 1
    assert account.report(10) == (2, 5, 1, 2)
    lane.delivered, lane.spooled, lane.lost = 5, 2, 1
    assert account.report(10) == (3, 2, 0, 2)
    lane.accept(1)
    lane.delivered, lane.spooled, lane.lost = 6, 3, 2
    assert account.report(11) == (1, 3, 1, 0)
    assert account.totals() == (6, 3, 2, 0)


def test_an_item_on_one_disk_and_delivered_elsewhere_is_spooled() -> None:
    """The one that is behind decides; what is on its disk is not pending."""
    account, (quick, slow) = make(2)
    for lane in (quick, slow):
        lane.accept(4)
    quick.delivered = 4
    slow.delivered, slow.spooled, slow.lost = 1, 2, 1
    assert account.report(4) == (1, 2, 1, 0)
    quick.recovered = 3
    assert account.recovered() == 3


def test_the_account_adds_up_when_destinations_take_turns_in_being_slow() -> None:
    """Now one loses, now the other lags: every report is what is new and what was carried over."""
    account, (one, two) = make(2)
    carried = 0
    for accepted, first, second in [
        (10, (5, 0), (0, 10)),
        (20, (5, 0), (10, 10)),
        (20, (20, 0), (10, 10)),
        (30, (20, 10), (10, 10)),
        (30, (20, 10), (20, 10)),
    ]:
        for lane, (delivered, lost) in ((one, first), (two, second)):
            lane.accept(accepted - lane.queue.accepted.value())
            lane.delivered, lane.lost = delivered, lost
        before = account._reported.boundary
        counts = account.report(accepted)
        assert min(counts) >= 0
        assert sum(counts) == accepted - before + carried
        carried = counts.pending
    assert carried == 0


def test_without_destinations_all_is_zero() -> None:
    """Nothing is accepted, so there is nothing to tell of."""
    account, _ = make(0)
    assert account.totals() == account.report(account.accepted()) == LaneCounts()
    assert account.dropped_by_reason() == {}


def test_a_reset_account_starts_from_zero() -> None:
    """A forked child has told nothing."""
    account, (lane,) = make()
    lane.accept(3)
    account.report(3)
    account.reset()
    assert account.report(0) == (0, 0, 0, 0)
