"""What of the baggage becomes attributes of spans and log records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import pepperpy_otel
from pepperpy_otel.correlation import bind, use_correlation_id
from pepperpy_otel.correlation.processors import Attributes, CorrelationLogProcessor

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


class _Kept(LogRecordProcessor):
    def __init__(self) -> None:
        self.records: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        self.records.append(log_record.log_record)

    def shutdown(self) -> None:
        """Nothing to end."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


class Recorded:
    """Telemetry whose spans and records are kept in memory, and what they were."""

    def __init__(self, configure: Callable[..., Telemetry], **settings: Any) -> None:
        self.spans = InMemorySpanExporter()
        self.logs = _Kept()
        configure(
            span_processors=[SimpleSpanProcessor(self.spans)],
            log_record_processors=[self.logs],
            **settings,
        )

    def attributes(self) -> list[dict[str, Any]]:
        """Of everything recorded, without where in the code it was."""
        found: list[Any] = [span.attributes for span in self.spans.get_finished_spans()]
        found += [record.attributes for record in self.logs.records]
        return [
            {name: value for name, value in each.items() if not name.startswith("code.")}
            for each in found
        ]


def _record_some(**extra: Any) -> None:
    with pepperpy_otel.get_tracer("t").start_as_current_span("span"):
        logging.getLogger("app").warning("said", extra=extra)


def test_spans_and_logs_have_the_id_of_their_context(configure: Callable[..., Telemetry]) -> None:
    """Where there is none they have no attribute."""
    recorded = Recorded(configure)
    _record_some()
    with use_correlation_id("abc"):
        _record_some()
    with_id = {"correlation.id": "abc"}
    assert recorded.attributes() == [{}, with_id, {}, with_id]


def test_baggage_by_an_allow_list_only(configure: Callable[..., Telemetry]) -> None:
    """Names, and beginnings of names; control characters are shown, not acted out."""
    recorded = Recorded(configure, baggage_attributes=["tenant", "order.*"])
    entries = {"order.id": 7, "order.line": "a\nb", "orders": "x", "secret": "y"}
    with bind(entries, tenant="acme"):
        _record_some()
    expected = {"tenant": "acme", "order.id": "7", "order.line": "a\\x0ab"}
    assert recorded.attributes() == [expected, expected]


def test_an_attribute_that_the_app_gave_a_record_stays(
    configure: Callable[..., Telemetry],
) -> None:
    """What is said about one record is more than what is said about all."""
    recorded = Recorded(configure)
    with use_correlation_id("abc"):
        _record_some(**{"correlation.id": "mine"})
    assert recorded.attributes() == [{"correlation.id": "abc"}, {"correlation.id": "mine"}]


def test_off_leaves_the_id_out(configure: Callable[..., Telemetry]) -> None:
    """Also where other baggage becomes attributes."""
    recorded = Recorded(configure, correlation_id="off", baggage_attributes=["correlation.*", "a"])
    with use_correlation_id("abc"), bind(a="1"):
        _record_some()
    assert recorded.attributes() == [{"a": "1"}, {"a": "1"}]


def test_off_without_baggage_adds_no_processor(configure: Callable[..., Telemetry]) -> None:
    """Then nothing looks at any context."""
    recorded = Recorded(configure, correlation_id="off")
    with use_correlation_id("abc"):
        _record_some()
    assert recorded.attributes() == [{}, {}]


def test_an_id_that_is_none_is_no_attribute(configure: Callable[..., Telemetry]) -> None:
    """Whoever put it into the baggage."""
    recorded = Recorded(configure)
    context = baggage.set_baggage("correlation.id", "a\nb", Context())
    pepperpy_otel.get_tracer("t").start_span("span", context=context).end()
    assert recorded.attributes() == [{}]


def test_a_span_looks_into_the_context_that_it_is_given(
    configure: Callable[..., Telemetry],
) -> None:
    """Not into the current one: that is what instrumentations of servers pass."""
    recorded = Recorded(configure)
    context = baggage.set_baggage("correlation.id", "theirs", Context())
    with use_correlation_id("mine"):
        pepperpy_otel.get_tracer("t").start_span("span", context=context).end()
    assert recorded.attributes() == [{"correlation.id": "theirs"}]


