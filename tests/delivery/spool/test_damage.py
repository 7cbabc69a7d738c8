"""Torn, garbled, foreign: what is whole is sent, what is not is never sent, and said once."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_otel.delivery.spool import Spool, SpooledBatch, SpoolLimits, framing
from tests.delivery.spool.conftest import Watched, die

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SIZES = st.lists(st.integers(0, 900), min_size=1, max_size=6)


@contextlib.contextmanager
def _spool(directory: Path) -> Iterator[Watched]:
    said: list[str] = []
    lost: list[tuple[str, int, bool, str]] = []
    watched = Watched(
        Spool(
            directory,
            "damaged",
            limits=SpoolLimits(),
            warn=lambda message, *args: said.append(message % args),
            on_lost=lambda *loss: lost.append(loss),
        ),
        said,
        lost,
    )
    try:
        yield watched
    finally:
        watched.spool.close()


@contextlib.contextmanager
def _written(sizes: list[int], *, done: int, killed: bool) -> Iterator[tuple[Path, list[bytes]]]:
    """A segment file with batches in it, whose owner is gone; batch n has n + 1 items."""
    directory = Path(tempfile.mkdtemp())
    # What cannot be compressed, so that a byte on disk is a byte of the body.
    bodies = [bytes([number]) + os.urandom(size) for number, size in enumerate(sizes)]
    try:
        with _spool(directory) as watched:
            for number, body in enumerate(bodies):
                watched.append(body=body, items=number + 1)
            for _ in range(min(done, len(sizes) - 1)):
                watched.spool.done(watched.spool.oldest())
            if killed:
                die(watched)
        (segment,) = directory.rglob("*.spool1")
        yield segment, bodies
    finally:
        shutil.rmtree(directory)


def _read(segment: Path) -> tuple[list[SpooledBatch], Watched]:
    with _spool(segment.parent.parent) as watched:
        return watched.drain(), watched


def _starts(bodies: list[bytes]) -> list[int]:
    """Where each record begins, and where the last one ends."""
    starts = [framing.HEAD_SIZE]
    for body in bodies:
        starts.append(starts[-1] + framing.FRAME_SIZE + len(body))
    return starts


@settings(deadline=None, max_examples=150)
@given(SIZES, st.integers(0, 3), st.booleans(), st.data())
def test_one_wrong_byte_costs_one_batch_at_most(
    sizes: list[int], done: int, killed: bool, data: st.DataObject
) -> None:
    """Wherever it is; the others arrive in order, and what was lost is counted where it can be."""
    with _written(sizes, done=done, killed=killed) as (segment, bodies):
        content = bytearray(segment.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        segment.write_bytes(bytes(content))
        found, watched = _read(segment)
    got = [batch.body for batch in found]
    left = bodies[min(done, len(sizes) - 1) :]
    starts = _starts(bodies)
    hit = next((n for n in range(len(bodies)) if starts[n] <= place < starts[n + 1]), None)
    if framing.PROGRESS_AT <= place < framing.HEAD_SIZE:
        assert got == bodies  # what was done is forgotten: at least once
    elif hit is None:
        assert got == left
    else:
        assert got == [body for body in left if body != bodies[hit]]
        # The last frame of a killed owner tells of the items in it; nothing else does.
        known = not killed or hit < len(bodies) - 1 or place >= starts[hit] + framing.FRAME_SIZE
        was_left = bodies[hit] in left
        assert watched.lost_for("spool_corrupt") == (hit + 1 if known and was_left else 0)
    assert len(watched.said) <= 1


@settings(deadline=None, max_examples=100)
@given(SIZES, st.integers(0, 3), st.booleans(), st.data())
def test_a_file_cut_anywhere_keeps_what_is_in_front(
    sizes: list[int], done: int, killed: bool, data: st.DataObject
) -> None:
    """A torn tail is what ``kill -9`` leaves: no loss to tell of, and no line."""
    with _written(sizes, done=done, killed=killed) as (segment, bodies):
        length = data.draw(st.integers(0, segment.stat().st_size))
        os.truncate(segment, length)
        found, watched = _read(segment)
    starts = _starts(bodies)
    whole = [body for n, body in enumerate(bodies) if starts[n + 1] <= length]
    assert [batch.body for batch in found] == whole[min(done, len(sizes) - 1) :]
    assert watched.said == watched.lost == []


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=3000))
def test_garbage_yields_nothing(garbage: bytes) -> None:
    """A file under the name of a segment with anything in it is removed."""
    with _written([5], done=0, killed=True) as (segment, _):
        segment.write_bytes(garbage)
        found, _ = _read(segment)
        assert found == []
        assert not segment.exists()


@settings(deadline=None, max_examples=50)
@given(SIZES, SIZES, st.binary(min_size=1, max_size=200))
def test_a_body_never_passes_for_a_record(sizes: list[int], inner: list[int], head: bytes) -> None:
    """Somebody who gets a whole segment file into an attribute does not get it sent."""
    with _written(inner, done=0, killed=False) as (other, _):
        # Random bytes around it, so that it is not compressed.
        smuggled = head + os.urandom(2000) + other.read_bytes() + os.urandom(2000)
    with _written(sizes, done=0, killed=True) as (segment, bodies):
        with _spool(segment.parent.parent) as watched:
            watched.append(body=smuggled)
            watched.append(body=b"last")
        for file in segment.parent.glob("*.spool1"):
            content = bytearray(file.read_bytes())
            at = content.find(smuggled)
            if at > 0:
                content[at - 1] ^= 1  # its own frame: from here on a record is looked for
                file.write_bytes(bytes(content))
        found, watched = _read(segment)
    assert [batch.body for batch in found] == [*bodies, b"last"]
    assert watched.lost_for("spool_corrupt") == 1


def test_damage_is_said_once(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """Ten bad segments are one line; the good ones between them are sent."""
    watched = spool(segment_bytes=200)
    for number in range(20):
        watched.append(body=b"%02d" % number * 60, items=5)
    watched.spool.close()
    for number, segment in enumerate(segments()):
        if number % 2:
            with segment.open("r+b") as file:
                file.seek(120)
                file.write(b"oops")
    again = spool()
    assert again.bodies() == [b"%02d" % number * 60 for number in range(0, 20, 2)]
    assert again.lost_for("spool_corrupt") == 50
    assert len(again.said) == 1
    assert "damaged" in again.said[0]
    assert segments() == []


def test_damaged_progress_is_no_progress(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """Sent twice rather than not at all."""
    first = spool()
    first.append(body=b"1")
    first.append(body=b"2")
    first.spool.done(first.spool.oldest())
    die(first)
    with segments()[0].open("r+b") as file:
        file.seek(framing.PROGRESS_AT)
        file.write(b"oops")
    second = spool()
    assert second.bodies() == [b"1", b"2"]
    assert len(second.said) == 1


def test_damage_is_counted_once(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """Not by the next one again."""
    first = spool()
    first.append(body=b"bad", items=4)
    first.append(body=b"good")
    with segments()[0].open("r+b") as file:
        file.seek(framing.HEAD_SIZE + framing.FRAME_SIZE)
        file.write(b"!!!")
    assert first.spool.oldest().body == b"good"
    assert first.lost == [("traces", 4, True, "spool_corrupt")]
    first.spool.close()
    second = spool()
    assert second.bodies() == [b"good"]
    assert second.lost == []


def test_own_damage_is_counted_as_own(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """What this process wrote and cannot read again is lost, and not waiting any more."""
    watched = spool()
    watched.append("logs", b"one" * 30, items=2)
    watched.append("logs", b"two" * 30, items=3)
    content = bytearray(segments()[0].read_bytes())
    content[-5] ^= 1
    segments()[0].write_bytes(bytes(content))
    assert watched.bodies() == [b"one" * 30]
    assert watched.lost == [("logs", 3, True, "spool_corrupt")]
    assert watched.spool.waiting()["logs"] == 0


def test_a_far_damage_is_stepped_over(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """The next whole record is found behind more garbage than is read at once."""
    watched = spool()
    watched.append(body=b"before")
    watched.append(body=os.urandom(300_000), items=9)
    watched.append(body=b"after")
    watched.spool.close()
    with segments()[0].open("r+b") as file:
        file.seek(framing.HEAD_SIZE + framing.FRAME_SIZE + 6)
        # Its beginning looks like the beginning of many records.
        file.write(framing.RECORD_MAGIC * 100)
    again = spool()
    assert again.bodies() == [b"before", b"after"]
    assert again.lost == [("traces", 9, False, "spool_corrupt")]
