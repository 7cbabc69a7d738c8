"""Spans are current where they should be, and leaving is quiet, wherever it happens."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, StatusCode, get_current_span

from pepperpy_otel.tracing.context import CurrentSpan, end, note_exception
from tests.tracing.conftest import Armed, Broken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from opentelemetry.sdk.trace import ReadableSpan


def test_a_span_is_current_in_its_block(armed: Armed) -> None:
    """And the one before is current again behind it."""
    with armed.tracer.start_as_current_span("outer") as outer:
        with armed.tracer.start_as_current_span("inner") as inner:
            assert get_current_span() is inner
        assert get_current_span() is outer
    assert get_current_span() is INVALID_SPAN
    assert [span.name for span in armed.spans] == ["inner", "outer"]
    assert armed.spans[0].parent == outer.get_span_context()


def _sdk_spans(work: Any) -> tuple[ReadableSpan, ...]:
    exporter = InMemorySpanExporter()
    provider = sdk_trace.TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    work(provider.get_tracer("sdk"))
    return exporter.get_finished_spans()


def _told(span: ReadableSpan) -> Any:
    events = [(event.name, {**(event.attributes or {})}) for event in span.events]
    for _, attributes in events:
        attributes.pop("exception.stacktrace", None)
    return (span.name, span.status.status_code, span.status.description, events)


@pytest.mark.parametrize("kind", [ValueError, KeyError, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("status", [True, False])
def test_exceptions_are_treated_as_in_the_sdk(
    kind: type[BaseException], record: bool, status: bool
) -> None:
    """Recorded and marked, or not, and let through."""

    def work(tracer: Any) -> None:
        with pytest.raises(kind):
            with tracer.start_as_current_span(
                "x", record_exception=record, set_status_on_exception=status
            ):
                raise kind("no")

    armed = Armed()
    work(armed.tracer)
    assert [_told(span) for span in armed.spans] == [_told(span) for span in _sdk_spans(work)]


def test_a_broken_exception_stays_the_app_s(armed: Armed) -> None:
    """With the SDK another exception comes out of the block, and no ``except`` fits."""
    with pytest.raises(Broken), armed.tracer.start_as_current_span("x"):
        raise Broken
    assert armed.only.status.description == "Broken: <unprintable Broken>"


def test_a_span_may_outlive_its_block(armed: Armed) -> None:
    """``end_on_exit=False`` as in the SDK."""
    with armed.tracer.start_as_current_span("x", end_on_exit=False) as span:
        pass
    assert span.is_recording()
    assert armed.spans == ()
    end(span)
    assert armed.only.name == "x"


def _and_fail(_: object) -> None:
    raise ValueError("no")


def test_a_status_that_was_set_stays(armed: Armed) -> None:
    """Nothing overrules OK."""
    with pytest.raises(ValueError, match="no"), armed.tracer.start_as_current_span("x") as span:
        _and_fail(span.set_status(StatusCode.OK))
    assert armed.only.status.status_code is StatusCode.OK


def test_an_exception_after_the_end_is_not_recorded(armed: Armed) -> None:
    """The span has been handed on already."""
    with pytest.raises(ValueError, match="no"), armed.tracer.start_as_current_span("x") as span:
        _and_fail(span.end())
    assert armed.only.events == ()


def test_it_decorates_functions(armed: Armed) -> None:
    """Each call is a span of its own; the function is still recognizable."""

    @armed.tracer.start_as_current_span("add")
    def add(left: int, right: int = 1) -> int:
        """Add."""
        assert get_current_span().is_recording()
        return left + right

    assert (add(1), add(1, right=2)) == (2, 3)
    assert [span.name for span in armed.spans] == ["add", "add"]
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert list(inspect.signature(add).parameters) == ["left", "right"]


def test_it_decorates_coroutine_functions(armed: Armed) -> None:
    """The span lasts until the coroutine is done."""

    @armed.tracer.start_as_current_span("wait")
    async def wait() -> bool:
        await asyncio.sleep(0)
        return get_current_span().is_recording()

    assert inspect.iscoroutinefunction(wait)
    assert asyncio.run(wait())
    assert armed.only.name == "wait"


class Foreign(NonRecordingSpan):
    """Somebody else's span, with a bug."""

    def is_recording(self) -> bool:
        raise RuntimeError("bug")

    def end(self, end_time: int | None = None) -> None:
        raise RuntimeError("bug")


def test_somebody_else_s_span_cannot_hurt(lines: list[str]) -> None:
    """The app's exception comes out, not that of the span."""
    span = Foreign(INVALID_SPAN.get_span_context())
    with pytest.raises(ValueError, match="no"), CurrentSpan(lambda: span):
        raise ValueError("no")
    note_exception(span, ValueError("again"))
    assert len(lines) == 2


def test_leaving_in_another_context_is_quiet(
    armed: Armed, caplog: pytest.LogCaptureFixture
) -> None:
    """A generator that is abandoned in a block is closed elsewhere; nothing is to be restored."""

    async def numbers() -> AsyncGenerator[int, None]:
        with armed.tracer.start_as_current_span("numbers"):
            yield 1
            yield 2

    async def consume() -> None:
        generator = numbers()
        await contextvars.copy_context().run(asyncio.ensure_future, generator.__anext__())
        await contextvars.copy_context().run(asyncio.ensure_future, generator.aclose())  # type: ignore[arg-type]

    with caplog.at_level(logging.DEBUG):
        asyncio.run(consume())
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []
    assert armed.only.name == "numbers"
