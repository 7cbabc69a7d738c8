"""``backup()`` of a running process: all of it, and nothing is taken away."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel.backup import backup
from pepperpy_otel.backup import process as process_module
from pepperpy_otel.backup.records import records_in
from pepperpy_otel.delivery.files.replay import replay
from pepperpy_otel.health import HealthChecker
from pepperpy_otel.logging import LogAggregator
from tests.backup.make import bodies_in, names_in
from tests.delivery.sinks import HttpSink, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


def test_what_is_buffered_is_in_it_and_still_delivered(
    configure: Configure, receiver: Receiver, tmp_path: Path
) -> None:
    """Spans, log records and a snapshot of the metrics; then all of it arrives as well."""
    telemetry = configure(service_name="shop", health=False)
    for number in range(3):
        pepperpy_otel.get_tracer("t").start_span(f"work {number}").end()
    logging.getLogger("shop").warning("low %s", "stock")
    pepperpy_otel.get_meter("m").create_counter("sold").add(7)
    report = telemetry.backup(tmp_path / "backup")
    assert report
    assert report.manifest is not None
    assert report.manifest.service == "shop"
    assert (report.spans, report.log_records) == (3, 1)
    assert report.data_points > 1
    assert names_in(tmp_path / "backup" / "traces.jsonl") == ["work 0", "work 1", "work 2"]
    assert bodies_in(tmp_path / "backup" / "logs.jsonl") == ["low stock"]
    assert '"sold"' in (tmp_path / "backup" / "metrics.jsonl").read_text()
    assert receiver.store.spans == []
    assert telemetry.force_flush()
    assert len(receiver.store.spans) == 3
    assert str(report).startswith(f"{tmp_path / 'backup'}: 3 spans, ")


def test_what_is_spooled_is_in_it_and_stays_there(tmp_path: Path) -> None:
    """The destination is down; a relative spool is where it was at the start."""
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        telemetry = pepperpy_otel.configure(
            endpoint="http://127.0.0.1:1", spool_directory="spool", instrument=False, health=False
        )
        pepperpy_otel.get_tracer("t").start_span("spooled").end()
        telemetry.force_flush()
        pepperpy_otel.get_tracer("t").start_span("buffered").end()
        os.chdir("/")
        telemetry.backup(tmp_path / "backup")
        assert sorted(names_in(tmp_path / "backup" / "traces.jsonl")) == ["buffered", "spooled"]
        assert telemetry.stats().spooled.traces == 1
    finally:
        os.chdir(before)
        pepperpy_otel.rollback()


def test_what_is_under_way_is_in_it_once(tmp_path: Path) -> None:
    """A batch that a slow destination has not answered yet, and two destinations."""
    sink = HttpSink()
    sink.gate = threading.Event()
    telemetry = pepperpy_otel.configure(
        endpoint=sink.url, traces=("otlp", "console"), logs=False, metrics=False, instrument=False
    )
    try:
        pepperpy_otel.get_tracer("t").start_span("under way").end()
        flush = threading.Thread(target=telemetry.force_flush, daemon=True)
        flush.start()
        wait_for(lambda: sink.requests)
        pepperpy_otel.get_tracer("t").start_span("waiting").end()
        telemetry.backup(tmp_path / "backup")
        found = names_in(tmp_path / "backup" / "traces.jsonl")
        assert sorted(found) == ["under way", "waiting"]
    finally:
        sink.gate.set()
        flush.join(10)
        pepperpy_otel.rollback()
        sink.close()


def test_what_is_encoded_already_is_in_it(tmp_path: Path) -> None:
    """A batch of which half was taken waits as a request, not as spans."""
    from tests.delivery.sinks import Answer

    sink = HttpSink()
    sink.answers = [Answer(413), Answer(200), Answer(503)]
    telemetry = pepperpy_otel.configure(
        endpoint=sink.url, logs=False, metrics=False, instrument=False, health=False
    )
    try:
        for name in "abcd":
            pepperpy_otel.get_tracer("t").start_span(name).end()
        telemetry.force_flush(1000)
        telemetry.backup(tmp_path / "backup")
        assert names_in(tmp_path / "backup" / "traces.jsonl") == ["c", "d"]
    finally:
        sink.answers = [Answer(200)]
        pepperpy_otel.rollback()
        sink.close()


def test_events_and_health_are_in_it(configure: Configure, tmp_path: Path) -> None:
    """The ring of every aggregator, each event once; verdicts and runs, secrets masked."""
    first, second = LogAggregator(), LogAggregator()
    telemetry = configure()
    first.log("order placed", items=3)
    telemetry.health.register("db", lambda: (_ for _ in ()).throw(OSError("password=hunter2")))
    telemetry.health.run(5.0)
    telemetry.backup(tmp_path / "backup")
    (request,) = replay(tmp_path / "backup" / "events.jsonl")
    (event,) = [each for each in records_in(request.body) if each.event == "order placed"]
    assert event.attributes["fields"] == {"items": 3}
    assert abs(event.time - time.time()) < 60
    text = (tmp_path / "backup" / "health.jsonl").read_text()
    assert "hunter2" not in text
    (request,) = replay(tmp_path / "backup" / "health.jsonl")
    kept = [e for e in records_in(request.body) if e.attributes["health.check.name"] == "db"]
    records = [each for each in kept if each.event != "health.check.transition"]
    assert [each.event for each in records] == ["health.check.verdict", "health.check.run"]
    assert records[0].attributes["health.check.state"] == "unhealthy"
    assert records[1].attributes["health.check.result"] == "fail"
    telemetry.health.unregister("db")
    assert second


def test_a_process_without_telemetry_can_be_backed_up(tmp_path: Path) -> None:
    """Before configure(): what aggregators and health know."""
    aggregator = LogAggregator()
    aggregator.error("failed", reason="disk")
    assert backup(tmp_path / "backup")
    assert "failed" in (tmp_path / "backup" / "events.jsonl").read_text()


def test_disabled_telemetry_has_nothing_and_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also a handle without pipeline answers."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry = pepperpy_otel.configure()
    report = telemetry.backup(tmp_path / "backup")
    assert (report.spans, report.data_points, report.log_records) == (0, 0, 0)
    assert report
    pepperpy_otel.rollback()


def test_a_backup_that_cannot_be_written_is_one_line_and_raises_nothing(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in its place, and a directory that is no path at all."""
    telemetry = configure(health=False)
    (tmp_path / "file").write_text("x")
    report = telemetry.backup(tmp_path / "file")
    assert not report
    assert report.error == "is not a directory"
    assert (report.spans, report.data_points, report.log_records) == (0, 0, 0)
    assert str(report) == f"no backup in {tmp_path / 'file'}: is not a directory"
    assert not telemetry.backup(None)  # type: ignore[arg-type]
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "no backup in" in line]) == 2


