"""Top events, windows, and errors that are one and the same by their fingerprint."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel import _current
from pepperpy_otel.logging import LogAggregator
from pepperpy_otel.logging.answers import fingerprint
from pepperpy_otel.logging.events import make_event, restored_event
from pepperpy_otel.logging.install import install
from tests.logging.test_ring import Clock

if TYPE_CHECKING:
    import logging

    from pepperpy_otel.logging.provider import LoggerProvider
    from tests.logging.conftest import Undo


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def telemetry(
    provider: LoggerProvider, undo: Undo, monkeypatch: pytest.MonkeyPatch
) -> LoggerProvider:
    """The current telemetry, with our handler on the root logger."""
    monkeypatch.setattr(_current, "_telemetry", SimpleNamespace(logger_provider=provider))
    install(provider, log_level=None, console_logs="none", service_name=None, record=undo.record)
    return provider


def _print(event: str, error: str | None = None, **changes: Any) -> str:
    parts: dict[str, Any] = {"level": "ERROR", "is_error": True, "logger": "shop", "fields": {}}
    parts |= {"message": event, "trace_id": None, "event": event, "error": error, **changes}
    return fingerprint(restored_event(**parts))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user 12 failed", "user 4711 failed"),
        (
            "order 9f1c2f0e-7a5b-4b3d-9a58-1d0c7a3f5e21",
            "order 00000000-0000-4000-8000-000000000000",
        ),
        ("at 0x7f3a5c001000", "at 0x1"),
        ("commit 3ea61b0c9d", "commit 03ea61bcafe1"),
        ("no file 'a.txt'", "no file 'b c.txt'"),
        ('no key "a"', 'no key "b"'),
    ],
)
def test_what_differs_each_time_does_not_count(one: str, other: str) -> None:
    """Numbers, ids, addresses, hashes and quoted names are left out of a fingerprint."""
    assert _print(one) == _print(other)


def test_what_tells_errors_apart_counts() -> None:
    """Words, logger, type and the function that raised make another error."""
    prints = {
        _print("user failed"),
        _print("order failed"),
        _print("user failed", logger="other"),
        _print("user failed", "ValueError: x"),
        _print("user failed", "KeyError: x"),
        _print("user failed", "KeyError: x", origin="shop.orders"),
    }
    assert len(prints) == 6
    assert _print("x", "KeyError: one") == _print("x", "KeyError: two")
    assert all(len(each) == 16 for each in prints)


def test_groups_know_their_first_and_last_trace(
    telemetry: LoggerProvider, clock: Clock, logger: logging.Logger
) -> None:
    """Over all that a group holds, with ages, rate and where it was raised."""
    aggregator = LogAggregator(clock=clock)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    ids = []
    for number in range(3):
        with tracer.start_as_current_span("order") as span:
            ids.append(format(span.get_span_context().trace_id, "032x"))
            try:
                raise ValueError(number)
            except ValueError:
                logger.exception(f"order {number} failed")
        clock.now += 10
    logger.error("order 9 failed")
    aggregator.log("fine")
    first, second = aggregator.aggregate(100)["error_groups"]
    assert (first["count"], first["first_trace_id"], first["last_trace_id"]) == (3, ids[0], ids[2])
    assert (first["first_age"], first["last_age"], first["rate"]) == (30, 10, pytest.approx(0.03))
    assert first["origin"].endswith("test_groups_know_their_first_and_last_trace")
    assert (first["error"], first["message"]) == ("ValueError: 2", "order 2 failed")
    assert (second["count"], second["first_trace_id"], second["origin"]) == (1, None, None)


def test_an_exception_that_was_never_raised_has_no_origin() -> None:
    """Nor a trace."""
    event = make_event(
        level="ERROR",
        is_error=True,
        logger="x",
        event="x",
        message="x",
        fields={},
        error=ValueError("x"),
    )
    assert (event.error, event.origin) == ("ValueError: x", None)


def test_top_events(clock: Clock) -> None:
    """The most frequent first, with rate, share and how long ago the last one was."""
    aggregator = LogAggregator(clock=clock)
    for number in range(40):
        aggregator.log(f"rare {number}")
    for _ in range(60):
        aggregator.log("often")
    clock.now += 5
    top = aggregator.aggregate(10)["top"]
    assert len(top) == 20
    assert top[0] == {
        "event": "often",
        "count": 60,
        "rate": 6.0,
        "share": 0.6,
        "level": "INFO",
        "logger": "pepperpy.events",
        "age": 5,
    }


def test_several_windows(clock: Clock) -> None:
    """One call answers for each; without any for one, five and sixty minutes."""
    aggregator = LogAggregator(clock=clock)
    aggregator.log("old")
    clock.now += 100
    aggregator.log("new")
    totals = {window: answer["total"] for window, answer in aggregator.windows().items()}
    assert totals == {60.0: 1, 300.0: 2, 3600.0: 2}
    assert {w: a["total"] for w, a in aggregator.windows(1, math.inf).items()} == {
        1: 1,
        math.inf: 2,
    }


def test_the_origin_is_where_it_was_raised_not_where_it_was_caught() -> None:
    """The innermost frame of the traceback."""

    def innermost() -> None:
        raise ValueError("deep")

    with pytest.raises(ValueError, match="deep") as caught:
        innermost()
    event = make_event(
        level="ERROR",
        is_error=True,
        logger="app",
        event="failed",
        message="failed",
        fields={},
        error=caught.value,
        context=None,
    )
    assert event.origin is not None
    assert event.origin.endswith(".innermost")
