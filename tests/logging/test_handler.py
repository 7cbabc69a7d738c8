"""A record of the standard library arrives as contrib's handler sends it, and nothing raises."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import LoggerProvider as SdkProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel.logging.handler import TelemetryHandler, is_own
from pepperpy_otel.logging.provider import LoggerProvider
from pepperpy_otel.logging.records import STANDARD
from tests.logging.conftest import Collector, unhurried
from tests.logging.test_attributes import VALUES, Half
from tests.logging.test_values import Endless, Nameless, Raising

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs import ReadWriteLogRecord


@pytest.fixture
def handler(provider: LoggerProvider) -> TelemetryHandler:
    """Our handler, on no logger yet."""
    return TelemetryHandler(provider)


@pytest.fixture
def attached(handler: TelemetryHandler) -> logging.Logger:
    """A logger with our handler on it and with nobody else's, pytest's included."""
    logger = logging.Logger("app.orders", logging.DEBUG)
    logger.addHandler(handler)
    return logger


def _contrib() -> tuple[LoggingHandler, Collector]:
    provider, collector = SdkProvider(resource=Resource({}), shutdown_on_exit=False), Collector()
    provider.add_log_record_processor(collector)
    return LoggingHandler(logger_provider=provider, log_code_attributes=True), collector


def _ours() -> tuple[TelemetryHandler, Collector]:
    provider, collector = LoggerProvider(), Collector()
    provider.arm(resource=Resource({}), processors=[collector])
    return TelemetryHandler(provider), collector


def _content(record: LogRecord) -> dict[str, Any]:
    content = {**vars(record), "attributes": dict(record.attributes or {})}
    del content["observed_timestamp"]
    return content


class Boom(Exception):
    pass


def _exc_info(error: BaseException | None, *, raised: bool) -> Any:
    if error is None:
        return (None, None, None) if raised else None
    if not raised:
        return (type(error), error, None)
    try:
        raise error
    except BaseException:
        return sys.exc_info()


NAMES = st.text(min_size=1).filter(lambda name: name not in STANDARD)
RECORDS = st.builds(
    logging.makeLogRecord,
    st.fixed_dictionaries(
        {
            "name": st.text(min_size=1).filter(lambda name: not is_own(name)),
            "levelno": st.integers(0, 60),
            "levelname": st.sampled_from(["DEBUG", "WARNING", "CRITICAL", "AUDIT"]),
            "pathname": st.text(),
            "funcName": st.one_of(st.none(), st.text()),
            "lineno": st.integers(0, 10**6),
            "created": st.floats(0, 4e9),
            "exc_info": st.builds(
                _exc_info,
                st.sampled_from(
                    [None, ValueError("bad", 2), Boom(), KeyError(5), KeyboardInterrupt("x")]
                ),
                raised=st.booleans(),
            ),
        },
        optional={"otel.event.name": st.text(min_size=1), "event.name": st.text(min_size=1)},
    ).flatmap(
        lambda known: st.dictionaries(NAMES, VALUES, max_size=5).map(
            lambda extra: {**extra, **known}
        )
    ),
)
MESSAGES = st.sampled_from(
    [
        ("plain", ()),
        ("%s and %d", ("one", 2)),
        ("100 %", ()),
        ("%(a)s", ({"a": 1},)),
        ({"a": 1}, ()),
        ([1], ()),
        (ValueError("bad"), ()),
        (None, ()),
    ]
)


@unhurried
@given(RECORDS, MESSAGES)
def test_a_record_is_what_contrib_makes_of_it(
    record: logging.LogRecord, message: tuple[Any, Any]
) -> None:
    """Body, severity, scope, event name, time and every attribute: names, values and order."""
    record.msg = message[0]
    record.args = message[1][0] if message[1] and isinstance(message[1][0], dict) else message[1]
    theirs, expected = _contrib()
    ours, collector = _ours()
    logging.disable()  # the SDK's warnings about what it converts
    try:
        theirs.emit(record)
    finally:
        logging.disable(logging.NOTSET)
    assert ours.handle(record)
    assert _content(collector.last) == _content(expected.last)
    mine, other = (c.written[0].instrumentation_scope for c in (collector, expected))
    assert (mine and mine.name, mine and mine.version) == (other and other.name, other.version)  # type: ignore[union-attr]


def test_the_current_span_is_that_of_the_record(
    attached: logging.Logger, collector: Collector
) -> None:
    """Ids and flags come from the context in which the record was made."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("order") as span:
        attached.info("in the span")
    attached.info("outside")
    context = span.get_span_context()
    inside, outside = collector.records
    assert (inside.trace_id, inside.span_id) == (context.trace_id, context.span_id)
    assert inside.trace_flags == context.trace_flags
    assert outside.trace_id == trace.INVALID_TRACE_ID


