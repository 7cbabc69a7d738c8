"""Files that somebody removed under a running process: counted, and nobody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.delivery.fakes import ManualClock
    from tests.delivery.spool.conftest import Watched


@pytest.mark.parametrize("batches", [0, 1, 5])
def test_a_segment_that_vanished_is_counted(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]], batches: int
) -> None:
    """``rm`` under a running process: its items do not wait for ever, the next ones are safe."""
    watched = spool()
    for number in range(batches):
        watched.append(body=b"%d" % number, items=2)
    for segment in segments():
        segment.unlink()
    watched.append(body=b"next", items=7)
    assert watched.bodies() == [b"next"]
    assert watched.lost_for("spool_corrupt") == batches * 2
    assert watched.spool.waiting()["traces"] == 0


def test_a_segment_that_vanished_in_mid_replay_loses_only_what_was_not_read(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """The batch that is under way may still be delivered, and is counted as that."""
    watched = spool()
    watched.append(body=b"under way", items=2)
    watched.append(body=b"never seen", items=3)
    batch = watched.spool.oldest()
    segments()[0].unlink()
    watched.append("logs", b"other")
    watched.spool.done(batch)
    assert watched.bodies() == [b"other"]
    assert watched.lost == [("traces", 3, True, "spool_corrupt")]
    assert watched.spool.waiting() == {"traces": 0, "logs": 0, "metrics": 0}


def test_a_look_around_misses_what_vanished(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]], clock: ManualClock
) -> None:
    """Every now and then, so that nobody waits for it; but never what is being delivered."""
    watched = spool()
    watched.append("traces", b"under way", items=2)
    watched.append("logs", b"gone", items=3)
    batch = watched.spool.oldest()
    for segment in segments():
        segment.unlink()
    clock.advance(20)
    assert watched.spool.oldest(exclude=["traces"]) is None
    assert watched.lost == [("logs", 3, True, "spool_corrupt")]
    watched.spool.done(batch)
    assert watched.lost[1:] == []
    assert watched.spool.waiting() == {"traces": 0, "logs": 0, "metrics": 0}


def _remove(segment: Path) -> None:
    segment.unlink()


def _exchange(segment: Path) -> None:
    segment.with_suffix(".copy").write_bytes(segment.read_bytes())
    segment.unlink()
    segment.symlink_to(segment.with_suffix(".copy"))


@pytest.mark.parametrize("trick", [_remove, _exchange])
def test_a_segment_that_vanished_while_another_was_sent(
    spool: Callable[..., Watched],
    segments: Callable[[], list[Path]],
    clock: ManualClock,
    trick: Callable[[Path], None],
) -> None:
    """Its first batch was seen, and is not there any more when its turn comes."""
    watched = spool(segment_bytes=100)
    watched.append("logs", b"first")
    clock.advance(1)
    watched.append("traces", b"gone", items=3)
    watched.append("traces", b"last")
    batch = watched.spool.oldest()
    trick(segments()[1])
    watched.spool.done(batch)
    assert watched.bodies() == [b"last"]
    assert watched.lost == [("traces", 3, True, "spool_corrupt")]
