"""What was logged is counted once, whoever logged it and whatever levels are set."""

from __future__ import annotations

import json
import logging
import math
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider as SdkProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel import _current
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.aggregator import EVENT_LOGGER, LogAggregator
from pepperpy_otel.logging.answers import SHOWN
from pepperpy_otel.logging.install import install
from tests.logging.conftest import Collector, unhurried
from tests.logging.test_attributes import VALUES, Half
from tests.logging.test_plain import Mute
from tests.logging.test_ring import Clock
from tests.logging.test_root import Shown
from tests.logging.test_values import Raising

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.logging.provider import LoggerProvider
    from tests.logging.conftest import Undo


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def aggregator(clock: Clock) -> LogAggregator:
    """An aggregator of the usual size."""
    return LogAggregator(clock=clock)


@pytest.fixture
def telemetry(
    provider: LoggerProvider, undo: Undo, monkeypatch: pytest.MonkeyPatch
) -> LoggerProvider:
    """The current telemetry, with our handler on the root logger."""
    monkeypatch.setattr(_current, "_telemetry", SimpleNamespace(logger_provider=provider))
    install(provider, log_level=None, console_logs="none", service_name=None, record=undo.record)
    return provider


@pytest.fixture(params=[logging.DEBUG, logging.WARNING, logging.CRITICAL])
def level(request: pytest.FixtureRequest) -> Iterator[int]:
    """The root logger's level."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(request.param)
    yield request.param
    root.setLevel(before)


class TestCounting:
    def test_an_event_is_counted_once_with_its_value(
        self, aggregator: LogAggregator, level: int
    ) -> None:
        """Without configure(), at any level."""
        aggregator.log("test_event", value=1)
        answer = aggregator.aggregate(60)
        assert answer["total"] == 1
        assert answer["by_event"] == {"test_event": 1}
        assert answer["by_level"] == {"INFO": 1}
        assert answer["by_logger"] == {EVENT_LOGGER: 1}
        assert answer["values"] == {
            "test_event": {"value": {"count": 1, "sum": 1, "min": 1, "max": 1, "last": 1}}
        }
        assert answer["errors"] == []
        assert answer["events"] == [
            {
                "event": "test_event",
                "level": "INFO",
                "logger": EVENT_LOGGER,
                "message": "test_event",
                "fields": {"value": 1},
                "trace_id": None,
                "age": 0.0,
            }
        ]

    def test_an_event_is_counted_once_with_telemetry(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, collector: Collector, level: int
    ) -> None:
        """And reaches the telemetry once, at any level, as an event with attributes."""
        aggregator.log("test_event", value=1, tags=["a"], bad=Raising())
        assert aggregator.aggregate(60)["by_event"] == {"test_event": 1}
        (record,) = collector.records
        assert (record.body, record.event_name) == ("test_event", "test_event")
        assert record.severity_number is SeverityNumber.INFO
        assert record.severity_text == "INFO"
        assert dict(record.attributes or {}) == {
            "value": 1,
            "tags": ("a",),
            "bad": "<unprintable Raising>",
        }

    def test_the_app_sees_it_if_its_levels_allow(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, collector: Collector, level: int
    ) -> None:
        """As a record of the logger ``pepperpy.events``, with the fields as extras."""
        shown = _Kept()
        logging.getLogger().addHandler(shown)
        aggregator.log("placed", amount=2, name="bob", message="hi")
        aggregator.error("failed")
        visible = {logging.DEBUG: 2, logging.WARNING: 1, logging.CRITICAL: 0}[level]
        assert len(shown.records) == visible
        assert len(collector.records) == 2
        if visible == 2:
            record = shown.records[0]
            assert record.getMessage() == "placed amount=2 name_=bob message_=hi"
            assert (vars(record)["amount"], vars(record)["name_"]) == (2, "bob")
            assert record.name == EVENT_LOGGER
            assert record.pathname == __file__
            assert record.funcName == "test_the_app_sees_it_if_its_levels_allow"

    def test_records_of_the_app_are_counted_too(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, logger: logging.Logger
    ) -> None:
        """Everything that passes through our handler, by what it is about."""
        for name in ("ann", "bob"):
            logger.info("user %s logged in", name, extra={"age": 30})
        logger.debug("detail")
        answer = aggregator.aggregate(60)
        assert answer["by_event"] == {"user %s logged in": 2, "detail": 1}
        assert answer["by_level"] == {"INFO": 2, "DEBUG": 1}
        assert answer["by_logger"] == {"app.orders": 3}
        assert answer["values"]["user %s logged in"]["age"]["sum"] == 60
        assert [event["message"] for event in answer["events"]] == [
            "user ann logged in",
            "user bob logged in",
            "detail",
        ]

    def test_all_aggregators_hear_of_an_event(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, collector: Collector
    ) -> None:
        """Once each."""
        other = LogAggregator("shop.events")
        other.log("placed")
        assert aggregator.aggregate(60)["by_logger"] == {"shop.events": 1}
        assert other.aggregate(60)["total"] == 1
        assert collector.bodies == ["placed"]

    def test_records_are_counted_while_nothing_is_exported(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, logger: logging.Logger
    ) -> None:
        """``logs="none"``: the handler is there, no processor is."""
        telemetry.arm(resource=Resource({}))
        logger.info("hello")
        assert aggregator.aggregate(60)["total"] == 1


class TestErrors:
    def test_errors_are_grouped(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, logger: logging.Logger
    ) -> None:
        """By logger and event, the most frequent first, with the last one's details."""
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        aggregator.error("out of stock", item="tea")
        for number in (1, 2):
            with tracer.start_as_current_span("order") as span:
                try:
                    raise ValueError("bad")
                except ValueError:
                    logger.exception("order %d failed", number)
        logger.critical("order %d failed", 3)
        logger.warning("no error")
        first, second = aggregator.aggregate(60)["errors"]
        assert first == {
            "event": "order %d failed",
            "logger": "app.orders",
            "count": 3,
            "message": "order 3 failed",
            "error": None,
            "trace_id": format(span.get_span_context().trace_id, "032x"),
        }
        assert (second["event"], second["count"], second["trace_id"]) == ("out of stock", 1, None)

    def test_an_error_takes_the_exception_that_is_being_handled(
        self, aggregator: LogAggregator, telemetry: LoggerProvider, collector: Collector
    ) -> None:
        """In the answer, in the telemetry and in what the app's handlers get; INFO does not."""
        shown = _Kept()
        logging.getLogger().addHandler(shown)
        try:
            raise ValueError("bad")
        except ValueError:
            aggregator.error("order failed", number=5)
            aggregator.log("going on")
        assert str(shown.records[0].exc_info[1]) == "bad"  # type: ignore[index]
        (error_shown,) = aggregator.aggregate(60)["errors"]
        assert error_shown["error"] == "ValueError: bad"
        failed, going_on = collector.records
        attributes = dict(failed.attributes or {})
        assert attributes["exception.message"] == "bad"
        assert attributes["number"] == 5
        assert failed.severity_number is SeverityNumber.ERROR
        assert dict(going_on.attributes or {}) == {}


