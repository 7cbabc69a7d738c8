"""The provider is made once and switched off and on under the loggers that it handed out."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs import LogRecordLimits, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.logging.provider import LoggerProvider
from tests.logging.conftest import Collector, unhurried
from tests.logging.test_attributes import VALUES, Half, Keyed
from tests.logging.test_fanout import Picky
from tests.logging.test_values import Endless, Raising

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = st.sampled_from([Raising, Endless, Half, object]).map(lambda kind: kind())


def test_an_unarmed_provider_is_inert() -> None:
    """Loggers can be had before configure(); they do nothing."""
    provider = LoggerProvider()
    logger = provider.get_logger("app")
    logger.emit(body="lost")
    assert not logger.enabled()
    assert not provider.recording
    assert provider.force_flush()
    provider.shutdown()


def test_loggers_handed_out_work_again(collector: Collector) -> None:
    """After rollback() and another configure() they speak with the new resource and limits."""
    provider = LoggerProvider()
    logger = provider.get_logger("app", "1.0")
    provider.arm(resource=Resource({"service.name": "one"}), processors=[collector])
    logger.emit(body="a", attributes={"x": 1, "y": 2})
    provider.disarm()
    logger.emit(body="b")
    assert not logger.enabled()
    assert not provider.recording
    provider.arm(
        resource=Resource({"service.name": "two"}),
        limits=LogRecordLimits(max_log_record_attributes=1),
        processors=[collector],
    )
    logger.emit(body="c", attributes={"x": 1, "y": 2})
    assert collector.bodies == ["a", "c"]
    assert [w.resource.attributes["service.name"] for w in collector.written if w.resource] == [
        "one",
        "two",
    ]
    assert [dict(record.attributes or {}) for record in collector.records] == [
        {"x": 1, "y": 2},
        {"y": 2},
    ]
    assert [written.dropped_attributes for written in collector.written] == [0, 1]
    assert logger.resource is provider.resource
    assert provider.get_logger("app", "1.0") is logger


def test_disarming_forgets_the_processors(provider: LoggerProvider, collector: Collector) -> None:
    """Also one that the app added: the next configure() starts with its own only."""
    added = Collector()
    provider.add_log_record_processor(added)
    provider.get_logger("app").emit(body="a")
    provider.disarm()
    provider.arm(resource=Resource({}))
    provider.get_logger("app").emit(body="b")
    assert collector.bodies == added.bodies == ["a"]
    assert not provider.recording


def test_a_forked_process_speaks_with_its_own_resource(
    provider: LoggerProvider, collector: Collector
) -> None:
    """The resource can be exchanged without touching anything else."""
    provider.replace_resource(Resource({"service.name": "child"}))
    provider.get_logger("app").emit(body="x")
    assert collector.written[0].resource is provider.resource
    assert provider.resource.attributes["service.name"] == "child"
    provider.disarm()
    provider.replace_resource(Resource({"service.name": "inert"}))
    assert provider.armed is None
    assert provider.resource.attributes["service.name"] == "inert"


def test_it_is_a_provider_of_the_sdk(provider: LoggerProvider) -> None:
    """What asks for the SDK's types finds them."""
    logger = provider.get_logger("app", "1.0", "https://schema", {"team": "orders"})
    assert isinstance(provider, sdk_logs.LoggerProvider)
    assert isinstance(logger, sdk_logs.Logger)
    scope = logger.instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url) == ("app", "1.0", "https://schema")
    assert dict(scope.attributes or {}) == {"team": "orders"}
    assert provider.get_logger("app", "1.0", "https://schema", {"team": "orders"}) is not logger


