"""Reading a spool takes nothing from whom it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup import spooled
from pepperpy_otel.delivery.spool import Spool, SpoolLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def open_spool(directory: Path, **options: Any) -> Spool:
    return Spool(directory, "otlp", on_lost=lambda *_: None, **options)


def read(directory: Path) -> tuple[list[tuple[str, bytes]], list[str]]:
    damaged: list[str] = []
    found = spooled.batches(directory, lambda path: damaged.append(path.name))
    return [(batch.signal, batch.body) for batch in found], damaged


def segment(directory: Path) -> Path:
    (path,) = spooled.segments(directory)
    return path


def test_what_waits_is_read_while_its_owner_lives_and_stays_there(tmp_path: Path) -> None:
    """Short and long bodies of all signals; afterwards the owner still has all of them."""
    spool = open_spool(tmp_path)
    batches = [("traces", b"short"), ("logs", b"long " * 1000), ("traces", b""), ("metrics", b"m")]
    for signal, body in batches:
        assert spool.append(signal, body, 1)  # type: ignore[arg-type]
    assert sorted(read(tmp_path)[0]) == sorted(batches)
    assert read(tmp_path) == read(tmp_path / next(p.name for p in tmp_path.iterdir()))
    assert dict(spool.waiting()) == {"traces": 2, "logs": 1, "metrics": 1}
    spool.close()


def test_what_is_done_is_left_out(tmp_path: Path) -> None:
    """The owner's progress counts."""
    spool = open_spool(tmp_path)
    for body in (b"first", b"second"):
        spool.append("traces", body, 1)
    batch = spool.oldest()
    assert batch is not None
    spool.done(batch)
    assert read(tmp_path) == ([("traces", b"second")], [])
    spool.close()


def test_segments_are_read_in_the_order_of_their_making(tmp_path: Path) -> None:
    """Also across files, and with the end records of those that are closed."""
    spool = open_spool(tmp_path, limits=SpoolLimits(segment_bytes=300))
    bodies = [f"{number:03d}".encode() * 30 for number in range(9)]
    for body in bodies:
        spool.append("logs", body, 1)
    spool.close()
    assert len(spooled.segments(tmp_path)) > 2
    assert [body for _, body in read(tmp_path)[0]] == bodies


def test_damage_costs_the_batch_that_it_hits(tmp_path: Path) -> None:
    """In a payload or in a frame: what lies behind it is found, and the file is named once."""
    for offset, name in ((130, "payload"), (66, "frame")):
        spool = open_spool(tmp_path / name)
        for body in (b"a" * 100, b"b" * 100, b"c" * 100):
            spool.append("traces", body, 1)
        spool.close()
        path = segment(tmp_path / name)
        data = bytearray(path.read_bytes())
        data[offset] ^= 0xFF
        path.write_bytes(bytes(data))
        assert read(tmp_path / name) == (
            [("traces", b"b" * 100), ("traces", b"c" * 100)],
            [path.name],
        )


def test_a_torn_end_is_what_its_owner_is_writing(tmp_path: Path) -> None:
    """Neither a batch nor a damage."""
    spool = open_spool(tmp_path)
    spool.append("traces", b"whole", 1)
    size = segment(tmp_path).stat().st_size
    spool.append("traces", b"torn", 1)
    path = segment(tmp_path)
    whole = path.read_bytes()
    spool.close()
    for keep in (size + 20, size + 45):
        path.write_bytes(whole[:keep])
        assert read(tmp_path) == ([("traces", b"whole")], [])


def test_damage_up_to_the_end_is_passed_over(tmp_path: Path) -> None:
    """A magic number inside of it is not believed; a head that is damaged costs nothing."""
    spool = open_spool(tmp_path)
    spool.append("traces", b"whole", 1)
    spool.close()
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF  # the progress: then everything is read
    path.write_bytes(bytes(data) + b"damage\xd1PR\x01" + b"x" * 200_000)
    assert read(tmp_path) == ([("traces", b"whole")], [path.name])


def test_a_segment_that_vanishes_was_delivered(
    tmp_path: Path, monkeypatch: Any, request: Any
) -> None:
    """Between the listing and the reading; that is no error."""
    spool = open_spool(tmp_path)
    spool.append("traces", b"gone", 1)
    spool.close()
    path = segment(tmp_path)
    found: Callable[[Path], list[Path]] = spooled.segments

    def vanish(directory: Path) -> list[Path]:
        names = found(directory)
        path.unlink()
        return names

    monkeypatch.setattr(spooled, "segments", vanish)
    assert read(tmp_path) == ([], [])


def test_other_files_are_not_looked_at(tmp_path: Path) -> None:
    """Only names as the spool gives them count."""
    (tmp_path / "a.spool1").write_bytes(b"x")
    assert spooled.segments(tmp_path) == []
