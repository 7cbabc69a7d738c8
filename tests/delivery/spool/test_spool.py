"""The spool as its caller sees it: what goes in comes out, once, in order, also after the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.delivery.spool.conftest import NOW, Watched, die

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.fakes import ManualClock


def test_a_batch_comes_out_as_it_went_in(spool: Callable[..., Watched]) -> None:
    """Signal, body, number of items and time are those of the append."""
    watched = spool()
    watched.append("logs", b"request" * 1000, 7)
    batch = watched.spool.oldest()
    assert batch is not None
    assert batch[:4] == ("logs", b"request" * 1000, 7, True)
    assert batch.written_at == NOW


def test_the_oldest_comes_first_across_signals(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """Batches leave in the order in which they came, whatever their signals are."""
    watched = spool()
    order = ["logs", "traces", "traces", "metrics", "logs", "traces"]
    for number, signal in enumerate(order):
        watched.append(signal, b"%d" % number)
        clock.advance(1)
    assert [(batch.signal, batch.body) for batch in watched.drain()] == [
        (signal, b"%d" % number) for number, signal in enumerate(order)
    ]


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_the_same_batch_until_it_is_done(
    spool: Callable[..., Watched], clock: ManualClock, signal: str
) -> None:
    """Asking again is no progress, not even when something older was inherited meanwhile."""
    watched = spool()
    clock.now = NOW - 10
    other = spool()
    other.append(signal, b"inherited")
    clock.now = NOW
    watched.append("traces", b"own")
    first = watched.spool.oldest()
    other.spool.close()
    clock.advance(60)
    assert watched.spool.oldest() == first
    watched.spool.done(first)
    assert watched.bodies() == [b"inherited"]


def test_an_excluded_signal_is_left_for_later(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """A signal that cannot be sent now does not hold up the others, and keeps its place."""
    watched = spool()
    watched.append("traces", b"1")
    clock.advance(1)
    watched.append("logs", b"2")
    traces = watched.spool.oldest()
    logs = watched.spool.oldest(exclude={"traces"})
    assert (traces.body, logs.body) == (b"1", b"2")
    assert watched.spool.oldest(exclude=("traces", "logs")) is None
    watched.spool.done(traces)
    watched.spool.done(logs)
    assert watched.spool.oldest() is None


def test_done_twice_is_done_once(spool: Callable[..., Watched]) -> None:
    """Two threads that delivered the same batch do not swallow the next."""
    watched = spool()
    watched.append(body=b"1")
    watched.append(body=b"2")
    first = watched.spool.oldest()
    watched.spool.done(first)
    watched.spool.done(first)
    assert watched.bodies() == [b"2"]
    watched.spool.done(first)
    assert watched.spool.waiting()["traces"] == 0


def test_waiting_counts_own_items_until_they_are_done(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """What another spool left is not counted as ours."""
    earlier = spool()
    earlier.append("traces", items=100)
    earlier.spool.close()
    clock.advance(1)
    watched = spool()
    watched.append("traces", items=3)
    clock.advance(1)
    watched.append("logs", items=4)
    assert watched.spool.waiting() == {"traces": 3, "logs": 4, "metrics": 0}
    batch = watched.spool.oldest()
    assert (batch.items, batch.own) == (100, False)
    watched.spool.done(batch)
    assert watched.spool.waiting() == {"traces": 3, "logs": 4, "metrics": 0}
    watched.spool.done(watched.spool.oldest())
    assert watched.spool.waiting() == {"traces": 0, "logs": 4, "metrics": 0}


def test_nothing_is_left_on_disk_when_all_is_done(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """A segment that was read to its end is removed, also the one that is being written."""
    watched = spool(segment_bytes=300)
    for _ in range(10):
        watched.append(body=b"x" * 100)
    assert len(segments()) > 3
    assert watched.spool.bytes_on_disk() == sum(file.stat().st_size for file in segments())
    watched.drain()
    assert segments() == []
    assert watched.spool.bytes_on_disk() == 0
    watched.append(body=b"again")
    assert watched.bodies() == [b"again"]


def test_what_is_left_at_the_end_is_for_the_next(spool: Callable[..., Watched]) -> None:
    """A spool on the same directory has it right after ``close()``, in the same process too."""
    first = spool()
    for number in range(5):
        first.append(body=b"%d" % number)
    first.spool.done(first.spool.oldest())
    first.spool.close()
    second = spool()
    found = second.drain()
    assert [(batch.body, batch.own) for batch in found] == [
        (b"%d" % number, False) for number in range(1, 5)
    ]
    assert first.lost == second.lost == first.said == second.said == []


def test_what_a_killed_process_left_is_for_the_next(spool: Callable[..., Watched]) -> None:
    """What was appended is there, and what was done is not there any more."""
    first = spool(segment_bytes=300)
    for number in range(20):
        first.append(body=b"%d" % number * 20)
    for _ in range(7):
        first.spool.done(first.spool.oldest())
    die(first)
    second = spool()
    assert second.bodies() == [b"%d" % number * 20 for number in range(7, 20)]
    assert second.said == []


def test_a_destination_has_a_spool_of_its_own(spool: Callable[..., Watched]) -> None:
    """Another name is another spool, also when the two names only differ in odd characters."""
    names = ["a", "b", "x/../y", "x_.._y", "", "\udc80"]
    spools = [spool(name) for name in names]
    for name, each in zip(names, spools, strict=True):
        each.append(body=name.encode(errors="replace"))
        each.spool.close()
    for name in names:
        assert spool(name).bodies() == [name.encode(errors="replace")]


def test_closed_is_closed(spool: Callable[..., Watched]) -> None:
    """After ``close()`` everything answers 'no', and nothing is written."""
    watched = spool()
    watched.append(items=2)
    batch = watched.spool.oldest()
    watched.spool.close()
    watched.spool.close()
    assert not watched.spool.usable
    assert watched.spool.append("traces", b"late", 1) is False
    assert watched.spool.oldest() is None
    watched.spool.done(batch)
    assert watched.spool.waiting()["traces"] == 2
    assert watched.said == []


@pytest.mark.parametrize("items", [-1, 2**32])
def test_a_number_of_items_that_cannot_be_is_refused(
    spool: Callable[..., Watched], items: int
) -> None:
    """A wrong count would break the sums of everybody behind it."""
    assert spool().spool.append("traces", b"body", items) is False


def test_a_wrong_argument_raises_nothing(spool: Callable[..., Watched]) -> None:
    """A body that is no bytes, a signal that is none, a batch that is none: one line, and 'no'."""
    watched = spool()
    assert watched.spool.append("traces", 5, 1) is False  # type: ignore[arg-type]
    assert watched.spool.append("smells", b"body", 1) is False  # type: ignore[arg-type]
    assert watched.spool.append("smells", b"body", 1) is False  # type: ignore[arg-type]
    watched.spool.done(None)  # type: ignore[arg-type]
    assert len(watched.said) == 3
    assert all("internal error" in line for line in watched.said)
    watched.append(body=b"fine")
    assert watched.bodies() == [b"fine"]


def test_callbacks_that_raise_hurt_nobody(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning or a count that cannot be taken does not make an append fail."""
    from pepperpy_otel.delivery.spool import Spool, SpoolLimits

    def broken(*_: object) -> None:
        raise RuntimeError("callback")

    spool = Spool(directory, "x", limits=SpoolLimits(max_bytes=1000), warn=broken, on_lost=broken)
    try:
        assert all(spool.append("logs", b"x" * 400, 1) for _ in range(4))
        assert spool.oldest() is not None
    finally:
        spool.close()


