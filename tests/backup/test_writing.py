"""A backup appears as a whole, for its owner alone, and hurts no other file."""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.backup.manifest import Manifest
from pepperpy_otel.backup.writing import Refused, Writer
from tests.backup.make import logs_body, make_backup, names_in, spans_body

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_added_is_there_with_counts_and_checksums(tmp_path: Path) -> None:
    """The manifest says of each file what is really in it."""
    manifest = make_backup(tmp_path / "new" / "backup")
    assert Manifest.read(tmp_path / "new" / "backup") == manifest
    assert (manifest.items("traces"), manifest.items("logs"), manifest.items("metrics")) == (
        6,
        1,
        1,
    )
    for name, entry in manifest.files.items():
        data = (tmp_path / "new" / "backup" / name).read_bytes()
        assert (entry.size, entry.lines) == (len(data), data.count(b"\n"))
        assert entry.sha256 == hashlib.sha256(data).hexdigest()
    assert manifest.files["events.jsonl"].role == "state"
    assert names_in(tmp_path / "new" / "backup" / "traces.jsonl") == [
        *("a0", "b0", "a1", "b1", "a2", "b2")
    ]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """0700 and 0600, whatever the process's umask lets through."""
    make_backup(tmp_path / "backup")
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "backup").iterdir()}
    assert modes == {0o600}


def test_nothing_is_seen_before_it_is_finished(tmp_path: Path) -> None:
    """A writer that fails half-way leaves nothing, beside or inside of the directory."""
    for directory in (tmp_path / "new", tmp_path):
        with pytest.raises(ZeroDivisionError):
            _fail_in_the_middle(directory)
        assert list(tmp_path.iterdir()) == []


def _fail_in_the_middle(directory: Path) -> None:
    with Writer(directory) as writer:
        writer.add("traces", spans_body("a"))
        assert not (directory / "traces.jsonl").exists()
        raise ZeroDivisionError


def test_an_older_backup_is_replaced(tmp_path: Path) -> None:
    """Also the files that the new one does not have."""
    (tmp_path / "notes.txt").write_text("mine")
    make_backup(tmp_path)
    with Writer(tmp_path) as writer:
        writer.add("logs", logs_body("new"))
        writer.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("logs.jsonl", "manifest.json", "metrics.jsonl", "notes.txt", "traces.jsonl")
    ]
    assert (tmp_path / "traces.jsonl").read_bytes() == b""


def test_files_that_are_no_backup_are_never_overwritten(tmp_path: Path) -> None:
    """What otlp-file writes has the same names."""
    (tmp_path / "traces.jsonl").write_text("precious")
    with pytest.raises(Refused, match=r"holds traces\.jsonl, which is no backup"):
        make_backup(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["traces.jsonl"]
    assert (tmp_path / "traces.jsonl").read_text() == "precious"


def test_a_file_in_the_place_of_the_directory_is_said(tmp_path: Path) -> None:
    """It is not replaced either."""
    (tmp_path / "backup").write_text("a file")
    with pytest.raises(NotADirectoryError):
        Writer(tmp_path / "backup")


def test_a_request_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """It costs itself, and the manifest says so."""
    with Writer(tmp_path / "backup") as writer:
        writer.add("traces", b"\xff\xff")
        writer.add("traces", spans_body("good"))
        manifest = writer.finish()
    assert manifest.lost == {"unreadable requests": 1}
    assert manifest.items("traces") == 1
