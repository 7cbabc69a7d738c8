"""The bytes: what is packed is unpacked, and nothing else is."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.spool import framing

NUMBERS = st.integers(0, 2**64 - 1)
OFFSETS = st.integers(0, 2**40)
COUNTS = st.integers(0, framing.MOST)
FRAMES = st.builds(
    framing.Frame,
    kind=st.sampled_from([framing.DATA, framing.END]),
    signal=st.sampled_from(SIGNALS),
    items=COUNTS,
    before=NUMBERS,
    written_at=st.floats(allow_nan=False),
    compressed=st.booleans(),
    length=COUNTS,
    stored=COUNTS,
    checksum=COUNTS,
)
BODIES = st.binary(max_size=3000) | st.builds(
    lambda part, times: part * times, st.binary(min_size=1, max_size=20), st.integers(1, 400)
)


def _frame_of(payload: framing.Payload) -> framing.Frame:
    return framing.Frame(
        framing.DATA,
        "logs",
        1,
        0,
        0.0,
        payload.compressed,
        payload.length,
        len(payload.data),
        payload.checksum,
    )


@given(NUMBERS, OFFSETS, FRAMES)
def test_a_frame_comes_back(number: int, offset: int, frame: framing.Frame) -> None:
    """Every field of a frame survives."""
    packed = framing.pack_frame(number, offset, frame)
    assert len(packed) == framing.FRAME_SIZE
    assert framing.unpack_frame(number, offset, packed) == frame


@given(NUMBERS, OFFSETS, FRAMES, st.integers(1, 2**64 - 1), st.integers(1, 2**20))
def test_a_frame_is_one_in_its_place_only(
    number: int, offset: int, frame: framing.Frame, other: int, further: int
) -> None:
    """The same bytes in another segment, or elsewhere in this one, are no frame."""
    packed = framing.pack_frame(number, offset, frame)
    assert framing.unpack_frame(number ^ other, offset, packed) is None
    assert framing.unpack_frame(number, offset + further, packed) is None


@given(NUMBERS, FRAMES, st.integers(0, framing.FRAME_SIZE - 1), st.integers(1, 255))
def test_a_frame_with_a_wrong_byte_is_none(
    number: int, frame: framing.Frame, place: int, change: int
) -> None:
    """One byte that differs anywhere in it is noticed."""
    packed = bytearray(framing.pack_frame(number, 64, frame))
    packed[place] ^= change
    assert framing.unpack_frame(number, 64, bytes(packed)) is None


@pytest.mark.parametrize(("place", "value"), [(0, 0), (4, 9), (5, 9)])
def test_a_frame_of_a_later_version_is_none(place: int, value: int) -> None:
    """Whole, but with a magic number, a kind or a signal that nobody here knows."""
    frame = framing.Frame(framing.DATA, "logs", 1, 0, 0.0)
    packed = bytearray(framing.pack_frame(1, 64, frame))
    packed[place] = value
    unsigned = bytes(packed[:-4])
    signed = unsigned + framing._checksum(1, 64, unsigned)
    assert framing.unpack_frame(1, 64, signed) is None


def test_half_a_frame_is_none() -> None:
    """Nor is nothing."""
    packed = framing.pack_frame(1, 64, framing.Frame(framing.DATA, "logs", 1, 0, 0.0))
    assert framing.unpack_frame(1, 64, packed[:20]) is None
    assert framing.unpack_frame(1, 64, b"") is None


@given(BODIES)
def test_a_body_comes_back(body: bytes) -> None:
    """Compressed or not."""
    payload = framing.pack_payload(body)
    assert len(payload.data) <= len(body)
    assert framing.unpack_payload(_frame_of(payload), payload.data) == body


def test_a_body_is_compressed_where_that_helps() -> None:
    """A short body and one that does not shrink stay as they are."""
    from random import Random

    assert framing.pack_payload(b"ab" * 10_000).compressed
    assert not framing.pack_payload(b"ab" * 10).compressed
    assert not framing.pack_payload(Random(1).randbytes(10_000)).compressed


@given(BODIES.filter(bool), st.data())
def test_a_payload_with_a_wrong_byte_is_none(body: bytes, data: st.DataObject) -> None:
    """No body is given out that was not written."""
    payload = framing.pack_payload(body)
    changed = bytearray(payload.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    assert framing.unpack_payload(_frame_of(payload), bytes(changed)) is None
    assert framing.unpack_payload(_frame_of(payload), payload.data[:-1]) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no zlib at all", id="garbage"),
        pytest.param(zlib.compress(b"x" * 10), id="too short"),
        pytest.param(zlib.compress(b"x" * 1_000_000), id="too long"),
        pytest.param(zlib.compress(b"x" * 1000)[:-2], id="cut"),
    ],
)
def test_a_payload_that_inflates_to_something_else_is_none(data: bytes) -> None:
    """The length in the frame is the most that is ever inflated."""
    frame = framing.Frame(framing.DATA, "logs", 1, 0, 0.0, True, 1000, len(data), zlib.crc32(data))
    assert framing.unpack_payload(frame, data) is None


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, framing.PROGRESS_SIZE - 1), st.integers(1, 255))
def test_progress_comes_back_or_is_not_believed(
    number: int, offset: int, passed: int, place: int, change: int
) -> None:
    """Wrong progress would skip what was never sent."""
    packed = bytearray(framing.pack_progress(number, offset, passed))
    assert framing.unpack_progress(number, bytes(packed)) == (offset, passed)
    packed[place] ^= change
    assert framing.unpack_progress(number, bytes(packed)) is None
    assert framing.unpack_progress(number, b"") is None


@given(NUMBERS, st.integers(0, framing.PROGRESS_AT - 1), st.integers(1, 255))
def test_a_head_is_known_by_its_bytes(number: int, place: int, change: int) -> None:
    """A new segment begins with one, and nothing is done in it."""
    packed = bytearray(framing.pack_head(number, "metrics", 1.5e9, 2**40, 1.4e9))
    assert len(packed) == framing.HEAD_SIZE
    assert framing.is_head(number, bytes(packed))
    progress = framing.unpack_progress(number, bytes(packed[framing.PROGRESS_AT :]))
    assert progress == (framing.HEAD_SIZE, 0)
    packed[place] ^= change
    assert not framing.is_head(number, bytes(packed))
