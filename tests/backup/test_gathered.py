"""A backup of directories: what is in them, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.backup.gathered import gather
from pepperpy_otel.delivery.spool import Spool
from tests.backup.make import make_backup, names_in, spans_body, spans_line

if TYPE_CHECKING:
    from pathlib import Path


def test_spools_files_and_backups_come_together(tmp_path: Path) -> None:
    """State stays state; every source gives what it has."""
    spool = Spool(tmp_path / "spool", "otlp", on_lost=lambda *_: None)
    spool.append("traces", spans_body("spooled"), 1)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "traces.jsonl").write_bytes(spans_line("filed") + spans_line("cut")[:-5])
    (tmp_path / "files" / "traces.1.jsonl").write_bytes(spans_line("rotated").rstrip())
    make_backup(tmp_path / "old", 1)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "old")  # the same once more
    sources = [tmp_path / name for name in ("spool", "files", "old", "link", "nothing")]
    report = gather(tmp_path / "new", sources)
    spool.close()
    names = names_in(tmp_path / "new" / "traces.jsonl")
    assert sorted(names) == ["a0", "b0", "filed", "rotated", "spooled"]
    assert report.manifest is not None
    assert report.manifest.files["events.jsonl"].role == "state"
    assert (report.spans, report.log_records, report.data_points) == (5, 1, 1)
    (complaint,) = report.complaints
    assert complaint.startswith(f"{tmp_path / 'files'}: traces.jsonl is cut off")
