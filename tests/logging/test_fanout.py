"""Each processor gets every record, and none hurts another or the app."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

from pepperpy_otel.logging.fanout import FanOut
from tests.logging.conftest import Collector

if TYPE_CHECKING:
    from collections.abc import Sequence


class Broken(LogRecordProcessor):
    """Raises in everything."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        raise RuntimeError("on_emit")

    def enabled(self, **_: Any) -> bool:
        raise RuntimeError("enabled")

    def shutdown(self) -> None:
        raise RuntimeError("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        raise RuntimeError("force_flush")


class Picky(Collector):
    """Wants warnings only."""

    def enabled(self, *, severity_number: SeverityNumber | None = None, **_: Any) -> bool:
        return severity_number is SeverityNumber.WARN


class Slow(Collector):
    """Takes its whole time to flush, and fails."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        super().force_flush(timeout_millis)
        deadline = time.monotonic() + timeout_millis / 1000
        while time.monotonic() < deadline:
            pass
        return False


def _fan_out(*processors: LogRecordProcessor) -> FanOut:
    fan_out = FanOut()
    fan_out.replace(processors)
    return fan_out


def test_a_raising_processor_costs_itself_only(capsys: pytest.CaptureFixture[str]) -> None:
    """The others get the record, and the failure is told once, on one line."""
    first, last = Collector(), Collector()
    fan_out = _fan_out(first, Broken(), last)
    written = ReadWriteLogRecord(LogRecord(body="x"))
    for _ in range(3):
        fan_out.on_emit(written)
    fan_out.shutdown()
    assert first.written == last.written == [written] * 3
    assert first.ended == last.ended == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("(reported once)")[0].strip() for line in lines] == [
        "pepperpy_otel: internal error in log record processor Broken.on_emit",
        "pepperpy_otel: internal error in log record processor Broken.shutdown",
    ]


def test_processors_are_called_in_the_order_in_which_they_were_added() -> None:
    """What the first one changes, the second one sees."""
    seen: list[str] = []

    class Named(Collector):
        def __init__(self, name: str) -> None:
            super().__init__()
            self._name = name

        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            seen.append(self._name)

    fan_out = _fan_out(Named("a"), Named("b"))
    fan_out.add_log_record_processor(Named("c"))
    fan_out.on_emit(ReadWriteLogRecord(LogRecord()))
    assert seen == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("processors", "severity", "enabled"),
    [
        ((), SeverityNumber.WARN, False),
        ((Picky(),), SeverityNumber.INFO, False),
        ((Picky(),), SeverityNumber.WARN, True),
        ((Picky(), Collector()), SeverityNumber.INFO, True),
        ((Picky(), Broken()), SeverityNumber.INFO, True),
    ],
)
def test_a_record_is_wanted_if_any_processor_wants_it(
    processors: Sequence[LogRecordProcessor], severity: SeverityNumber, enabled: bool
) -> None:
    """One that cannot say counts as one that wants it: no record is lost to a bug."""
    assert _fan_out(*processors).enabled(severity_number=severity) is enabled


def test_a_flush_is_good_if_all_are() -> None:
    """A failing processor makes the answer False, and the next one is flushed all the same."""
    good = Collector()
    assert _fan_out(good).force_flush(1000) is True
    assert _fan_out(Broken(), good).force_flush(1000) is False
    assert len(good.flushed) == 2
    assert 0 < good.flushed[0] <= 1000


def test_a_flush_ends_when_its_time_is_up() -> None:
    """What a slow processor leaves is nothing: the next one is not asked."""
    late = Collector()
    assert _fan_out(Slow(), late).force_flush(20) is False
    assert late.flushed == []
    assert _fan_out(late).force_flush(0) is False