def test_a_record_of_the_api_is_stamped_too(configure: Callable[..., Telemetry]) -> None:
    """Not only those of the standard library."""
    recorded = Recorded(configure)
    with use_correlation_id("abc"):
        pepperpy_otel.get_logger("api").emit(body="said")
    assert recorded.attributes() == [{"correlation.id": "abc"}]


def test_a_sampled_out_span_costs_nothing(configure: Callable[..., Telemetry]) -> None:
    """It gets no attributes, and its logs do."""
    recorded = Recorded(configure, sampler="always_off")
    with use_correlation_id("abc"):
        _record_some()
    assert recorded.attributes() == [{"correlation.id": "abc"}]


def test_baggage_of_another_kind_is_none() -> None:
    """The API reads it so, too."""
    attributes = Attributes(("a", "b*"))
    assert attributes.of(["a"]) == {}
    assert attributes.of({"a": 1, 7: 2, "bc": 3}) == {"a": "1", "bc": "3"}


def test_equal_baggage_is_worked_out_once() -> None:
    """Spans of one request share the very same baggage."""
    attributes = Attributes(("a",))
    entries = {"a": "1"}
    assert attributes.of(entries) is attributes.of(entries)


def test_a_log_record_without_a_context_takes_the_current_one() -> None:
    """As those have that somebody made by hand."""

    class Record:
        context = None
        attributes: dict[str, Any] = {}  # noqa: RUF012

    class Written:
        log_record = Record()

    processor = CorrelationLogProcessor(Attributes(()))
    with use_correlation_id("abc"):
        processor.on_emit(Written())  # type: ignore[arg-type]
    assert Record.attributes == {"correlation.id": "abc"}
    assert processor.force_flush() is True
    assert processor.shutdown() is None  # type: ignore[func-returns-value]


def test_a_rollback_takes_all_of_it_away(configure: Callable[..., Telemetry]) -> None:
    """The process is as it was, the functions go on."""
    Recorded(configure)
    assert pepperpy_otel.rollback()
    with use_correlation_id("abc") as found:
        assert found == "abc"


def test_what_is_there_already_is_not_said_twice() -> None:
    """A record that has the attribute keeps its own; the others are added."""

    class Record:
        context = None
        attributes: dict[str, Any] = {"a": "mine"}  # noqa: RUF012

    class Written:
        log_record = Record()

    with bind(a="1", b="2"):
        CorrelationLogProcessor(Attributes(("a", "b"))).on_emit(Written())  # type: ignore[arg-type]
    assert Record.attributes == {"a": "mine", "b": "2"}


def test_baggage_does_not_replace_what_the_app_says(configure: Callable[..., Telemetry]) -> None:
    """A stranger sends baggage; what a span was started with is the app's."""
    recorded = Recorded(configure, baggage_attributes=["tenant", "shop"])
    with bind(tenant="strange", shop="7"):
        pepperpy_otel.get_tracer("t").start_span("span", attributes={"tenant": "mine"}).end()
    assert recorded.attributes() == [{"tenant": "mine", "shop": "7"}]


def test_without_the_module_of_baggage_there_is_none(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Nor is it imported to look for some; once somebody has imported it, it is found."""
    done = run_python(
        """
        import logging, sys
        import pepperpy_otel
        pepperpy_otel.configure(traces=False, metrics=False, logs=False, instrument=False)
        tracer = pepperpy_otel.get_tracer("t")
        with tracer.start_as_current_span("before"):
            logging.getLogger("app").warning("said")
        print("opentelemetry.baggage" in sys.modules, "concurrent.futures.process" in sys.modules)
        from pepperpy_otel.correlation import use_correlation_id
        with use_correlation_id("abc"), tracer.start_as_current_span("behind") as span:
            print(dict(span.attributes))
        """
    )
    assert done.stdout.splitlines() == ["False False", "{'correlation.id': 'abc'}"], done.stderr
