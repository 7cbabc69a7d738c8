"""A replay brings everything to its destination, whatever happens on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.backup.marks import default_path
from pepperpy_otel.backup.replaying import Replay
from pepperpy_otel.delivery.endpoint import OtlpEndpoint
from tests.backup.make import logs_body, make_backup, metrics_body, spans_line
from tests.delivery.sinks import Answer, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    running = HttpSink()
    yield running
    running.close()


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def endpoints(url: str) -> dict[Any, OtlpEndpoint]:
    return {signal: OtlpEndpoint(f"{url}/v1/{signal}") for signal in ("traces", "metrics", "logs")}


def replay(path: Path, sink: HttpSink, **options: Any) -> Any:
    clock = Clock()
    return Replay(path, endpoints(sink.url), clock=clock, sleep=clock.sleep, **options).run()


def sent(sink: HttpSink) -> list[str]:
    return [name for r in sink.requests if r.path == "/v1/traces" for name in r.span_names()]


def test_a_backup_arrives_as_a_whole(tmp_path: Path, sink: HttpSink) -> None:
    """Every signal at its own path, as many as the manifest says; nothing is left behind."""
    make_backup(tmp_path)
    before = sorted(tmp_path.iterdir())
    report = replay(tmp_path, sink)
    assert report
    assert report.delivered == {"traces": 6, "metrics": 1, "logs": 1}
    assert str(report) == "6 spans, 1 data points, 1 log records"
    assert sent(sink) == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert {r.path for r in sink.requests} == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert sorted(tmp_path.iterdir()) == before


def test_state_is_sent_if_it_is_asked_for(tmp_path: Path, sink: HttpSink) -> None:
    """As log records, which they are."""
    make_backup(tmp_path)
    assert replay(tmp_path, sink, state=True).delivered["logs"] == 2


def test_a_file_with_several_signals_can_be_replayed(tmp_path: Path, sink: HttpSink) -> None:
    """A Collector's file exporter writes all into one file."""
    from pepperpy_otel.delivery.files.lines import line_of

    path = tmp_path / "all.json"
    path.write_bytes(
        spans_line("a") + line_of("logs", logs_body("l")) + line_of("metrics", metrics_body(m=1))
    )
    assert replay(path, sink).delivered == {"traces": 1, "metrics": 1, "logs": 1}


def test_an_outage_is_waited_for(tmp_path: Path, sink: HttpSink) -> None:
    """The same request is tried again until it is answered."""
    make_backup(tmp_path, 1)
    sink.answers = [Answer(503), Answer(503), Answer(200)]
    assert replay(tmp_path, sink)
    assert sent(sink) == ["a0", "b0"] * 3


def test_a_replay_that_was_broken_off_goes_on_where_it_stood(
    tmp_path: Path, sink: HttpSink
) -> None:
    """What was delivered is not sent again, and the counts add up to the manifest's."""
    make_backup(tmp_path, 3)
    sink.answers = [Answer(200), Answer(503)]
    report = replay(tmp_path, sink, patience=5.0)
    assert not report
    assert "503" in report.error
    assert report.delivered["traces"] == 2
    sink.answers = [Answer(200)]
    sink.requests.clear()
    again = replay(tmp_path, sink)
    assert again
    assert again.skipped == 2
    assert again.delivered == {"traces": 4, "metrics": 1, "logs": 1}
    assert sent(sink) == ["a1", "b1", "a2", "b2"]
    assert not list(tmp_path.glob(".replay*"))


def test_another_endpoint_begins_anew(tmp_path: Path, sink: HttpSink) -> None:
    """Marks speak of one destination, also in a file that the user names."""
    make_backup(tmp_path / "backup", 2)
    marks = tmp_path / "marks"
    sink.answers = [Answer(200), Answer(401)]
    report = replay(tmp_path / "backup", sink, marks=marks)
    assert "401" in report.error
    assert json.loads(marks.read_text())["files"]["traces.jsonl"]["items"] == 2
    other = HttpSink()
    try:
        assert replay(tmp_path / "backup", other, marks=marks).delivered["traces"] == 4
    finally:
        other.close()


def test_a_file_that_is_another_one_by_now_begins_anew(tmp_path: Path, sink: HttpSink) -> None:
    """Marks of a file that was rotated away, or is shorter, do not count."""
    path = tmp_path / "x.jsonl"
    for changed in (spans_line("other") * 2, spans_line("a")[:50]):
        path.write_bytes(spans_line("a") + spans_line("b"))
        sink.answers = [Answer(200), Answer(401)]
        assert replay(path, sink).error
        path.write_bytes(changed)
        sink.answers = [Answer(200)]
        assert replay(path, sink).skipped == 0


