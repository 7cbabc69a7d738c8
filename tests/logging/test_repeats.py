"""A limit of repeated records: what is kept back is counted, and no count is lost."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel.logging import repeats
from pepperpy_otel.logging.provider import LoggerProvider
from pepperpy_otel.logging.repeats import SUPPRESSED, RepeatLimiter
from tests.logging.conftest import Collector
from tests.logging.test_ring import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def limiter(collector: Collector, clock: Clock) -> RepeatLimiter:
    """Two of a kind pass."""
    return RepeatLimiter(collector, 2, clock=clock)


@pytest.fixture
def log(limiter: RepeatLimiter) -> Any:
    """A logger behind the limit."""
    from opentelemetry.sdk.resources import Resource

    provider = LoggerProvider()
    provider.arm(resource=Resource({}), processors=[limiter])
    return provider.get_logger("shop")


def counts(collector: Collector) -> list[tuple[Any, Any]]:
    """Bodies, and how many each stands for."""
    return [(r.body, dict(r.attributes or {}).get(SUPPRESSED)) for r in collector.records]


def test_the_next_one_says_how_many_were_kept_back(
    log: Any, collector: Collector, clock: Clock
) -> None:
    """Two pass, five do not, and the first of the next window knows of them."""
    for number in range(7):
        log.emit(body=f"order {number} failed", attributes={"n": number})
        clock.now += 0.1
    assert counts(collector) == [("order 0 failed", None), ("order 1 failed", None)]
    clock.now += 9.5
    log.emit(body="order 8 failed", attributes={"n": 8})
    total = sum(1 + (count or 0) for _, count in counts(collector))
    assert total == 8
    assert len(collector.records) == 4  # one held back at the end of the window, one new


def test_other_words_other_levels_other_loggers_pass(log: Any, collector: Collector) -> None:
    """Only what is alike is counted together; bodies that are no text by their text."""
    from opentelemetry._logs import SeverityNumber

    for _ in range(2):
        for body in ("a", "b", {"c": 1}, None):
            log.emit(body=body)
            log.emit(body=body, severity_number=SeverityNumber.ERROR)
            log.emit(body=body, event_name="e")
    assert len(collector.records) == 24


def test_a_flush_hands_on_what_is_kept_back(
    log: Any, limiter: RepeatLimiter, collector: Collector
) -> None:
    """The last one, for all of them; a second flush has nothing more."""
    for number in range(10):
        log.emit(body=f"x {number}", attributes={"n": number})
    assert limiter.force_flush()
    assert limiter.force_flush()
    assert counts(collector) == [("x 0", None), ("x 1", None), ("x 9", 7)]
    log.emit(body="x 10")
    limiter.shutdown()
    assert counts(collector)[-1] == ("x 10", None)


def test_the_end_of_a_window_hands_on_by_itself(
    log: Any, collector: Collector, clock: Clock
) -> None:
    """Any record of another kind, later, brings the count of this one."""
    for _ in range(5):
        log.emit(body="x")
    clock.now += 30
    log.emit(body="y")
    assert counts(collector) == [("x", None), ("x", None), ("x", 2), ("y", None)]


def test_the_first_of_a_new_window_has_the_count(
    log: Any, limiter: RepeatLimiter, collector: Collector, clock: Clock
) -> None:
    """Where its own window ends before all are looked at."""
    clock.now += 5
    for _ in range(5):
        log.emit(body="x")
    clock.now += 5
    log.emit(body="y")  # looks at all, in the middle of the window of x
    clock.now += 6
    log.emit(body="x")
    assert counts(collector) == [("x", None), ("x", None), ("y", None), ("x", 3)]


def test_kinds_are_bounded(
    log: Any, limiter: RepeatLimiter, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound all begin anew, with their counts sent."""
    monkeypatch.setattr(repeats, "MAX_KINDS", 3)
    for body in "aaaaabcd":
        log.emit(body=body)
    assert len(limiter._kinds) <= 3
    assert sum(1 + (count or 0) for _, count in counts(collector)) == 8


def test_a_broken_clock_lets_all_through(
    log: Any, collector: Collector, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be counted is sent."""
    clock.now = "soon"  # type: ignore[assignment]
    for _ in range(3):
        log.emit(body="x")
    assert len(collector.records) == 3
    assert "repeated records" in capsys.readouterr().err


def test_the_apps_own_processors_get_all(
    configure: Callable[..., Telemetry], receiver: Receiver
) -> None:
    """As they were; the destination gets three, with the count, before a flush is over."""
    kept = Collector()
    telemetry = configure(repeated_logs=2, log_record_processors=[kept])
    for number in range(100):
        logging.getLogger("shop").error("order %d failed", number, extra={"n": number})
    telemetry.shutdown()
    sent = receiver.store.logs
    assert len(kept.records) == 100
    assert all(SUPPRESSED not in dict(record.attributes or {}) for record in kept.records)
    assert [record.body for record in sent] == [f"order {n} failed" for n in (0, 1, 99)]
    assert sent[-1].attributes[SUPPRESSED] == 97
    assert sent[-1].attributes["n"] == 99


def test_without_the_setting_all_are_sent(
    configure: Callable[..., Telemetry], receiver: Receiver
) -> None:
    """Off by default."""
    configure()
    for _ in range(50):
        logging.getLogger("shop").error("same")
    assert pepperpy_otel.force_flush(30_000)
    assert len(receiver.store.logs) == 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_holds_nothing_back(log: Any, limiter: RepeatLimiter) -> None:
    """What the parent has kept back is the parent's."""
    for _ in range(5):
        log.emit(body="x")
    child = os.fork()
    if not child:
        os._exit(0 if not limiter._kinds else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter._kinds
