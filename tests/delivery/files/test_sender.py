from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError

from pepperpy_otel.delivery import Destination, build_destination
from pepperpy_otel.delivery.files import sender as module
from pepperpy_otel.delivery.files.replay import replay
from pepperpy_otel.delivery.files.sender import FileSender
from pepperpy_otel.delivery.files.target import FileTarget
from tests.delivery.fakes import make_metrics, make_records, make_spans

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def target(tmp_path: Path) -> FileTarget:
    """A directory that does not exist yet."""
    return FileTarget(str(tmp_path / "otel-data"))


def lines(target: FileTarget, signal: str) -> list[Any]:
    """What is in a signal's file."""
    path = f"{target.directory}/{signal}.jsonl"
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_each_signal_has_its_file_and_each_batch_its_line(target: FileTarget) -> None:
    """All items of a batch are in one line; metrics of several collections too."""
    spans = FileSender("traces", target)
    assert spans.send(make_spans("a", "b"), 1).delivered == 2
    assert spans.send(make_spans("c"), 1).delivered == 1
    assert FileSender("logs", target).send(make_records("x"), 1).delivered == 1
    data = [make_metrics(one=1, two=2), make_metrics(three=3)]
    assert FileSender("metrics", target).send(data, 1).delivered == 3
    spans.close()
    names = [
        [each["name"] for each in line["resourceSpans"][0]["scopeSpans"][0]["spans"]]
        for line in lines(target, "traces")
    ]
    assert names == [["a", "b"], ["c"]]
    assert len(lines(target, "logs")) == len(lines(target, "metrics")) == 1
    assert len(lines(target, "metrics")[0]["resourceMetrics"]) == 2


def test_what_was_written_can_be_sent_again(target: FileTarget, tmp_path: Path) -> None:
    """The bytes read back are a request with the same spans."""
    from pepperpy_otel.delivery.files.fields import message_class

    (span,) = make_spans("again", attributes={"a": (1, 2)})
    FileSender("traces", target).send([span], 1)
    (request,) = replay(tmp_path / "otel-data" / "traces.jsonl")
    message = message_class(request.signal).FromString(request.body)
    read = message.resource_spans[0].scope_spans[0].spans[0]
    assert (read.name, read.trace_id) == ("again", span.context.trace_id.to_bytes(16, "big"))


def test_a_disk_that_takes_nothing_may_do_so_later(
    target: FileTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, read-only or locked: tried again, with the reason in the words of the system."""

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sender = FileSender("traces", target)
    assert sender.target == target.directory
    monkeypatch.setattr(os, "write", full)
    outcome = sender.send(make_spans("a"), 1)
    assert (outcome.retry, outcome.delivered, outcome.error) == (
        True,
        0,
        "No space left on device",
    )
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(TimeoutError("locked")))
    assert sender.send(make_spans("a"), 1).error == "TimeoutError: locked"


def test_an_item_that_has_no_line_costs_itself(
    target: FileTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nested more deeply than protobuf reads: dropped alone and counted."""
    writing = module.line_of

    def read(signal: Any, body: bytes) -> bytes:
        if b"bad" in body:
            raise DecodeError("too deep")
        return writing(signal, body)

    monkeypatch.setattr(module, "line_of", read)
    bad, good = make_spans("bad"), make_spans("good")
    sender = FileSender("traces", target)
    outcome = sender.send([*bad, *good, *bad], 1)
    assert (outcome.delivered, outcome.unencodable, outcome.retry) == (1, 2, False)
    assert "DecodeError" in str(outcome.error)
    alone = sender.send(bad, 1)
    assert (alone.delivered, alone.unencodable) == (0, 1)
    both = sender.send([*bad, *bad], 1)
    assert (both.delivered, both.unencodable) == (0, 2)
    assert len(lines(target, "traces")) == 1


def test_it_is_a_destination_of_the_pipeline(
    pipeline: Callable[..., Any], target: FileTarget, said: list[str]
) -> None:
    """Through queue and worker; a directory that cannot be made is one line for all signals."""
    from pathlib import Path

    directory = Path(target.directory)
    directory.write_text("in the way")
    files = dict.fromkeys(("traces", "logs"), target)
    place = build_destination("otlp-file", files=files)  # type: ignore[arg-type]
    assert isinstance(place, Destination)
    made = pipeline(place)
    made.span_processor().on_end(make_spans("kept")[0])
    record = made.log_record_processor()
    record.on_emit(make_records("kept")[0])
    result = made.flush(5.0)
    assert not result
    assert (result.pending.traces, result.pending.logs) == (1, 1)
    assert len(said) == 1
    assert target.directory in said[0]
    directory.unlink()
    assert made.flush(5.0)
    assert len(lines(target, "traces")) == len(lines(target, "logs")) == 1
