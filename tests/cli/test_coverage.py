"""``pepperpy-otel coverage``: what a service was declared to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pepperpy_otel import cli
from tests.backup.make import make_backup

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of the checkout are found; a backup with a0, b0, sold and hello."""
    monkeypatch.chdir(tmp_path)
    make_backup(tmp_path / "otel-data", 1)
    return tmp_path


def test_what_is_missing_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From pyproject.toml and options together; exit status 1."""
    (here / "pyproject.toml").write_text(
        '[tool.pepperpy_otel.expect]\noperations = ["a0", "z0"]\nmetrics = ["sold"]\n'
    )
    assert cli.main(["coverage", "--log-event", "hello", "--component", "db"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("metric     sold: last seen 20")
    assert lines[1].startswith("operation  a0: last seen 20")
    assert lines[2] == "operation  z0: MISSING"
    assert lines[3].startswith("log event  hello: last seen ")
    assert lines[4] == "component  db: MISSING"
    assert lines[5] == "covered 3 of 5; missing: operation 'z0', component 'db'"


def test_all_there_is_good(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0; a damaged file is said."""
    path = here / "otel-data" / "traces.jsonl"
    path.write_bytes(path.read_bytes() + b"torn")
    assert cli.main(["coverage", "--from", "otel-data", "--operation", "a0"]) == 0
    assert "is cut off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing is expected; write [tool.pepperpy_otel.expect]"),
        (["--operation", "a", "--from", "missing"], "missing: there is no such file or directory"),
        (["--operation", "a", "--from", "bad"], "manifest.json is no manifest"),
        (["--operation", "a", "--from", "loop"], "loop/traces.jsonl: Is a directory"),
    ],
)
def test_wrong_use_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """And exit status 2."""
    (here / "bad").mkdir()
    (here / "bad" / "manifest.json").write_text("{}")
    make_backup(here / "loop")
    (here / "loop" / "traces.jsonl").unlink()
    (here / "loop" / "traces.jsonl").mkdir()
    assert cli.main(["coverage", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel coverage: ")
    assert message in line
