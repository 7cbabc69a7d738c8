"""Files tell which of what is expected was seen, and when last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pepperpy_otel
from pepperpy_otel.backup.coverage import coverage_in
from pepperpy_otel.logging import LogAggregator
from tests.backup.make import make_backup, spans_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pepperpy_otel.telemetry import Telemetry

EXPECTED = {
    "metrics": ["sold", "no metric"],
    "operations": ["checkout", "no operation"],
    "log_events": ["order placed", "user %s logged in", "no event"],
    "components": ["db", "no component"],
}
MISSING = {
    "metrics": ("no metric",),
    "operations": ("no operation",),
    "log_events": ("no event",),
    "components": ("no component",),
}


def use(telemetry: Telemetry) -> None:
    """Show everything but one of each kind."""
    import logging

    pepperpy_otel.get_meter("m").create_counter("sold").add(1)
    pepperpy_otel.get_tracer("t").start_span("checkout").end()
    LogAggregator().log("order placed")
    logging.getLogger("shop").warning("user %s logged in", "ada")
    telemetry.health.register("db", lambda: True)
    telemetry.health.run(5.0)


def test_a_backup_names_exactly_what_is_missing(
    configure: Callable[..., Telemetry], tmp_path: Path
) -> None:
    """One operation, one metric, one event and one component."""
    telemetry = configure()
    use(telemetry)
    telemetry.backup(tmp_path)
    telemetry.health.unregister("db")
    report, complaints = coverage_in([tmp_path], EXPECTED)
    assert report.missing == MISSING
    assert (report.covered, report.expected) == (5, 9)
    assert complaints == []
    assert all(report.operations[name] for name in ("checkout",))


def test_so_do_files_of_otlp_file(
    configure: Callable[..., Telemetry], tmp_path: Path, monkeypatch: object
) -> None:
    """A component is known by its gauge there."""
    import os

    os.environ["PEPPERPY_OTEL_FILE_DIRECTORY"] = str(tmp_path)
    try:
        telemetry = configure(traces="otlp-file", metrics="otlp-file", logs="otlp-file")
        use(telemetry)
        telemetry.force_flush()
        telemetry.health.unregister("db")
        pepperpy_otel.rollback()
    finally:
        del os.environ["PEPPERPY_OTEL_FILE_DIRECTORY"]
    report, _ = coverage_in([tmp_path], EXPECTED)
    assert report.missing == MISSING


def test_the_last_time_counts_in_whatever_order_files_are(tmp_path: Path) -> None:
    """And what cannot be read is said."""
    later, earlier = spans_line("a"), spans_line("a")
    (tmp_path / "1.jsonl").write_bytes(earlier)
    (tmp_path / "2.jsonl").write_bytes(later)
    one, _ = coverage_in([tmp_path / "1.jsonl", tmp_path / "2.jsonl"], {"operations": ["a"]})
    other, _ = coverage_in([tmp_path / "2.jsonl", tmp_path / "1.jsonl"], {"operations": ["a"]})
    assert one == other
    assert one
    make_backup(tmp_path / "backup")
    (tmp_path / "backup" / "logs.jsonl").write_bytes(b"")
    _, complaints = coverage_in([tmp_path / "backup"], {"operations": ["a"]})
    assert complaints == ["logs.jsonl: 0 of 1 log records (0 of 1 lines) are whole"]


def test_a_component_that_never_said_anything_is_missing(tmp_path: Path) -> None:
    """A verdict that is pending is none."""
    from pepperpy_otel.backup import state
    from pepperpy_otel.backup.writing import Writer
    from pepperpy_otel.health import HealthChecker

    checker = HealthChecker()
    checker.register("silent", bool)
    with Writer(tmp_path) as writer:
        state.add_health(writer, checker)
        writer.finish()
    report, _ = coverage_in([tmp_path], {"components": ["silent"]})
    assert report.missing == {"components": ("silent",)}
