"""Caps: the oldest goes first, is counted, and what is under way is left alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.delivery.spool.conftest import Watched, die

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.fakes import ManualClock


def _size(segments: Callable[[], list[Path]]) -> int:
    return sum(segment.stat().st_size for segment in segments())


def test_the_oldest_make_room(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """The cap is never passed; what is left are the newest, and the sum is what was written."""
    watched = spool(max_bytes=20_000, segment_bytes=2000)
    for number in range(300):
        watched.append("traces", b"%03d" % number + os.urandom(300), items=2)
        assert _size(segments) <= 20_000
        assert watched.spool.bytes_on_disk() == _size(segments)
    lost = watched.lost_for("spool_full")
    assert watched.spool.waiting()["traces"] == 600 - lost
    assert {(signal, own) for signal, _, own, _ in watched.lost} == {("traces", True)}
    left = [int(batch.body[:3]) for batch in watched.drain()]
    assert left == list(range(300 - len(left), 300))
    assert len(left) * 2 == 600 - lost
    assert len(left) > 40  # no more than needed goes
    assert len(watched.said) == 1
    assert "20000 bytes" in watched.said[0]


def test_the_cap_holds_after_the_end_too(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """What is written when files are ended is thought of before, whatever the sizes are."""
    for most in range(5000, 5400, 25):
        watched = spool(f"cap{most}", max_bytes=most)
        for number in range(30):
            watched.append(("traces", "logs", "metrics")[number % 3], os.urandom(250))
        watched.spool.close()
        sizes = [file.stat().st_size for file in segments() if f"cap{most}" in str(file)]
        assert most * 0.7 < sum(sizes) <= most


def test_the_oldest_of_all_signals_goes_first(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """A signal that fills the disk pushes out what is older, whatever it is."""
    watched = spool(max_bytes=10_000)
    watched.append("logs", os.urandom(500), items=3)
    clock.advance(1)
    watched.append("metrics", os.urandom(500), items=4)
    clock.advance(1)
    while not watched.lost:
        watched.append("traces", os.urandom(500))
    assert watched.lost == [("logs", 3, True, "spool_full")]
    watched.spool.close()


def test_what_was_inherited_goes_before_what_is_new(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """A dead owner's segments make room too, counted by reading their frames."""
    first = spool(max_bytes=10_000)
    for _ in range(4):
        first.append("logs", os.urandom(500), items=10)
    first.spool.done(first.spool.oldest())
    die(first)
    clock.advance(1)
    second = spool(max_bytes=10_000)
    for _ in range(14):
        second.append("logs", os.urandom(600))
    assert second.lost[0] == ("logs", 10, False, "spool_full")
    assert sum(items for _, items, own, _ in second.lost if not own) == 30