def test_the_call_is_named(attached: logging.Logger, collector: Collector) -> None:
    """File, function and line of the app's own call."""
    attached.info("x")
    attributes = dict(collector.last.attributes or {})
    assert attributes["code.file.path"] == __file__
    assert attributes["code.function.name"] == "test_the_call_is_named"
    assert isinstance(attributes["code.line.number"], int)


def test_the_level_of_the_handler_counts(provider: LoggerProvider, collector: Collector) -> None:
    """As with any handler."""
    logger = logging.Logger("app")
    logger.addHandler(TelemetryHandler(provider, level=logging.WARNING))
    logger.info("below")
    logger.warning("above")
    assert collector.bodies == ["above"]


@pytest.mark.parametrize(
    ("exc_info", "attributes"),
    [
        ((None, None, None), {}),
        ((Boom, None, None), {"exception.type": "Boom"}),
        ((Boom, Boom(), None), {"exception.type": "Boom"}),
        ((Boom, Boom(5), None), {"exception.type": "Boom", "exception.message": "5"}),
        (Boom(5), {"exception.type": "Boom", "exception.message": "5"}),
    ],
)
def test_an_exception_is_as_much_as_there_is(
    handler: TelemetryHandler, collector: Collector, exc_info: Any, attributes: dict[str, Any]
) -> None:
    """Without a message or without a traceback there is none."""
    handler.handle(logging.makeLogRecord({"name": "app", "exc_info": exc_info}))
    given = dict(collector.last.attributes or {})
    assert {k: v for k, v in given.items() if k.startswith("exception.")} == attributes


HOSTILE = st.sampled_from([Raising, Endless, Half, object]).map(lambda kind: kind())
ANYTHING = st.one_of(st.none(), VALUES, HOSTILE, st.text(alphabet=st.characters(codec=None)))


@unhurried
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(
                [
                    *("name", "levelno", "levelname", "pathname", "lineno", "funcName", "msg"),
                    *("args", "exc_info", "created", "otel.event.name", "event.name", "x"),
                ]
            ),
            st.text(),
            st.integers(),
        ),
        ANYTHING,
        max_size=6,
    )
)
def test_no_record_raises(values: dict[Any, Any]) -> None:
    """Whatever is in it, also where the standard library puts a number or a string."""
    ours, _ = _ours()
    record = logging.makeLogRecord(values)
    ours.handle(record)
    ours.emit(record)


@pytest.mark.parametrize("number", range(4))
def test_a_hostile_value_costs_itself(
    attached: logging.Logger, collector: Collector, number: int
) -> None:
    """The message and the other values arrive."""
    kind: Any = [Raising, Endless, Half, Nameless][number]
    attached.info("order %s placed", 5, extra={"bad": kind(), "good": 1})
    attached.info("order %s placed", kind())
    attached.error(kind())
    assert collector.bodies[0] == "order 5 placed"
    attributes = dict(collector.records[0].attributes or {})
    assert attributes["good"] == 1
    assert str(attributes["bad"]).startswith("<unprintable")
    assert len(collector.records) == 3


