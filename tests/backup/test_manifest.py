"""A manifest is believed only if it is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.backup.manifest import BadManifest, Manifest
from tests.backup.make import make_backup

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_without_one_has_none(tmp_path: Path) -> None:
    """That is no error: it may be a directory of otlp-file."""
    assert Manifest.read(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other/1"}, "is of the format 'other/1'"),
        ({"files": None}, "is no manifest"),
        ({"files": {"../etc": {}}}, "is no file name"),
        ({"files": {"traces.jsonl": {"signal": "traces"}}}, "is no manifest"),
        ({"lost": {"x": "many"}}, "is no manifest"),
    ],
)
def test_one_that_is_not_ours_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """What is wrong with it is said in one line; no name in it leads out of the directory."""
    make_backup(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadManifest, match=message) as caught:
        Manifest.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_one_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """A torn write is no traceback."""
    (tmp_path / "manifest.json").write_text('{"format": "pepper')
    with pytest.raises(BadManifest, match="JSONDecodeError"):
        Manifest.read(tmp_path)