def test_a_batch_under_way_is_left_alone(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """It may be delivered yet; what comes behind it goes."""
    watched = spool(max_bytes=5000, max_age=100)
    watched.append("logs", b"first" + os.urandom(400), items=5)
    batch = watched.spool.oldest()
    clock.advance(50)
    for _ in range(20):
        watched.append("logs", os.urandom(400))
    clock.advance(60)
    watched.append("traces", b"new")
    watched.spool.done(batch)
    assert watched.spool.waiting()["logs"] + watched.lost_for("spool_full") == 20
    assert all(items == 1 for _, items, _, _ in watched.lost)


def test_no_room_is_no(spool: Callable[..., Watched]) -> None:
    """A batch that is larger than the cap is refused, and takes nothing with it."""
    watched = spool(max_bytes=3000)
    watched.append(body=b"small")
    for _ in range(3):
        assert watched.spool.append("traces", os.urandom(3000), 1) is False
    assert watched.spool.usable
    assert len(watched.said) == 1
    assert "no room" in watched.said[0]
    assert watched.bodies() == [b"small"]
    assert watched.lost == []


def test_nobody_takes_from_the_living(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """A full directory that belongs to another process is full."""
    greedy = spool(max_bytes=10_000)
    for _ in range(16):
        greedy.append(body=os.urandom(450))
    late = spool(max_bytes=10_000)
    assert late.spool.append("logs", os.urandom(2000), 1) is False
    assert len(greedy.drain()) == 16
    assert late.spool.append("logs", os.urandom(2000), 1) is True
    assert _size(segments) == late.spool.bytes_on_disk()


def test_what_others_wrote_counts_within_a_second(
    spool: Callable[..., Watched], clock: ManualClock, segments: Callable[[], list[Path]]
) -> None:
    """The cap is for the directory: two writers share it."""
    one, two = spool(max_bytes=20_000), spool(max_bytes=20_000)
    for _ in range(100):
        one.append(body=os.urandom(400))
        two.append(body=os.urandom(400))
        clock.advance(1.5)
        assert _size(segments) <= 20_000
    assert one.lost_for("spool_full") > 0
    assert two.lost_for("spool_full") > 0


def test_what_is_too_old_is_lost(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """Own and inherited, batch by batch, to the second."""
    first = spool(max_age=100)
    first.append("logs", b"old", items=2)
    clock.advance(50)
    first.append("logs", b"younger", items=3)
    first.spool.close()
    second = spool(max_age=100)
    second.append("traces", b"own", items=4)
    clock.advance(50)
    assert second.spool.oldest(exclude=["traces"]).body == b"old"
    clock.advance(0.1)
    assert second.spool.oldest(exclude=["traces"]).body == b"younger"
    assert second.lost == [("logs", 2, False, "spool_expired")]
    clock.advance(100)
    assert second.spool.oldest() is None
    assert second.lost[1:] == [
        ("traces", 4, True, "spool_expired"),
        ("logs", 3, False, "spool_expired"),
    ]
    assert second.spool.waiting() == {"traces": 0, "logs": 0, "metrics": 0}
    assert second.spool.bytes_on_disk() == 0
    assert len(second.said) == 1
    assert "100 s" in second.said[0]


@pytest.mark.parametrize("kindly", [True, False])
def test_what_expired_is_counted_once(
    spool: Callable[..., Watched], clock: ManualClock, kindly: bool
) -> None:
    """Not by the next one again, which finds the younger rest of the same file."""
    first = spool(max_age=100)
    first.append("logs", b"old", items=2)
    clock.advance(60)
    first.append("logs", b"younger", items=3)
    clock.advance(60)
    assert first.spool.oldest().body == b"younger"
    assert first.lost == [("logs", 2, True, "spool_expired")]
    if kindly:
        first.spool.close()
    else:
        die(first)
    second = spool(max_age=100)
    assert second.bodies() == [b"younger"]
    assert second.lost == []


def test_a_writer_expires_too(spool: Callable[..., Watched], clock: ManualClock) -> None:
    """Nobody has to ask for the oldest for the age to hold."""
    watched = spool(max_age=100)
    watched.append("logs", b"old", items=2)
    clock.advance(101)
    watched.append("logs", b"new")
    assert watched.lost == [("logs", 2, True, "spool_expired")]
    assert watched.bodies() == [b"new"]


@pytest.mark.parametrize("back", [10, 100_000_000])
def test_a_clock_that_was_set_back_expires_nothing(
    spool: Callable[..., Watched], clock: ManualClock, back: int
) -> None:
    """What was written in the future is not old."""
    watched = spool(max_age=100)
    watched.append(body=b"future")
    clock.advance(-back)
    watched.append(body=b"now")
    assert watched.bodies() == [b"future", b"now"]


def test_a_clock_that_was_set_back_stops_no_inheritance(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """The last look seems to lie in the future then."""
    living, dying = spool(), spool()
    dying.append(body=b"left")
    die(dying)
    clock.advance(-100_000)
    assert living.bodies() == [b"left"]
