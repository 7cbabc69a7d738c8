"""The file of one process: written in place, readable at any time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.metrics.multiprocess import cells
from pepperpy_otel.metrics.multiprocess.cells import CellFile, entries, is_owned

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read_while_the_owner_lives(tmp_path: Path) -> None:
    """A number changed in place is seen by the next reader, without any flush."""
    file = CellFile(tmp_path / "a")
    first = file.add(b'{"n": 1}', 1)
    second = file.add(b'{"n": "longer"}', 3)

    first[0] = 1.5
    second[2] += 7

    found = list(entries((tmp_path / "a").read_bytes()))
    assert [(entry.key, entry.numbers) for entry in found] == [
        (b'{"n": 1}', (1.5,)),
        (b'{"n": "longer"}', (0.0, 0.0, 7.0)),
    ]
    assert found[0].description() == {"n": 1}
    file.close()


def test_a_file_grows_and_old_numbers_stay_in_place(tmp_path: Path) -> None:
    """More than a chunk of series, and one larger than a chunk."""
    file = CellFile(tmp_path / "a")
    held = [file.add(b"%08d" % number, 4) for number in range(cells.CHUNK // 32)]
    large = file.add(b"x" * (2 * cells.CHUNK), 1)
    for number, numbers in enumerate(held):
        numbers[3] = number
    large[0] = -1
    file.close()
    held[0][3] = 99  # handed out numbers outlive the closing

    found = list(entries((tmp_path / "a").read_bytes()))

    assert found[0].numbers[3] == 99
    assert [entry.numbers[3] for entry in found[1:-1]] == list(range(1, len(held)))
    assert found[-1].numbers == (-1.0,)


def test_a_file_that_was_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    """Wherever it ends, no reader fails."""
    file = CellFile(tmp_path / "a")
    for number in range(3):
        file.add(b"%d" % number, 1)[0] = number
    file.close()
    content = (tmp_path / "a").read_bytes()

    counts = [len(list(entries(content[:end]))) for end in range(120)]

    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 3)
    assert list(entries(bytes(100))) == []


def test_what_is_no_object_is_no_description() -> None:
    """Garbage is a ValueError, not something else."""
    with pytest.raises(ValueError, match="not an object"):
        cells.Entry(b"[]", ()).description()
    with pytest.raises(ValueError):
        cells.Entry(b"\xff{", ()).description()


def test_an_open_file_is_owned_and_a_closed_one_is_not(tmp_path: Path) -> None:
    """The kernel says so, whatever the owner died of."""
    file = CellFile(tmp_path / "a")
    assert is_owned(tmp_path / "a")
    file.close()
    file.close()
    assert not is_owned(tmp_path / "a")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first chunk is written, not only reserved: a hole could not be filled later."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        CellFile(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_nearly_full_disk_is_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system writes what there is room for, and says so."""
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: len(data) - 1)
    with pytest.raises(OSError, match="No space"):
        CellFile(tmp_path / "a")
    assert not (tmp_path / "a").exists()
