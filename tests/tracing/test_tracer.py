"""The facade works before, during and after telemetry, whatever it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import INVALID_SPAN, Link, SpanContext, SpanKind, get_current_span

import pepperpy_otel.tracing
from pepperpy_otel import _current
from pepperpy_otel.tracing import Tracer
from tests.tracing.conftest import Armed, Hostile
from tests.tracing.test_decorate import Handle

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    yield
    _current.set_current(None, forget=True)
    assert get_current_span() is INVALID_SPAN


def _use(provider: Any) -> None:
    _current.set_current(Handle(provider))  # type: ignore[arg-type]


def test_before_configure_spans_record() -> None:
    """They have parents, and go nowhere."""
    tracer = Tracer()
    with tracer.start_span("test_operation") as span:
        assert span.is_recording()
        with tracer.start_span("inner", {"a": Hostile()}) as inner:
            parent: Any = inner
            assert parent.parent == span.get_span_context()
            assert parent.attributes["a"] == "<unprintable Hostile>"


def test_it_moves_to_the_real_provider_and_back(armed: Armed) -> None:
    """With configure(), and with rollback()."""
    tracer = Tracer("shop", "1.0")
    with tracer.start_span("early"):
        pass
    _use(armed.provider)
    with tracer.start_span("x", {"a": 1}, kind=SpanKind.SERVER):
        pass
    _current.set_current(None, forget=True)
    with tracer.start_span("late") as late:
        assert late.is_recording()
    span = armed.only
    assert (span.name, span.kind, dict(span.attributes or {})) == ("x", SpanKind.SERVER, {"a": 1})
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == ("shop", "1.0")


def test_links_and_events(armed: Armed) -> None:
    """Given with the span and to it; hostile ones too."""
    _use(armed.provider)
    tracer = Tracer()
    link = Link(SpanContext(1, 2, is_remote=True))
    with tracer.start_span("x", links=[link]) as span:
        tracer.add_event(span, "done", {"a": 1})
        hostile: Any = Hostile()
        tracer.add_event(span, hostile, hostile)
    assert [found.context for found in armed.only.links] == [link.context]
    assert [event.name for event in armed.only.events] == ["done", "<unprintable Hostile>"]


def test_an_exception_is_recorded_and_goes_on(armed: Armed) -> None:
    """The span is an error then."""
    _use(armed.provider)
    with pytest.raises(ZeroDivisionError), Tracer().start_span("x"):
        _ = 1 / 0
    assert armed.only.status.description == "ZeroDivisionError: division by zero"
    assert [event.name for event in armed.only.events] == ["exception"]


@pytest.mark.parametrize("name", ["name", "attributes", "kind", "links"])
def test_hostile_arguments_make_a_span(armed: Armed, name: str) -> None:
    """A span without the bad part."""
    _use(armed.provider)
    given: dict[str, Any] = {"name": "x", name: Hostile()}
    with Tracer().start_span(**given) as span:
        assert span.is_recording()


class Foreign:
    def get_tracer(self, *_: Any) -> Any:
        raise RuntimeError("bug")


def test_somebody_else_s_provider_cannot_hurt(lines: list[str]) -> None:
    """Nor somebody else's span."""
    _use(Foreign())
    tracer = Tracer()
    with tracer.start_span("x") as span:
        assert not span.is_recording()
    nothing: Any = None
    tracer.add_event(nothing, "x")
    assert [line.split(" (")[0] for line in lines] == [
        "internal error in starting a span",
        "internal error in adding an event",
    ]


def test_the_package_gives_the_facade() -> None:
    """``from pepperpy_otel.tracing import Tracer``, and nothing that it has not."""
    assert pepperpy_otel.tracing.Tracer is Tracer
    with pytest.raises(AttributeError, match="no attribute 'Span'"):
        _ = pepperpy_otel.tracing.Span