def test_a_file_that_is_put_aside_in_the_middle_is_not_taken_for_its_successor(
    tmp_path: Path, sink: HttpSink
) -> None:
    """Marks are of what was read: the new file of the name begins anew."""
    path = tmp_path / "traces.jsonl"
    path.write_bytes(spans_line("a") + spans_line("b"))

    class Rotating(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if not (tmp_path / "traces.1.jsonl").exists():
                path.replace(tmp_path / "traces.1.jsonl")
                path.write_bytes(spans_line("c") + spans_line("d"))

    clock = Rotating()
    sink.answers = [Answer(503), Answer(200), Answer(401)]
    assert Replay(tmp_path, endpoints(sink.url), clock=clock, sleep=clock.sleep).run().error
    sink.answers = [Answer(200)]
    sink.requests.clear()
    assert replay(tmp_path, sink)
    assert {"c", "d"} <= set(sent(sink))


def test_lines_that_cannot_be_read_are_said_before_it_breaks_off(
    tmp_path: Path, sink: HttpSink
) -> None:
    """The run that goes on from there passes over them, and would say that all is well."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(spans_line("a") + b"nonsense\n" + spans_line("b"))
    sink.answers = [Answer(200), Answer(401)]
    report = replay(path, sink)
    assert "401" in report.error
    assert ["1 lines cannot be read" in line for line in report.complaints] == [True]


@pytest.mark.parametrize("marks", ["nonsense", "[]", '{"endpoint": 1}', "files", "no files"])
def test_marks_that_cannot_be_read_are_none(tmp_path: Path, sink: HttpSink, marks: str) -> None:
    """Then all is sent: at least once."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(spans_line("a"))
    if marks in ("files", "no files"):
        endpoint = " ".join(sorted(each.shown for each in endpoints(sink.url).values()))
        broken: Any = 5
        if marks == "files":
            broken = {"gone.jsonl": {"offset": 1, "lines": 1, "items": 1, "head": ""}, "x.jsonl": 3}
        marks = json.dumps({"endpoint": endpoint, "files": broken})
    (tmp_path / "marks").write_text(marks)
    assert replay(path, sink, marks=tmp_path / "marks").delivered["traces"] == 1


def test_marks_that_cannot_be_written_are_said(tmp_path: Path, sink: HttpSink) -> None:
    """Only where they would be needed: the replay itself goes on."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(spans_line("a") + b"torn")
    report = replay(path, sink, marks=tmp_path / "missing" / "marks")
    assert report.delivered["traces"] == 1
    assert "how far it came could not be written down (No such file or directory)" in (
        report.complaints
    )


def test_what_is_refused_is_counted(tmp_path: Path, sink: HttpSink) -> None:
    """A bad request is halved down to what is bad in it, and said once."""
    make_backup(tmp_path, 2)
    sink.answers = [Answer(400)]
    report = replay(tmp_path, sink)
    assert not report
    assert report.lost == {"refused": 6}
    assert report.delivered == {"traces": 0, "metrics": 0, "logs": 0}
    assert report.complaints == ["the destination says: HTTP 400 Bad Request"]


def test_a_request_that_is_taken_in_part_goes_on_with_the_rest(
    tmp_path: Path, sink: HttpSink
) -> None:
    """Too large, then one half is taken, then an outage: nothing is sent twice, nothing lost."""
    (tmp_path / "x.jsonl").write_bytes(spans_line("a", "b", "c", "d"))
    sink.answers = [Answer(413), Answer(200), Answer(503), Answer(200)]
    assert replay(tmp_path / "x.jsonl", sink).delivered["traces"] == 4
    assert sent(sink) == ["a", "b", "c", "d", "a", "b", "c", "d", "c", "d"]


def test_progress_is_told_now_and_then(tmp_path: Path, sink: HttpSink) -> None:
    """And the marks are written as often."""
    make_backup(tmp_path, 3)
    told: list[int] = []
    clock = Clock()

    def progress(report: Any) -> None:
        told.append(report.delivered["traces"])
        (mark,) = tmp_path.glob(".replay-*.state")
        assert json.loads(mark.read_text())["files"]["traces.jsonl"]["items"] == told[-1]

    def ticking() -> float:
        clock.now += 0.3
        return clock.now

    Replay(tmp_path, endpoints(sink.url), clock=ticking, progress=progress).run()
    assert told
    assert told == sorted(told)


def test_an_interrupt_keeps_what_is_done(tmp_path: Path, sink: HttpSink) -> None:
    """Control-C in the middle: the marks are written on the way out."""
    make_backup(tmp_path, 3)
    sink.answers = [Answer(200), Answer(503)]

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Replay(tmp_path, endpoints(sink.url), sleep=interrupt).run()
    sink.answers = [Answer(200)]
    assert replay(tmp_path, sink).skipped == 2


def test_marks_lie_beside_what_is_replayed(tmp_path: Path) -> None:
    """In a directory, or next to a file; hidden, so that no later replay takes them for lines."""
    (tmp_path / "x.jsonl").write_text("")
    assert default_path(tmp_path, "e").parent == tmp_path
    name = default_path(tmp_path / "x.jsonl", "e").name
    assert name.startswith(".x.jsonl.replay-")
    assert name != default_path(tmp_path / "x.jsonl", "f").name


def test_a_long_file_is_known_by_its_beginning(tmp_path: Path, sink: HttpSink) -> None:
    """Whatever was appended to it since."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(spans_line(f"span {number}") for number in range(30)))
    sink.answers = [*[Answer(200)] * 20, Answer(401)]
    assert replay(path, sink).delivered["traces"] == 20
    with path.open("ab") as file:
        file.write(spans_line("appended"))
    sink.answers = [Answer(200)]
    report = replay(path, sink)
    assert (report.skipped, report.delivered["traces"]) == (20, 11)


def test_a_full_disk_leaves_no_half_marks(
    tmp_path: Path, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are said to be missing, and the rest goes on."""
    (tmp_path / "x.jsonl").write_bytes(spans_line("a") + b"torn")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "replace", full)
    report = replay(tmp_path / "x.jsonl", sink)
    assert any("No space left on device" in line for line in report.complaints)
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
