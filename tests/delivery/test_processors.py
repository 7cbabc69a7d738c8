from __future__ import annotations

import collections
import collections.abc
import types
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, SamplingResult
from opentelemetry.trace import Link, SpanContext

from pepperpy_otel.delivery.weight import attribute_bytes, record_bytes, span_bytes, value_bytes
from tests.delivery.fakes import RESOURCE, FakeSender, make_records, make_spans

if TYPE_CHECKING:
    from collections.abc import Callable


class Attributes(collections.abc.Mapping):  # type: ignore[type-arg]
    """A mapping that can do no more than a mapping must."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class RecordOnly(type(ALWAYS_OFF)):  # type: ignore[misc]
    """Spans that are recorded and not sampled."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)


def test_ended_spans_reach_the_sender_as_the_sdk_made_them(pipeline: Callable[..., Any]) -> None:
    """Name, attributes and resource are the span's own."""
    sender = FakeSender("traces")
    made = pipeline([sender])
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(made.span_processor())
    with provider.get_tracer("t").start_as_current_span("work", attributes={"a": 1}):
        pass
    assert provider.force_flush()
    (span,) = sender.items
    assert (span.name, dict(span.attributes), span.resource) == ("work", {"a": 1}, RESOURCE)


@pytest.mark.parametrize("destinations", [1, 2])
def test_spans_that_are_not_sampled_stay_here(
    pipeline: Callable[..., Any], destinations: int
) -> None:
    """Recorded but not sampled is not exported, as BatchSpanProcessor has it."""
    made = pipeline(*[[FakeSender("traces")] for _ in range(destinations)])
    provider = TracerProvider(sampler=RecordOnly(Decision.DROP), shutdown_on_exit=False)
    provider.add_span_processor(made.span_processor())
    with provider.get_tracer("t").start_as_current_span("work") as span:
        assert span.is_recording()
    assert made.stats().pending.traces == 0


def test_log_records_reach_the_sender_without_their_context(pipeline: Callable[..., Any]) -> None:
    """The exported record is a copy without context; the other processors keep theirs."""
    sender = FakeSender("logs")
    made = pipeline([sender])
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(made.log_record_processor())
    record = LogRecord(body="hello", context=Context({"key": "large"}), attributes={"a": 1})
    provider.get_logger("log").emit(record)
    assert provider.force_flush()
    (sent,) = sender.items
    assert isinstance(sent, ReadableLogRecord)
    assert (sent.log_record.body, dict(sent.log_record.attributes)) == ("hello", {"a": 1})
    assert sent.log_record.context == Context()
    assert (sent.resource, sent.instrumentation_scope.name) == (RESOURCE, "log")
    assert record.context == Context({"key": "large"})


def test_a_record_without_a_resource_gets_an_empty_one(pipeline: Callable[..., Any]) -> None:
    """A record that was made by hand is not lost."""
    sender = FakeSender("logs")
    made = pipeline([sender])
    made.log_record_processor().on_emit(ReadWriteLogRecord(LogRecord(body="x"), resource=None))
    assert made.flush(10)
    assert sender.items[0].resource == Resource.get_empty()


def test_a_record_of_a_class_with_slots_is_copied_too(pipeline: Callable[..., Any]) -> None:
    """Whoever makes records of a class of their own keeps their context as well."""

    class Slotted(LogRecord):
        __slots__ = ("more",)

        def __copy__(self) -> Any:
            return LogRecord(body=self.body)

        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise TypeError("slots")

    sender = FakeSender("logs")
    made = pipeline([sender])
    holder = types.SimpleNamespace(
        log_record=Slotted(body="x"), resource=None, instrumentation_scope=None, limits=None
    )
    made.log_record_processor().on_emit(holder)
    assert made.flush(10)
    (sent,) = sender.items
    assert (sent.log_record.body, sent.log_record.context) == ("x", Context())


def test_a_record_that_nobody_wants_is_not_even_copied(pipeline: Callable[..., Any]) -> None:
    """Without a destination for logs a record costs next to nothing."""
    pipeline([FakeSender("traces")]).log_record_processor().on_emit(object())


def test_nothing_surfaces_in_the_app(pipeline: Callable[..., Any], said: list[str]) -> None:
    """What is no span and no record is reported once, not raised."""
    made = pipeline([FakeSender("traces"), FakeSender("logs")])
    for _ in range(2):
        made.span_processor().on_end(object())
        made.log_record_processor().on_emit(object())
    assert len(said) == 2


@pytest.mark.parametrize("kind", ["span_processor", "log_record_processor"])
def test_processors_flush_the_pipeline(
    pipeline: Callable[..., Any], said: list[str], kind: str
) -> None:
    """A provider's force_flush and shutdown deliver; the pipeline lives on; nothing is raised."""
    sender = FakeSender("traces")
    made = pipeline([sender])
    spans = made.span_processor()
    processor = getattr(made, kind)()
    for name, deliver in (("a", processor.force_flush), ("b", processor.shutdown)):
        spans.on_end(make_spans(name)[0])
        deliver()
        assert sender.items[-1].name == name
    assert processor.force_flush(1000) is True
    made.flush = None
    assert processor.force_flush() is False
    processor.shutdown()
    assert len(said) == 1


def test_larger_items_have_larger_estimates() -> None:
    """Attributes, events, links and bodies count, and built-in containers are looked into."""
    small, large = make_spans("a")[0], make_spans("a", attributes={"sql": "x" * 10_000})[0]
    assert span_bytes(large) - span_bytes(small) >= 10_000
    provider = TracerProvider(shutdown_on_exit=False)
    link = Link(SpanContext(1, 2, is_remote=False), {"l": "x" * 2000})
    span: Any = provider.get_tracer("t").start_span("s", links=[link])
    span.add_event("e", {"m": "x" * 3000})
    assert span_bytes(span) - span_bytes(small) > 5000
    record = make_records("y" * 5000)[0].log_record
    assert record_bytes(record) > 5000
    assert attribute_bytes(None) == 0
    plain = types.MappingProxyType(collections.ChainMap({"a": "x" * 100}))
    assert attribute_bytes(plain) > 100
    assert attribute_bytes(Attributes(plain)) == attribute_bytes(plain)
    assert value_bytes([b"x" * 100, {"k": ("y" * 100,)}]) > 200


def test_an_estimate_never_runs_code_of_the_app() -> None:
    """Objects of other types and endless nesting are not looked into."""

    class Hostile(str):
        def __len__(self) -> int:
            raise AssertionError

    endless: list[Any] = []
    endless.append(endless)
    assert value_bytes(Hostile("x")) > 0
    assert value_bytes(endless) > 0


def test_what_the_edit_withholds_is_not_queued(pipeline: Callable[..., Any]) -> None:
    """``None`` instead of a span or a record: what could not be made fit stays here."""
    made = pipeline([FakeSender("traces"), FakeSender("logs")])
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    tracer_provider.add_span_processor(made.span_processor(lambda span: None))
    logger_provider = LoggerProvider(shutdown_on_exit=False)
    logger_provider.add_log_record_processor(made.log_record_processor(lambda record: None))

    tracer_provider.get_tracer("t").start_span("kept back").end()
    logger_provider.get_logger("t").emit(body="kept back")

    assert made.stats().pending.total == 0