def test_a_callback_may_ask_the_spool(directory: Path) -> None:
    """They are called without the lock."""
    from pepperpy_otel.delivery.spool import Spool, SpoolLimits

    seen = []
    spool = Spool(
        directory,
        "x",
        limits=SpoolLimits(max_bytes=1000),
        warn=lambda *_: seen.append(spool.oldest(("logs",))),
        on_lost=lambda *_: seen.append(spool.oldest(("logs",))),
    )
    try:
        assert all(spool.append("logs", b"x" * 400, 1) for _ in range(3))
    finally:
        spool.close()
    assert seen == [None] * 3  # two batches that had to go, and one line about it


def test_threads_may_share_it(spool: Callable[..., Watched]) -> None:
    """Four writers and a reader: every batch once, each writer's own in order."""
    watched = spool(segment_bytes=2000)
    writers = [
        threading.Thread(
            target=lambda number=number: [
                watched.append("logs", b"%d %d" % (number, each)) for each in range(200)
            ]
        )
        for number in range(4)
    ]
    for writer in writers:
        writer.start()
    found: list[bytes] = []
    while any(writer.is_alive() for writer in writers):
        found += watched.bodies()
    for writer in writers:
        writer.join()
    found += watched.bodies()
    for number in range(4):
        mine = [body for body in found if body.startswith(b"%d " % number)]
        assert mine == [b"%d %d" % (number, each) for each in range(200)]
    assert len(found) == 800
    assert watched.said == watched.lost == []


def test_segments_keep_their_order_when_the_clock_goes_back(
    spool: Callable[..., Watched], clock: ManualClock
) -> None:
    """First in is first out within a signal, whatever the time of day is."""
    watched = spool(segment_bytes=200)
    for number in range(6):
        watched.append(body=b"%d" % number * 100)
        clock.advance(-3600)
    assert watched.bodies() == [b"%d" % number * 100 for number in range(6)]
