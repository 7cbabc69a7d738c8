"""What a backup knows of health and of log events comes back into a process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

import pepperpy_otel
from pepperpy_otel.backup import backup, import_backup
from pepperpy_otel.health import HealthChecker, HealthStatus
from pepperpy_otel.health.history import Change
from pepperpy_otel.logging import LogAggregator
from tests.backup.make import make_backup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pepperpy_otel.telemetry import Telemetry


def test_log_events_come_back_with_their_ages(tmp_path: Path) -> None:
    """In another process: counts, errors and traces as before; a second import adds nothing."""
    before = LogAggregator()
    for _ in range(3):  # the same thing three times in a moment is three events
        before.log("order placed", items=2, nested={"a": [1, None, 2.5]})
    try:
        raise ValueError("no stock")
    except ValueError:
        before.error("order failed")
    assert backup(tmp_path)
    expected = before.aggregate(math.inf)
    del before
    after = LogAggregator()
    report = import_backup(tmp_path)
    assert report.events == 4
    answer = after.aggregate(math.inf)
    for part in ("total", "by_level", "by_logger", "by_event", "values", "errors"):
        assert answer[part] == expected[part]
    assert all(0 <= event["age"] < 60 for event in answer["events"])
    assert import_backup(tmp_path).events == 0
    assert after.aggregate(math.inf)["total"] == 4


def test_what_there_is_no_room_for_is_left_out(tmp_path: Path) -> None:
    """The newest ones come back; what the process has heard itself is never pushed out."""
    before = LogAggregator()
    for number in range(50):
        before.log(f"event {number}")
    assert backup(tmp_path)
    del before
    after = LogAggregator(max_bytes=5_000)
    after.log("mine")
    report = import_backup(tmp_path)
    assert 0 < report.events < 50
    events = [event["event"] for event in after.aggregate(math.inf)["events"]]
    assert events[-1] == "mine"
    assert events[-2] == "event 49"


def test_the_history_of_health_comes_back_and_verdicts_stay(tmp_path: Path) -> None:
    """Runs of yesterday stand before those of today; the verdict is that of this process."""
    before = HealthChecker()
    before.register("db", lambda: False, fail_after=1)
    before.run(5.0)
    assert before.check_component("db") is HealthStatus.UNHEALTHY
    from pepperpy_otel.backup import state
    from pepperpy_otel.backup.writing import Writer

    before.changes.restore([Change(1_790_000_000.25, "db", "healthy", "unhealthy", "gone")])
    with Writer(tmp_path) as writer:
        state.add_health(writer, before)
        writer.finish()
    before.stop()

    after = HealthChecker()
    after.register("db", lambda: True)
    report = import_backup(tmp_path, after)
    assert report
    assert (report.runs, report.changes, report.verdicts["db"]) == (1, 1, "unhealthy")
    assert list(after.changes) == [Change(1_790_000_000.25, "db", "healthy", "unhealthy", "gone")]
    assert import_backup(tmp_path, after).changes == 0
    assert after.snapshot()["db"].status is HealthStatus.UNKNOWN
    after.run(5.0)
    assert after.check_component("db") is HealthStatus.HEALTHY
    history = after.get_details("db")["history"]
    assert [run["result"] for run in history] == ["fail", "pass"]
    import_backup(tmp_path, after)
    assert [run["result"] for run in after.get_details("db")["history"]] == ["fail", "pass"]
    after.stop()

    stranger = HealthChecker()
    report = import_backup(tmp_path, stranger)
    assert not report
    assert report.unknown == ("db",)


def test_telemetry_is_counted(tmp_path: Path) -> None:
    """So that a backup can be validated without a Collector."""
    make_backup(tmp_path)
    listening = LogAggregator()
    report = import_backup(tmp_path)
    assert dict(report.counts) == {"traces": 6, "metrics": 1, "logs": 1}
    assert report
    (tmp_path / "traces.jsonl").write_bytes(b"")
    assert import_backup(tmp_path).complaints == (
        "traces.jsonl: 0 of 6 spans (0 of 3 lines) are whole",
    )
    assert listening


def test_events_that_nobody_could_take_are_said(tmp_path: Path) -> None:
    """Without a LogAggregator there is no place for them."""
    from pepperpy_otel.backup import state

    make_backup(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "aggregators", list)
        report = import_backup(tmp_path)
    assert report.complaints == ("no LogAggregator is alive that could take the log events",)


@pytest.mark.parametrize(
    "what", ["missing", "no manifest", "bad manifest", "no path", "unreadable"]
)
def test_what_is_no_backup_is_one_line(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And raises nothing."""
    place: Path | None = tmp_path / "backup"
    assert place is not None
    if what != "missing":
        place.mkdir()
    if what == "bad manifest":
        (place / "manifest.json").write_text("{}")
    if what == "unreadable":
        make_backup(place)
        (place / "traces.jsonl").unlink()
        (place / "traces.jsonl").mkdir()
    if what == "no path":
        place = None
    report = import_backup(place)  # type: ignore[arg-type]
    assert report.error
    assert not report
    assert capsys.readouterr().err.count("\n") == 1


def test_the_handle_brings_it_to_its_own_checker(
    configure: Callable[..., Telemetry], tmp_path: Path
) -> None:
    """``telemetry.import_backup()``, and ``pepperpy_otel.import_backup()`` without a handle."""
    telemetry = configure()
    telemetry.health.register("cache", lambda: True)
    telemetry.health.run(5.0)
    assert telemetry.backup(tmp_path)
    assert telemetry.import_backup(tmp_path).runs == 1
    pepperpy_otel.rollback()
    assert pepperpy_otel.import_backup(tmp_path).runs == 1
    telemetry.health.unregister("cache")


def test_records_that_mean_nothing_here_are_passed_over(tmp_path: Path) -> None:
    """A later release may keep more about health."""
    from pepperpy_otel.backup import state
    from pepperpy_otel.backup.records import Record
    from pepperpy_otel.backup.writing import Writer

    with Writer(tmp_path) as writer:
        state.add_records(writer, [Record(1.0, "health.something.new")])
        writer.finish()
    assert import_backup(tmp_path) == import_backup(tmp_path)
    assert import_backup(tmp_path).verdicts == {}


def test_the_same_words_at_another_time_are_another_event() -> None:
    """What is there already is told by its time, as far as two clocks agree."""
    now = [1000.0]
    aggregator = LogAggregator(clock=lambda: now[0])
    aggregator.log("order placed")
    ((age, event),) = aggregator.kept()
    assert aggregator.restore([(age + 0.3, event)]) == 0
    assert aggregator.restore([(age + 50.0, event)]) == 1
    assert aggregator.restore([(age + 50.0, event), (age, event)]) == 0
    assert [each for each, _ in aggregator.kept()] == [50.0, 0.0]
