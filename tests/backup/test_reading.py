"""Files of lines are read as they are: whole, damaged, endless."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.backup import reading
from pepperpy_otel.backup.reading import Place, Reader, files_in
from tests.backup.make import make_backup, spans_line


def read(path: Path, **options: Any) -> tuple[list[tuple[str, int]], list[str]]:
    reader = Reader(path, **options)
    return [(item.name, item.items) for item in reader], reader.complaints()


def test_a_backup_is_read_in_the_order_of_its_signals(tmp_path: Path) -> None:
    """Traces, metrics, logs; what is state only if it is asked for; nothing is wrong with it."""
    make_backup(tmp_path, 2)
    telemetry = [("traces.jsonl", 2)] * 2 + [("metrics.jsonl", 1), ("logs.jsonl", 1)]
    assert read(tmp_path) == (telemetry, [])
    assert sorted(read(tmp_path, state=True)[0]) == sorted([*telemetry, ("events.jsonl", 1)])


def test_a_directory_without_a_manifest_is_read_from_the_oldest_file(tmp_path: Path) -> None:
    """As otlp-file and the Collector rotate; other files are left out."""
    for age, name in enumerate(("traces.jsonl", "traces.1.jsonl", "collector.json")):
        (tmp_path / name).write_bytes(spans_line("a"))
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.json").write_text("x")
    (tmp_path / "directory.json").mkdir()
    names = ["collector.json", "traces.1.jsonl", "traces.jsonl"]
    assert [path.name for path in files_in(tmp_path)] == names
    assert [name for name, _ in read(tmp_path)[0]] == names


def test_files_that_are_put_aside_meanwhile_are_read_all_the_same(tmp_path: Path) -> None:
    """As ``otlp-file`` rotates in a process that runs; what comes after the look is left out."""
    names = ["traces.jsonl", "traces.1.jsonl", "traces.2.jsonl"]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(spans_line(*"x" * (age + 1)))
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    reader = Reader(tmp_path)
    (tmp_path / names[2]).replace(tmp_path / "gone")
    (tmp_path / names[1]).replace(tmp_path / names[2])
    (tmp_path / names[0]).replace(tmp_path / names[1])
    (tmp_path / names[0]).write_bytes(spans_line(*"12345"))
    assert [item.items for item in reader] == [2, 1]


def test_a_cut_off_file_gives_what_is_whole(tmp_path: Path) -> None:
    """And says what is not, against the manifest too."""
    manifest = make_backup(tmp_path, 3)
    path = tmp_path / "traces.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    found, complaints = read(tmp_path)
    assert found.count(("traces.jsonl", 2)) == 2
    torn = manifest.files["traces.jsonl"].size // 3 - 10
    assert complaints == [
        f"traces.jsonl is cut off: {torn} bytes behind line 2 are no whole line",
        "traces.jsonl: 4 of 6 spans (2 of 3 lines) are whole",
    ]


def test_what_was_changed_without_being_shorter_is_found(tmp_path: Path) -> None:
    """By its checksum."""
    make_backup(tmp_path)
    path = tmp_path / "traces.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"a0"', b'"x0"'))
    assert read(tmp_path)[1] == [
        "traces.jsonl is not what was backed up (its SHA-256 is another one)"
    ]


def test_a_file_that_is_missing_is_found(tmp_path: Path) -> None:
    """The rest is read."""
    make_backup(tmp_path)
    (tmp_path / "traces.jsonl").unlink()
    found, complaints = read(tmp_path)
    assert ("logs.jsonl", 1) in found
    assert complaints == ["traces.jsonl is in the manifest and cannot be found"]


def test_lines_that_are_none_cost_themselves(tmp_path: Path) -> None:
    """They are counted and the first one is named; empty lines are nothing."""
    path = tmp_path / "x.jsonl"
    line = spans_line("a")
    path.write_bytes(line + b"nonsense\n\n" + line + b"{}\n{}\n{}\n{}\n" + line.rstrip())
    found, complaints = read(path)
    assert len(found) == 3
    (complaint,) = complaints
    assert complaint.startswith("x.jsonl: 5 lines cannot be read, the first one is line 2 (no JSON")


def test_a_line_without_end_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is longer than the limit is passed over; so is what comes at the limit exactly."""
    monkeypatch.setattr(reading, "MAX_LINE", 5_000)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * 2_000_000 + b"\n" + spans_line("a") + b"y" * 7_000)
    found, complaints = read(path)
    assert found == [("x.jsonl", 1)]
    why = "the first one is line 1 (longer than 5000 bytes)"
    assert complaints == [f"x.jsonl: 2 lines cannot be read, {why}"]


def test_what_is_done_is_passed_over_and_counts(tmp_path: Path) -> None:
    """The checksum is that of the whole file all the same."""
    make_backup(tmp_path, 3)
    first = len((tmp_path / "traces.jsonl").read_bytes().splitlines(keepends=True)[0])
    found, complaints = read(tmp_path, done={"traces.jsonl": Place(first, 1, 2)})
    assert found.count(("traces.jsonl", 2)) == 2
    assert complaints == []


LINE = spans_line("a", "b")


@given(st.integers(0, len(LINE)), st.binary(max_size=8), st.integers(0, 8))
def test_any_damage_costs_its_line_at_most(at: int, new: bytes, instead_of: int) -> None:
    """Bytes put in, taken out, or changed anywhere: the lines around are whole."""
    damaged = LINE[:at] + new + LINE[at + instead_of :]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.jsonl"
        path.write_bytes(LINE + damaged.rstrip(b"\n").replace(b"\n", b" ") + b"\n" + LINE)
        found, _ = read(path)
        assert len(found) in (2, 3)
        assert found[0] == found[-1] == ("x.jsonl", 2)


@pytest.mark.parametrize(
    "line",
    [
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asDouble":1'
        + b"0" * 400
        + b"}]}}]}]}]}",
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
        + b'{"arrayValue":{"values":[' * 300
        + b"]}}" * 300
        + b"}]}]}]}",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
    ],
)
def test_what_otlp_cannot_hold_is_unreadable(tmp_path: Path, line: bytes) -> None:
    """Numbers beyond a double, nesting without end, half characters."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(line + b"\n" + LINE)
    found, complaints = read(path)
    assert found == [("x.jsonl", 2)]
    assert complaints[0].startswith("x.jsonl: 1 lines cannot be read, the first one is line 1 (no ")