class TestWindow:
    def test_only_the_window_counts(self, aggregator: LogAggregator, clock: Clock) -> None:
        """In seconds of the clock, both ends included."""
        for number in range(5):
            aggregator.log("tick", number=number)
            clock.now += 10
        answer = aggregator.aggregate(30)
        assert answer["window"] == 30
        assert [event["fields"]["number"] for event in answer["events"]] == [2, 3, 4]
        assert [event["age"] for event in answer["events"]] == [30, 20, 10]
        assert answer["rate"] == pytest.approx(0.1)

    @pytest.mark.parametrize(
        ("window", "total", "rate"),
        [
            (math.inf, 3, 3 / 20),
            (10, 1, 0.1),
            (0, 0, 0.0),
            (-5, 0, 0.0),
            (math.nan, 0, 0.0),
            ("20", 3, 0.15),
            ("soon", 0, 0.0),
            (None, 0, 0.0),
            (10**400, 0, 0.0),
        ],
    )
    def test_any_window_has_an_answer(
        self, aggregator: LogAggregator, clock: Clock, window: Any, total: int, rate: float
    ) -> None:
        """One that makes no sense is an empty one; the rate over everything is since the first."""
        for _ in range(2):
            aggregator.log("tick")
        clock.now += 10
        aggregator.log("tick")
        clock.now += 10
        answer = aggregator.aggregate(window)
        assert answer["total"] == total
        assert answer["rate"] == pytest.approx(rate)

    def test_nothing_logged_is_an_answer_too(self, aggregator: LogAggregator) -> None:
        """All keys are there."""
        answer = aggregator.aggregate(math.inf)
        assert answer == {
            "window": math.inf,
            "total": 0,
            "rate": 0.0,
            "by_level": {},
            "by_logger": {},
            "by_event": {},
            "values": {},
            "top": [],
            "errors": [],
            "error_groups": [],
            "events": [],
            "evicted": 0,
            "complete": True,
        }

    def test_memory_is_bounded(self, clock: Clock) -> None:
        """The oldest go; the answer says how many and whether the window misses them."""
        aggregator = LogAggregator(max_bytes=20_000, clock=clock)
        for number in range(500):
            aggregator.log("tick", number=number, text="x" * 500)
            clock.now += 1
        answer = aggregator.aggregate(math.inf)
        assert 5 < answer["total"] < 40
        assert answer["total"] + answer["evicted"] == 500
        assert answer["events"][-1]["fields"]["number"] == 499
        assert not answer["complete"]
        assert aggregator.aggregate(3)["complete"]

    def test_many_events_are_counted_and_the_newest_shown(self, aggregator: LogAggregator) -> None:
        """The counts are of all, the list is bounded."""
        for number in range(SHOWN + 50):
            aggregator.error(f"event {number}")
        answer = aggregator.aggregate(60)
        assert answer["total"] == len(answer["by_event"]) == SHOWN + 50
        assert len(answer["events"]) == len(answer["errors"]) == SHOWN
        assert answer["events"][-1]["event"] == f"event {SHOWN + 49}"