def test_a_wrong_format_string_is_no_error(
    attached: logging.Logger, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message arrives as it stands, and nothing is printed."""
    attached.info("%d orders", "many")
    assert collector.bodies == ["%d orders ('many',)"]
    assert capsys.readouterr().err == ""


class TestLoopGuard:
    @pytest.mark.parametrize(
        ("name", "taken"),
        [
            ("opentelemetry", False),
            ("opentelemetry.sdk._logs.export", False),
            ("opentelemetry.attributes", False),
            ("pepperpy_otel", False),
            ("pepperpy_otel.delivery.worker", False),
            ("opentelemetry_shop", True),
            ("app.opentelemetry", True),
            ("urllib3.connectionpool", True),
        ],
    )
    def test_what_speaks_about_telemetry_is_not_telemetry(
        self, handler: TelemetryHandler, collector: Collector, name: str, taken: bool
    ) -> None:
        """Loggers of OpenTelemetry and ours, with all below them; nobody else's."""
        record = logging.makeLogRecord({"name": name, "msg": "x"})
        assert handler.accepts(record) is taken
        assert handler.handle(record) is taken
        assert handler.handle(record) is taken
        assert len(collector.records) == (2 if taken else 0)

    def test_threads_that_deliver_are_not_heard(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """What an HTTP client logs about an export is not exported."""
        delivering = threading.local()
        handler = TelemetryHandler(provider, skip=lambda: getattr(delivering, "on", False))
        record = logging.makeLogRecord({"name": "urllib3.connectionpool", "msg": "POST /v1/logs"})

        def deliver() -> None:
            delivering.on = True
            assert not handler.accepts(record)
            handler.handle(record)

        thread = threading.Thread(target=deliver)
        thread.start()
        thread.join()
        assert collector.records == []
        assert handler.handle(record)

    def test_suppressed_instrumentation_is_not_heard(
        self, attached: logging.Logger, collector: Collector
    ) -> None:
        """The exporters of the SDK suppress while they send."""
        with suppress_instrumentation():
            attached.info("exporting")
        attached.info("working")
        assert collector.bodies == ["working"]

    def test_a_record_made_while_one_is_handled_is_not_taken(
        self, attached: logging.Logger, provider: LoggerProvider
    ) -> None:
        """A processor that logs does not go on for ever."""

        class Talkative(Collector):
            def on_emit(self, log_record: ReadWriteLogRecord) -> None:
                super().on_emit(log_record)
                attached.info("from within")

        talkative = Talkative()
        provider.arm(resource=Resource({}), processors=[talkative])
        attached.info("first")
        attached.info("second")
        assert talkative.bodies == ["first", "second"]


class TestHandler:
    def test_filters_hold(
        self, attached: logging.Logger, handler: TelemetryHandler, collector: Collector
    ) -> None:
        """One that adds a value is heard, one that refuses obeyed, one that raises survived."""

        def number(record: logging.LogRecord) -> bool:
            record.request = 5
            return record.msg != "secret"

        handler.addFilter(number)
        attached.info("public")
        attached.info("secret")

        def raising(record: logging.LogRecord) -> bool:
            raise RuntimeError("filter")

        handler.addFilter(raising)
        attached.info("lost")
        assert collector.bodies == ["public"]
        assert dict(collector.last.attributes or {})["request"] == 5

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="filters replace records since 3.12")
    def test_a_filter_may_replace_the_record(
        self, attached: logging.Logger, handler: TelemetryHandler, collector: Collector
    ) -> None:
        """As for every handler."""
        handler.addFilter(lambda record: logging.makeLogRecord({"name": "app", "msg": "masked"}))
        attached.info("secret")
        assert collector.bodies == ["masked"]

    def test_nothing_is_locked(self, handler: TelemetryHandler) -> None:
        """No thread waits for another one here, and acquire() and release() work all the same."""
        assert handler.lock is None
        handler.acquire()
        handler.release()

    def test_flushing_starts_no_thread(self, handler: TelemetryHandler) -> None:
        """``logging.shutdown()`` at exit calls it when no thread can be started any more."""
        before = threading.active_count()
        handler.flush()
        handler.close()
        assert threading.active_count() == before

    def test_errors_print_no_traceback(
        self, handler: TelemetryHandler, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The standard library would print one for each record."""
        try:
            raise ValueError("bad")
        except ValueError:
            handler.handleError(logging.makeLogRecord({}))
        assert capsys.readouterr().err == ""

    def test_an_error_inside_is_told_once(
        self, handler: TelemetryHandler, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A record that is none: one line, and the app goes on."""
        broken = logging.makeLogRecord({"name": ["no", "name"]})
        assert not handler.handle(broken)
        assert not handler.handle(broken)
        assert capsys.readouterr().err.count("internal error in the logging handler") == 1

    def test_nobody_listening_costs_no_translation(
        self, handler: TelemetryHandler, provider: LoggerProvider
    ) -> None:
        """With no processor, or rolled back, the message is not even formatted."""
        formatted: list[int] = []

        class Watching:
            def __str__(self) -> str:
                formatted.append(1)
                return "x"

        provider.arm(resource=Resource({}))
        record = logging.makeLogRecord({"name": "app", "msg": Watching()})
        assert not handler.handle(record)
        provider.disarm()
        assert not handler.handle(record)
        assert formatted == []

    def test_a_foreign_provider_gets_fit_values(self, caplog: pytest.LogCaptureFixture) -> None:
        """One of the SDK's, adopted: nothing raises, nothing is warned about."""
        provider, collector = (
            SdkProvider(resource=Resource({}), shutdown_on_exit=False),
            Collector(),
        )
        provider.add_log_record_processor(collector)
        handler = TelemetryHandler(provider)
        extra = {"a": Raising(), "b": {1}, "c\ud800": "d\ud800"}
        with caplog.at_level(logging.DEBUG):
            assert handler.handle(logging.makeLogRecord({"name": "app", "msg": "x", **extra}))
        attributes = dict(collector.last.attributes or {})
        assert attributes["a"] == "<unprintable Raising>"
        assert attributes["b"] == "{1}"
        assert attributes["c\ufffd"] == "d\ufffd"
        assert caplog.records == []

    def test_severity_is_that_of_the_level(
        self, attached: logging.Logger, collector: Collector
    ) -> None:
        """Python's names become those of the log data model."""
        attached.warning("w")
        attached.critical("c")
        assert [(r.severity_text, r.severity_number) for r in collector.records] == [
            ("WARN", SeverityNumber.WARN),
            ("FATAL", SeverityNumber.FATAL),
        ]

    def test_many_threads_log_at_once(self, attached: logging.Logger, collector: Collector) -> None:
        """Each record arrives once."""
        start = threading.Barrier(4)

        def work(number: int) -> None:
            start.wait()
            for count in range(50):
                attached.info("%d", number * 50 + count)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(int, collector.bodies)) == list(range(200))
