"""``pepperpy-otel replay``: from files to a Collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pepperpy_otel import cli
from tests.backup.make import make_backup, spans_line
from tests.delivery.grpc_sink import GrpcSink
from tests.delivery.sinks import Answer, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of the checkout are found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    running = HttpSink()
    yield running
    running.close()


def test_a_backup(here: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, and the counts."""
    make_backup(here / "backup")
    assert cli.main(["replay", "backup", "--endpoint", receiver.endpoint]) == 0
    assert capsys.readouterr().out == "sent 6 spans, 1 data points, 1 log records\n"
    assert len(receiver.store.spans) == 6
    assert cli.main(["replay", "backup", "--endpoint", receiver.endpoint, "--with-state"]) == 0
    assert len(receiver.store.logs) == 3


def test_headers_and_the_endpoint_of_the_environment(
    here: Path, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways to write a header; everything else as an app would have it."""
    (here / "x.jsonl").write_bytes(spans_line("a"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    headers = ["--header", "x-token=a=b", "--header", "Authorization: Bearer c"]
    assert cli.main(["replay", "x.jsonl", *headers]) == 0
    (request,) = sink.requests
    assert request.path == "/v1/traces"
    assert request.headers["x-token"] == "a=b"
    assert request.headers["authorization"] == "Bearer c"
    assert request.headers["content-encoding"] == "gzip"


def test_grpc(here: Path) -> None:
    """By the protocol's name."""
    make_backup(here / "backup", 1)
    sink = GrpcSink()
    try:
        arguments = ["--endpoint", f"http://{sink.address}", "--protocol", "grpc"]
        assert cli.main(["replay", "backup", *arguments]) == 0
        assert len(sink.calls) == 3
    finally:
        sink.close()


def test_port_4317_means_grpc() -> None:
    """As everywhere in OpenTelemetry; an explicit protocol wins."""
    from pepperpy_otel.cli import replay

    for arguments, protocol in (
        (["--endpoint", "http://localhost:4317"], "grpc"),
        (["--endpoint", "http://localhost:4317", "--protocol", "http/protobuf"], "http/protobuf"),
        (["--endpoint", "http://localhost:4318"], "http/protobuf"),
    ):
        made = replay._endpoints(replay._parse(["x", *arguments]))
        assert {endpoint.protocol for endpoint in made.values()} == {protocol}


def test_a_cut_off_file_is_a_finding(
    here: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is whole is sent; what is not is said."""
    make_backup(here / "backup")
    path = here / "backup" / "traces.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    assert cli.main(["replay", "backup", "--endpoint", receiver.endpoint]) == 1
    assert len(receiver.store.spans) == 4
    error = capsys.readouterr().err
    assert "traces.jsonl is cut off" in error
    assert "traces.jsonl: 4 of 6 spans (2 of 3 lines) are whole" in error


def test_a_replay_that_is_broken_off_goes_on(
    here: Path, sink: HttpSink, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command; it says what an earlier run has sent."""
    make_backup(here / "backup")
    sink.answers = [Answer(200), Answer(404)]
    command = ["replay", "backup", "--endpoint", sink.url, "--state", "marks", "--patience", "0"]
    assert cli.main(command) == 1
    captured = capsys.readouterr()
    assert captured.out == "sent 2 spans, 0 data points, 0 log records\n"
    assert captured.err == "broken off: HTTP 404 Not Found; the same command goes on from there\n"
    sink.answers = [Answer(200)]
    assert cli.main(command) == 0
    assert "(2 items were sent by an earlier run)" in capsys.readouterr().out
    assert not (here / "marks").exists()


def test_what_is_refused_is_said(
    here: Path, sink: HttpSink, capsys: pytest.CaptureFixture[str]
) -> None:
    """By reason."""
    (here / "x.jsonl").write_bytes(spans_line("a"))
    sink.answers = [Answer(400)]
    assert cli.main(["replay", "x.jsonl", "--endpoint", sink.url]) == 1
    assert "1 items were not taken: refused" in capsys.readouterr().err


def test_progress_is_shown(
    here: Path,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On standard error, so that the result stands alone."""
    from pepperpy_otel.backup import replaying

    monkeypatch.setattr(replaying, "SAVE_EVERY", 0.0)
    make_backup(here / "backup")
    cli.main(["replay", "backup", "--endpoint", receiver.endpoint])
    assert "sent so far: 2 spans, 0 data points, 0 log records" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing", "--endpoint", "http://x"], "missing: there is no such file or directory"),
        (["", "--endpoint", "http://x"], "PATH is empty; name a backup, a directory or a file"),
        (["x.jsonl"], "give --endpoint URL, for example http://localhost:4318"),
        (["x.jsonl", "--endpoint", "nonsense"], "endpoint"),
        (["bad", "--endpoint", "http://x"], "manifest.json is no manifest"),
        (["empty", "--endpoint", "http://x"], "empty: there are no files with OTLP lines in it"),
        (["loop", "--endpoint", "http://x"], "loop: "),
    ],
)
def test_wrong_use_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """And exit status 2."""
    (here / "x.jsonl").write_bytes(spans_line("a"))
    (here / "bad").mkdir()
    (here / "bad" / "manifest.json").write_text("{}")
    (here / "empty").mkdir()
    make_backup(here / "loop")
    (here / "loop" / "traces.jsonl").unlink()
    (here / "loop" / "traces.jsonl").mkdir()
    assert cli.main(["replay", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel replay: ")
    assert message in line


def test_a_spool_is_not_replayed_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next command is said."""
    from pepperpy_otel.delivery.spool import Spool

    spool = Spool(here / "spool", "otlp", on_lost=lambda *_: None)
    spool.append("traces", b"x", 1)
    spool.close()
    assert cli.main(["replay", "spool", "--endpoint", "http://x"]) == 2
    assert "run pepperpy-otel backup --from spool --output DIR first" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--header", "x"], ["--header", "=x"], ["--patience", "x"], ["--patience", "-1"]]
)
def test_arguments_that_mean_nothing_are_refused(arguments: list[str]) -> None:
    """By the parser."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", "x", *arguments])
    assert ended.value.code == 2