class TestValues:
    def test_numbers_are_summed_up(self, aggregator: LogAggregator) -> None:
        """Of each field of each event; what is no number, or a huge one, is only shown."""
        for value in (3, 1.5, -1):
            aggregator.log("a", value=value, text="x", yes=True, huge=-1e301, bad=math.nan)
        aggregator.log("b", value=10)
        assert aggregator.aggregate(60)["values"] == {
            "a": {"value": {"count": 3, "sum": 3.5, "min": -1, "max": 3, "last": -1}},
            "b": {"value": {"count": 1, "sum": 10, "min": 10, "max": 10, "last": 10}},
        }

    def test_an_answer_is_a_copy(self, aggregator: LogAggregator) -> None:
        """Changing it changes nothing that is kept."""
        aggregator.log("a", value=1)
        aggregator.aggregate(60)["events"][0]["fields"]["value"] = 2
        assert aggregator.aggregate(60)["events"][0]["fields"]["value"] == 1

    @unhurried
    @given(
        st.one_of(st.text(alphabet=st.characters(codec=None)), st.builds(Mute), st.integers()),
        st.dictionaries(
            st.one_of(st.text(), st.sampled_from(["name", "self", "level", "exc_info", "args"])),
            st.one_of(VALUES, st.floats(), st.builds(Mute), st.builds(Half)),
            max_size=4,
        ),
    )
    def test_nothing_raises_and_everything_is_json(
        self, event: Any, fields: dict[str, Any]
    ) -> None:
        """Whatever is logged."""
        fields.pop("event", None)
        aggregator = LogAggregator()
        aggregator.log(event, **fields)
        aggregator.error(event, **fields)
        answer = aggregator.aggregate(60)
        assert answer["total"] == 2
        json.dumps(answer, allow_nan=False)


class TestNeverRaising:
    def test_a_broken_clock_gives_an_empty_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One line says why, once."""

        def broken() -> float:
            raise OSError("no time")

        aggregator = LogAggregator(clock=broken)
        aggregator.log("tick")
        answer = aggregator.aggregate(60)
        assert (answer["total"], answer["complete"]) == (0, False)
        assert "internal error in LogAggregator.aggregate" in capsys.readouterr().err

    def test_broken_telemetry_and_handlers_cost_themselves(
        self,
        aggregator: LogAggregator,
        undo: Undo,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The event is counted, and shown where it can be."""
        monkeypatch.setattr(_current, "_telemetry", SimpleNamespace(logger_provider=None))

        class Bad(logging.Handler):
            def handle(self, record: logging.LogRecord) -> bool:
                raise OSError("disk full")

        logging.getLogger().addHandler(Bad())
        aggregator.error("failed")
        assert aggregator.aggregate(60)["total"] == 1
        lines = capsys.readouterr().err
        assert "internal error in LogAggregator, to telemetry" in lines
        assert "internal error in LogAggregator, to the app's handlers" in lines

    def test_a_foreign_provider_gets_fit_values(
        self, aggregator: LogAggregator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One of the SDK's, adopted."""
        provider, collector = (
            SdkProvider(resource=Resource({}), shutdown_on_exit=False),
            Collector(),
        )
        provider.add_log_record_processor(collector)
        monkeypatch.setattr(_current, "_telemetry", SimpleNamespace(logger_provider=provider))
        aggregator.log("placed", bad=Raising())
        assert dict(collector.last.attributes or {}) == {"bad": "<unprintable Raising>"}


def test_after_a_fork_nothing_is_left(aggregator: LogAggregator) -> None:
    """What the hook does in the child."""
    aggregator.log("parent")
    bus._after_fork()
    assert aggregator.aggregate(60)["total"] == 0


def test_a_forked_process_starts_empty(run_python: Callable[..., Any]) -> None:
    """What the parent counted is the parent's, and no lock of its is waited for."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    done = run_python(
        """
        import os
        from pepperpy_otel.logging import LogAggregator
        aggregator = LogAggregator()
        gone = LogAggregator()
        del gone
        aggregator.log("parent")
        aggregator._ring._lock.acquire()
        child = os.fork()
        if child == 0:
            aggregator.log("child")
            os._exit(aggregator.aggregate(60)["by_event"] != {"child": 1})
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


class _Kept(Shown):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