def test_the_environment_of_the_sdk_is_not_read(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    """The settings have read and checked it; a bad limit raises nothing here."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "many")
    provider = LoggerProvider()
    provider.arm(resource=Resource({}), processors=[collector])
    provider.get_logger("app").emit(body="x")
    assert collector.bodies == ["x"]


def test_any_name_gives_a_logger(provider: LoggerProvider, collector: Collector) -> None:
    """A name that is no string is no reason to raise in the app."""
    names: list[Any] = [None, 5, ["a", "list"], ""]
    for name in names:
        provider.get_logger(name).emit(body="x")
    provider.get_logger("app", attributes=Keyed([Raising()])).emit(body="x")
    assert len(collector.records) == 5
    assert collector.written[2].instrumentation_scope is not None
    assert collector.written[2].instrumentation_scope.name == "['a', 'list']"


def test_enabled_asks_the_processors(collector: Collector) -> None:
    """An instrumentation can spare itself the work for what nobody wants."""
    provider = LoggerProvider()
    provider.arm(resource=Resource({}), processors=[Picky()])
    logger = provider.get_logger("app")
    assert logger.enabled(severity_number=SeverityNumber.WARN)
    assert not logger.enabled(severity_number=SeverityNumber.INFO)
    assert provider.recording


class TestEmit:
    def test_keyword_arguments_make_a_record(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """Everything that is given arrives."""
        provider.get_logger("app").emit(
            timestamp=5,
            observed_timestamp=6,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body={"a": [1]},
            attributes={"k": "v"},
            event_name="order.placed",
        )
        record = collector.last
        assert (record.timestamp, record.observed_timestamp) == (5, 6)
        assert (record.severity_number, record.severity_text) == (SeverityNumber.WARN, "WARN")
        assert record.body == {"a": (1,)}
        assert record.event_name == "order.placed"
        assert dict(record.attributes or {}) == {"k": "v"}

    def test_a_record_of_the_sdk_is_passed_on(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """With its own resource, and the exception's attributes behind the ones it has."""
        resource = Resource({"service.name": "other"})
        record = LogRecord(
            body="a\ud800", attributes={"exception.type": "Mine"}, exception=ValueError("bad")
        )
        written = ReadWriteLogRecord(record, resource)
        provider.get_logger("app").emit(written)  # type: ignore[arg-type, call-overload]
        plain = ReadWriteLogRecord(LogRecord(body="b"), resource)
        provider.get_logger("app").emit(plain)  # type: ignore[arg-type, call-overload]
        assert collector.written == [written, plain]
        assert collector.written[0].resource is resource
        assert collector.bodies == ["a\ufffd", "b"]
        attributes = dict(collector.records[0].attributes or {})
        assert attributes["exception.type"] == "Mine"
        assert attributes["exception.message"] == "bad"

    def test_an_exception_becomes_attributes(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """Those that the app gave by itself win."""
        provider.get_logger("app").emit(
            LogRecord(attributes={"exception.message": "mine"}, exception=ValueError("bad"))
        )
        attributes = dict(collector.last.attributes or {})
        assert attributes["exception.type"] == "ValueError"
        assert attributes["exception.message"] == "mine"
        assert "ValueError: bad" in str(attributes["exception.stacktrace"])

    @unhurried
    @given(st.data())
    def test_nothing_raises_and_everything_arrives(self, data: st.DataObject) -> None:
        """Whatever the body and the attributes are."""
        collector, provider = Collector(), LoggerProvider()
        provider.arm(resource=Resource({}), processors=[collector])
        value = st.one_of(VALUES, HOSTILE, st.lists(HOSTILE, max_size=3))
        body = data.draw(value)
        attributes: Any = data.draw(st.dictionaries(st.text(min_size=1), value, max_size=4))
        provider.get_logger("app").emit(body=body, attributes=attributes)
        assert len(collector.last.attributes or {}) == len(attributes)

    @pytest.mark.parametrize("attributes", [5, [1], "abc", Keyed([Raising(), Raising()])])
    def test_what_is_no_mapping_has_no_attributes(
        self, provider: LoggerProvider, collector: Collector, attributes: Any
    ) -> None:
        """The record arrives all the same."""
        provider.get_logger("app").emit(body="x", attributes=attributes)
        assert collector.bodies == ["x"]

    def test_an_error_inside_is_told_once(
        self, provider: LoggerProvider, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A record that is none costs one line, not the app."""
        for _ in range(2):
            provider.get_logger("app").emit("no record")  # type: ignore[arg-type, call-overload]
        assert capsys.readouterr().err.count("internal error in Logger.emit") == 1

    def test_nothing_is_said_about_values(
        self, provider: LoggerProvider, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The SDK warns of each value that it converts, cuts or drops: on the app's stderr."""
        provider.arm(
            resource=Resource({}),
            limits=LogRecordLimits(max_log_record_attributes=2, max_log_record_attribute_length=2),
            processors=[Collector()],
        )
        with caplog.at_level(logging.DEBUG):
            provider.get_logger("app").emit(
                body="x", attributes={"a": object(), "b": "long", "c": 1, "": 2}
            )
        assert caplog.records == []


class TestOwner:
    def test_the_owner_flushes_and_shuts_down(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """A user's call on the global provider reaches who owns the pipeline."""
        asked: list[tuple[str, float]] = []

        def owner(what: str, millis: float) -> bool:
            asked.append((what, millis))
            return what == "flush"

        provider.owner = owner
        assert provider.force_flush(250) is True
        provider.shutdown()
        assert asked == [("flush", 250), ("shutdown", 30000)]
        assert collector.flushed == []
        assert collector.ended == 0

    def test_what_the_owner_calls_reaches_the_processors(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """An owner that flushes this very provider does not ask itself for ever."""
        provider.owner = lambda what, millis: provider.force_flush(int(millis))
        assert provider.force_flush(300) is True
        assert len(collector.flushed) == 1
        assert provider.force_flush(300) is True

    def test_without_an_owner_the_processors_are_ended(
        self, provider: LoggerProvider, collector: Collector
    ) -> None:
        """The provider also works by itself."""
        assert provider.force_flush(300) is True
        provider.shutdown()
        assert len(collector.flushed) == collector.ended == 1

    def test_a_raising_owner_is_a_failed_flush(
        self, provider: LoggerProvider, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The app gets False and one line on stderr."""

        def owner(what: str, millis: float) -> bool:
            raise RuntimeError(what)

        provider.owner = owner
        assert provider.force_flush() is False
        assert "internal error in LoggerProvider.flush" in capsys.readouterr().err

    def test_two_threads_ask_the_owner_at_once(self, provider: LoggerProvider) -> None:
        """One thread's question does not make the other's one about the processors."""
        other: list[bool] = []

        def owner(what: str, millis: float) -> bool:
            if not other:
                other.append(True)
                thread = threading.Thread(target=provider.force_flush)
                thread.start()
                thread.join()
            else:
                other.append(True)
            return True

        provider.owner = owner
        provider.force_flush()
        assert len(other) == 2


def test_the_global_provider_can_be_switched_off_and_on(
    run_python: Callable[..., Any],
) -> None:
    """Proxies that were handed out before the provider was set work, stop, and work again."""
    done = run_python(
        """
        from opentelemetry import _logs
        from opentelemetry.sdk._logs import LogRecordProcessor
        from opentelemetry.sdk.resources import Resource
        from pepperpy_otel.logging.provider import LoggerProvider

        class Show(LogRecordProcessor):
            def on_emit(self, written):
                print(written.resource.attributes["n"], written.log_record.body)
            def shutdown(self): pass
            def force_flush(self, timeout_millis=0): return True

        early = _logs.get_logger("early")
        early.emit(body="before")
        provider = LoggerProvider()
        _logs.set_logger_provider(provider)
        for n in (1, 2):
            provider.arm(resource=Resource({"n": n}), processors=[Show()])
            early.emit(body="early")
            _logs.get_logger("late").emit(body="late")
            provider.disarm()
            early.emit(body="off")
        """
    )
    assert (done.stdout, done.stderr) == ("1 early\n1 late\n2 early\n2 late\n", "")
