"""structlog and loguru: one line, and their records are telemetry; once, with all they hold."""

from __future__ import annotations

import io
import logging
import math
from typing import TYPE_CHECKING, Any

import loguru
import pytest
import structlog
from opentelemetry import trace

import pepperpy_otel
from pepperpy_otel.logging import LogAggregator, emission, loguru_sink, structlog_processor
from pepperpy_otel.logging.emission import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Neither library keeps what a test has set up."""
    loguru.logger.remove()
    yield
    structlog.reset_defaults()
    loguru.logger.remove()


def logs(receiver: Receiver) -> list[Any]:
    """What was received."""
    assert pepperpy_otel.force_flush(30_000)
    return receiver.store.logs


def test_an_event_of_structlog_is_a_record(configure: Configure, receiver: Receiver) -> None:
    """Body, level, fields and span; what structlog prints stays as it was."""
    printed = io.StringIO()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog_processor(),
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(printed),
    )
    configure()
    aggregator = LogAggregator()
    with trace.get_tracer("x").start_as_current_span("s"):
        structlog.get_logger().bind(order=12).warning("placed", items=[1, {"a": 2}])
    (record,) = logs(receiver)
    (span,) = receiver.store.spans
    assert (record.body, record.severity, record.span_id) == ("placed", "WARN", span.span_id)
    assert record.attributes["order"] == 12
    assert record.attributes["items"] == [1, {"a": 2}]
    assert "level" not in record.attributes
    assert printed.getvalue() == "event='placed' order=12 items=[1, {'a': 2}] level='warning'\n"
    assert aggregator.aggregate(math.inf)["by_event"] == {"placed": 1}


def test_structlog_over_the_standard_library_is_taken_once(
    configure: Configure, receiver: Receiver
) -> None:
    """The rendered line that follows is not a second record; other records of the logger are."""
    structlog.configure(
        processors=[structlog_processor(), structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    configure(log_level="INFO")
    structlog.get_logger("shop").info("placed", order=12)
    logging.getLogger("shop").info("plain")
    logging.getLogger("other").info("plain, too")
    structlog.get_logger("shop").debug("below")
    records = logs(receiver)
    assert [record.body for record in records] == ["placed", "plain", "plain, too"]
    assert records[0].attributes["order"] == 12


@pytest.mark.parametrize("event", ['say "hi"', "Grüße", "two\nlines", "back\\slash", 'it\'s "so"'])
@pytest.mark.parametrize(
    "renderer",
    [
        structlog.processors.JSONRenderer(),
        structlog.processors.JSONRenderer(ensure_ascii=False),
        structlog.processors.KeyValueRenderer(),
    ],
)
def test_what_a_renderer_escapes_is_taken_once(
    configure: Configure, receiver: Receiver, renderer: Any, event: str
) -> None:
    """The rendered line is known again, though it spells the event otherwise."""
    structlog.configure(
        processors=[structlog_processor(), renderer],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    configure(log_level="INFO")
    structlog.get_logger("shop").error(event)
    assert [record.body for record in logs(receiver)] == [event]


def test_a_record_that_never_came_hides_no_other_one(
    configure: Configure, receiver: Receiver
) -> None:
    """When the standard library drops the line, the next record of that logger is taken."""
    structlog.configure(
        processors=[structlog_processor(), structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    configure(log_level="INFO")
    logger = logging.getLogger("shop")
    drop = lambda record: "placed" not in record.getMessage()  # noqa: E731
    logger.addFilter(drop)
    try:
        structlog.get_logger("shop").error("placed")
        logging.getLogger("shop").error("plain")
    finally:
        logger.removeFilter(drop)
    assert [record.body for record in logs(receiver)] == ["placed", "plain"]


@pytest.mark.parametrize(
    ("method", "given", "level", "raised"),
    [
        ("exception", None, "ERROR", True),
        ("error", True, "ERROR", True),
        ("err", ValueError("own"), "ERROR", True),
        ("fatal", (ValueError, ValueError("own"), None), "FATAL", True),
        ("warn", (1, 2), "WARN", False),
        ("msg", False, "INFO", False),
        ("odd", None, "INFO", False),
    ],
)
def test_levels_and_exceptions_of_structlog(
    configure: Configure,
    receiver: Receiver,
    method: str,
    given: Any,
    level: str,
    raised: bool,
) -> None:
    """Whatever the method is called; the exception that is given, or that is being handled."""
    configure()
    process = structlog_processor("shop")
    values: dict[str, Any] = {"event": "failed", "logger": "", "exc_info": given}
    try:
        raise ValueError("handled")
    except ValueError:
        assert process(None, method, values) is values
    (record,) = logs(receiver)
    assert record.severity == level
    assert ("exception.type" in record.attributes) is raised


def test_a_record_of_loguru_is_a_record(configure: Configure, receiver: Receiver) -> None:
    """Message, level, extra, place, time, exception and span."""
    configure()
    aggregator = LogAggregator()
    loguru.logger.add(loguru_sink(), level="DEBUG")
    with trace.get_tracer("x").start_as_current_span("s"):
        loguru.logger.bind(order=12).success("placed {}", "now")
    try:
        raise KeyError("gone")
    except KeyError:
        loguru.logger.exception("failed")
    loguru.logger.trace("below")
    placed, failed = logs(receiver)
    (span,) = receiver.store.spans
    assert (placed.body, placed.span_id) == ("placed now", span.span_id)
    assert placed.severity == "SUCCESS"
    assert placed.attributes["order"] == 12
    assert placed.attributes["code.function.name"] == "test_a_record_of_loguru_is_a_record"
    assert failed.attributes["exception.type"] == "KeyError"
    assert aggregator.aggregate(math.inf)["total"] == 2


def test_a_processor_that_logs_does_not_go_on_for_ever(
    configure: Configure, receiver: Receiver
) -> None:
    """What is logged while a record is taken is not taken itself."""
    from opentelemetry.sdk._logs import LogRecordProcessor

    structlog.configure(
        processors=[structlog_processor(), structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )

    class Chatty(LogRecordProcessor):
        def on_emit(self, log_record: Any) -> None:
            structlog.get_logger().error("again")

        def shutdown(self) -> None:
            """Nothing to do."""

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    configure(log_record_processors=[Chatty()])
    structlog.get_logger().error("once")
    assert [record.body for record in logs(receiver)] == ["once"]


def test_without_telemetry_nothing_happens() -> None:
    """Before configure() and after rollback() both are there and harmless."""
    values = {"event": "x"}
    assert structlog_processor()(None, "info", values) == {"event": "x"}
    message: Any = object()
    loguru_sink()(message)


def test_the_record_of_another_logger_is_not_mistaken(
    configure: Configure, receiver: Receiver
) -> None:
    """What another logger says before the rendered line comes is taken, that line is not."""
    structlog.configure(
        processors=[structlog_processor(), _chatter, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    configure(log_level="INFO")
    structlog.get_logger("shop").error("placed")
    assert [record.body for record in logs(receiver)] == ["placed", "from a processor"]


def _chatter(logger: Any, method: str, values: Any) -> Any:
    logging.getLogger("other").error("from a processor")
    return values


def test_fields_that_break_cost_their_record_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that is bound to a logger raises into the app."""

    class Breaking(dict[str, Any]):
        def keys(self) -> Any:
            raise RuntimeError("no keys")

    aggregator = LogAggregator()
    emit(logger="x", level=40, message="x", event="x", fields=Breaking(a=1))
    emit(logger="x", level=40, message="y", event="y", fields={})
    assert "y" in aggregator.aggregate(math.inf)["by_event"]


def test_a_record_that_cannot_be_made_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source goes on; nothing of ours reaches it."""
    reported: list[str] = []
    monkeypatch.setattr(emission, "report_internal", lambda what, error: reported.append(what))
    monkeypatch.setattr(emission, "_emit", lambda *_: 1 / 0)
    emit(logger="app", level=20, message="m", event="e", fields={})
    assert reported == ["a record for telemetry"]