def test_a_record_that_has_no_line_costs_itself(configure: Configure, tmp_path: Path) -> None:
    """Nested more deeply than protobuf reads: counted as lost, the others are there."""
    from pepperpy_otel.backup import encoding

    telemetry = configure(health=False)
    line_of = encoding.line_of

    def picky(signal: Any, body: bytes) -> bytes:
        if b"poison" in body:
            raise ValueError("too deep")
        return line_of(signal, body)

    for name in ("a", "poison", "b"):
        pepperpy_otel.get_tracer("t").start_span(name).end()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "line_of", picky)
        report = telemetry.backup(tmp_path / "backup")
    assert not report
    assert report.manifest is not None
    assert report.manifest.lost == {"unencodable items": 1}
    assert names_in(tmp_path / "backup" / "traces.jsonl") == ["a", "b"]


def test_a_damaged_spool_is_said(tmp_path: Path) -> None:
    """What is whole in it is in the backup."""
    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.delivery.spool import Spool
    from tests.backup.make import spans_body

    spool = Spool(tmp_path / "spool", "otlp", on_lost=lambda *_: None)
    spool.append("traces", spans_body("a"), 1)
    spool.append("traces", spans_body("b"), 1)
    spool.close()
    (path,) = (tmp_path / "spool").glob("*/*.spool1")
    data = bytearray(path.read_bytes())
    data[120] ^= 0xFF
    path.write_bytes(bytes(data))
    with Writer(tmp_path / "backup") as writer:
        process_module.add_spool(writer, tmp_path / "spool")
        writer.finish()
    assert names_in(tmp_path / "backup" / "traces.jsonl") == ["b"]
    assert writer.complaints == [f"{path} is damaged; what is whole in it was kept"]


def test_a_component_that_is_unregistered_meanwhile_is_left_out(tmp_path: Path) -> None:
    """Between the snapshot and its details."""
    from pepperpy_otel.backup import state
    from pepperpy_otel.backup.writing import Writer

    class Vanishing(HealthChecker):
        def get_details(self, name: str, *, redact: bool = True) -> dict[str, Any]:
            if name == "gone":
                raise KeyError(name)
            return super().get_details(name, redact=redact)

    checker = Vanishing()
    checker.register("gone", bool)
    checker.register("here", lambda: True)
    checker.run(5.0)
    with Writer(tmp_path / "backup") as writer:
        state.add_health(writer, checker)
        writer.finish()
    text = (tmp_path / "backup" / "health.jsonl").read_text()
    assert "here" in text
    assert "gone" not in text
    checker.stop()


def test_a_batch_of_which_nothing_can_be_encoded_is_no_line(tmp_path: Path) -> None:
    """It is counted as lost."""
    from pepperpy_otel.backup import encoding
    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.delivery.encoding import Encoded

    class Refusing:
        def __init__(self, signal: str) -> None:
            pass

        def encode(self, items: Any) -> Encoded:
            return Encoded(b"", 0, len(items), "never")

    with pytest.MonkeyPatch.context() as patch, Writer(tmp_path / "backup") as writer:
        patch.setattr(encoding, "Encoder", Refusing)
        encoding.add_items(writer, "traces", [object()])
        manifest = writer.finish()
    assert manifest.lost == {"unencodable items": 1}
    assert manifest.files["traces.jsonl"].lines == 0


def test_the_app_and_the_delivery_go_on_meanwhile(
    configure: Configure, receiver: Receiver, tmp_path: Path
) -> None:
    """Threads that make spans while it is backed up again and again: all of them arrive."""
    telemetry = configure(health=False, metrics=False, logs=False)
    tracer, failures = pepperpy_otel.get_tracer("t"), []
    release = threading.Event()

    def work(name: str) -> None:
        try:
            release.wait(30)
            for number in range(400):
                tracer.start_span(f"{name} {number}").end()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    release.set()
    reports = [telemetry.backup(tmp_path / str(number)) for number in range(3)]
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert all(reports)
    assert telemetry.force_flush(30_000)
    assert len({span.name for span in receiver.store.spans}) == len(receiver.store.spans) == 1200
