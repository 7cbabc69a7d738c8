"""The spool as the user gets it: a directory, two caps, and nothing lost over a restart."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import pepperpy_otel
from tests.delivery.sinks import Answer, HttpSink, wait_for
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]

ONLY_TRACES: dict[str, Any] = {"metrics": "none", "logs": "none", "health": False}


def leave_something(configure: Configure, directory: Path, endpoint: str, **more: Any) -> None:
    """A run of an app whose collector is away."""
    telemetry = configure(
        **{"spool_directory": directory, "endpoint": endpoint, **ONLY_TRACES, **more}
    )
    trace.get_tracer("x").start_span("kept").end()
    result = telemetry.shutdown()
    assert (result.spooled.traces, bool(result)) == (1, False)
    pepperpy_otel.rollback()


def test_what_one_run_leaves_the_next_one_sends(configure: Configure, tmp_path: Path) -> None:
    """By itself, also when the app makes nothing; it is counted apart."""
    with contextlib.closing(HttpSink()) as sink:
        sink.answers = [Answer(503, {"Retry-After": "60"})]
        leave_something(configure, tmp_path, sink.url)
        [place] = tmp_path.iterdir()
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        sink.answers, sink.requests = [Answer()], []
        telemetry = configure(spool_directory=tmp_path, endpoint=sink.url, **ONLY_TRACES)
        wait_for(lambda: telemetry.stats().recovered.traces == 1)
        assert [request.span_names() for request in sink.requests] == [["kept"]]
        assert telemetry.stats().delivered.traces == 0
        pepperpy_otel.rollback()


def test_services_do_not_share_a_place(configure: Configure, tmp_path: Path) -> None:
    """What one leaves is not sent by the other, which may stand for something else."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    for name in ("one", "two", "one"):
        leave_something(configure, tmp_path, endpoint, service_name=name)
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_directory_there_is_no_spool(configure: Configure) -> None:
    """And nothing of it is imported or started."""
    pipeline: Any = configure()._pipeline
    assert [worker.spool for worker in pipeline._workers] == [None]


def test_the_stock_exporters_have_none(configure: Configure, tmp_path: Path) -> None:
    """They give up by themselves what they cannot deliver."""
    pipeline: Any = configure(exporter="stock", spool_directory=tmp_path)._pipeline
    assert [worker.spool for worker in pipeline._workers] == [None]


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No directory can be made from now on."""

    def mkdir(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", mkdir)


def test_a_missing_directory_is_made_for_us_alone(configure: Configure, tmp_path: Path) -> None:
    """With all above it."""
    directory = tmp_path / "a" / "b"
    configure(spool_directory=directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_used_is_one_line(
    configure: Configure,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It names setting, value and fix; telemetry goes on from memory."""
    directory = tmp_path / "new"
    read_only(monkeypatch)
    telemetry = configure(spool_directory=directory, **ONLY_TRACES)
    [line] = capsys.readouterr().err.splitlines()
    assert f"spool_directory='{directory}' (argument) cannot be written (" in line
    assert "give a directory that this user may write" in line
    trace.get_tracer("x").start_span("sent").end()
    assert telemetry.force_flush()
    assert [span.name for span in receiver.store.spans] == ["sent"]


def test_a_directory_without_the_right_to_write_is_one_line(
    configure: Configure,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As on a file system that is read-only."""
    monkeypatch.setattr("os.access", lambda *_: False)
    configure(spool_directory=tmp_path, **ONLY_TRACES)
    [line] = capsys.readouterr().err.splitlines()
    assert "cannot be written (no right to write)" in line


def test_a_bad_directory_is_an_error_when_strict(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Like every other bad setting."""
    read_only(monkeypatch)
    with pytest.raises(pepperpy_otel.ConfigurationError, match=r"cannot be written \(Read-only"):
        configure(spool_directory=tmp_path / "new", strict=True)


def test_the_caps_are_settings(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In bytes and in seconds; both have defaults."""
    telemetry = configure(spool_directory=tmp_path)
    assert telemetry.settings.values["spool_max_bytes"] == 512 * 1024 * 1024
    assert telemetry.settings.values["spool_max_age"] == 72 * 3600
    pepperpy_otel.rollback()
    monkeypatch.setenv("PEPPERPY_OTEL_SPOOL_MAX_BYTES", "2000000")
    monkeypatch.setenv("PEPPERPY_OTEL_SPOOL_MAX_AGE", "60")
    pipeline: Any = configure(spool_directory=tmp_path)._pipeline
    limits = pipeline._workers[0].spool._limits
    assert (limits.max_bytes, limits.max_age) == (2_000_000, 60.0)
