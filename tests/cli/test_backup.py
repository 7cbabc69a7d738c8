"""``pepperpy-otel backup``: what waits in spools and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pepperpy_otel import cli
from pepperpy_otel.backup.manifest import Manifest
from pepperpy_otel.delivery.spool import Spool
from tests.backup.make import make_backup, names_in, spans_body, spans_line

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of the checkout are found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_named_directories(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several, and the counts are printed."""
    make_backup(here / "old", 1)
    (here / "files").mkdir()
    (here / "files" / "traces.jsonl").write_bytes(spans_line("a"))
    status = cli.main(["backup", "--output", "new", "--from", "old", "--from", "files"])
    assert status == 0
    manifest = Manifest.read(here / "new")
    assert manifest is not None
    assert manifest.items("traces") == 3
    assert capsys.readouterr().out.startswith("new: 3 spans, 1 data points, 1 log records, ")


def test_by_default_those_of_the_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool and the files that an app here would have."""
    monkeypatch.setenv("PEPPERPY_OTEL_SPOOL_DIRECTORY", "spool")
    (here / "otel-data").mkdir()
    (here / "otel-data" / "traces.jsonl").write_bytes(spans_line("filed"))
    spool = Spool(here / "spool", "otlp", on_lost=lambda *_: None)
    spool.append("traces", spans_body("spooled"), 1)
    assert cli.main(["backup", "--output", "new"]) == 0
    spool.close()
    assert sorted(names_in(here / "new" / "traces.jsonl")) == ["filed", "spooled"]


def test_what_is_not_whole_is_a_finding(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is whole is kept; the rest is said."""
    (here / "files").mkdir()
    (here / "files" / "traces.jsonl").write_bytes(spans_line("a") + b"torn")
    spool = Spool(here / "spool", "otlp", on_lost=lambda *_: None)
    spool.append("traces", b"\xff\xff", 1)
    spool.close()
    assert cli.main(["backup", "--output", "new", "--from", "files", "--from", "spool"]) == 1
    error = capsys.readouterr().err
    assert "traces.jsonl is cut off: 4 bytes behind line 1 are no whole line" in error
    assert "1 unreadable requests were left out" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "missing"], "--from missing: there is no such directory"),
        (["--output", ""], "--output is empty; name a directory"),
        ([], "there is no spool and no directory of otlp-file here; use --from DIR"),
        (["--from", "bad"], "manifest.json is no manifest"),
        (["--from", "taken", "--output", "taken"], "holds traces.jsonl, which is no backup"),
        (["--from", "taken", "--output", "taken/traces.jsonl"], "is not a directory"),
    ],
)
def test_wrong_use_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """And exit status 2."""
    (here / "bad").mkdir()
    (here / "bad" / "manifest.json").write_text("{}")
    (here / "taken").mkdir()
    (here / "taken" / "traces.jsonl").write_bytes(spans_line("a"))
    assert cli.main(["backup", "--output", "new", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel backup: ")
    assert message in line
    assert not (here / "new").exists()
