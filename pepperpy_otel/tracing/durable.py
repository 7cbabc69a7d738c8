"""Tracers that outlive ``rollback()``: each asks its provider anew what applies now.

The SDK's tracer is given sampler, resource, limits and processors when it is made, and keeps them.
Ours looks at its provider's one attribute ``armed`` when a span starts, so that arming, disarming
and a new resource are one assignment, which every tracer ever handed out follows at once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
)

from pepperpy_otel.errors import report_internal
from pepperpy_otel.tracing import values
from pepperpy_otel.tracing.context import CurrentSpan
from pepperpy_otel.tracing.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link
    from opentelemetry.trace import Span as ApiSpan
    from opentelemetry.util.types import Attributes

#: The four combinations of sampled (1) and random (2), made once.
_FLAGS = tuple(TraceFlags(flags) for flags in range(4))
_NO_LINKS: Sequence[Link] = ()
_SAMPLED, _RANDOM = TraceFlags.SAMPLED, TraceFlags.RANDOM_TRACE_ID


@dataclass(frozen=True, slots=True)
class Armed:
    """What a provider works with between arm() and disarm().

    Attributes:
        metrics: What counts spans for ``otel.sdk.span.*``, or ``None``.
        enabled: Whether tracers of a scope record; ``None`` for all of them.
    """

    sampler: Sampler
    resource: Resource
    id_generator: IdGenerator
    limits: SpanLimits
    metrics: Any
    enabled: Callable[[InstrumentationScope], bool] | None


class Unrecorded(NonRecordingSpan):
    """A span that the sampler has dropped, which still says what it was started with.

    Whoever passes the context on has to know to whom (``correlation.hosts``), sampled or not.

    Args:
        context: Its identity.
        kind: As for a span.
        attributes: With which it was started.
    """

    def __init__(self, context: SpanContext, kind: SpanKind, attributes: Attributes) -> None:
        super().__init__(context)
        self.kind = kind
        self.attributes = attributes


class Home(Protocol):
    """What a tracer needs of its provider."""

    armed: Armed | None

    @property
    def processor(self) -> SpanProcessor:
        """Told of every span."""


class DurableTracer(Tracer):
    """See `opentelemetry.trace.Tracer`."""

    def __init__(self, home: Home, scope: InstrumentationScope) -> None:
        self._home = home
        self._scope = scope
        self._processor = home.processor
        self._asked: tuple[Armed | None, bool] = (None, False)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = _NO_LINKS,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> ApiSpan:
        """A span that is not current; never raises, whatever it is given."""
        armed = self._home.armed
        if armed is None or not (armed.enabled is None or self._is_enabled(armed)):
            return _nothing(context)
        try:
            if type(name) is not str or not name.isascii():
                name = values.text(name)
            if attributes is not None:
                attributes = values.plain_attributes(attributes)
            if type(kind) is not SpanKind:
                kind = SpanKind.INTERNAL
            links = () if links is None or links is _NO_LINKS else values.plain_links(links)
            context = None if context is None else _usable(context)
            own, parent, result = _decide(armed, name, context, kind, attributes, links)
            ended = None
            if armed.metrics is not None:
                ended = armed.metrics.start_span(parent, result.decision)
            if result.decision is Decision.DROP:
                return Unrecorded(own, kind, attributes)
            span = Span(
                name=name,
                context=own,
                parent=parent,
                sampler=armed.sampler,
                resource=armed.resource,
                attributes=result.attributes,
                span_processor=self._processor,
                kind=kind,
                links=links,
                record_exception=record_exception,
                set_status_on_exception=set_status_on_exception,
                limits=armed.limits,
                instrumentation_scope=self._scope,
                record_end_metrics=ended,
            )
            span.stamp()
            span.start(values.time(start_time), context)
        except Exception as error:
            report_internal("starting a span", error)
            return _nothing(context)
        return span

    def start_as_current_span(  # type: ignore[override]
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = _NO_LINKS,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """A context manager, or a decorator of functions and coroutine functions."""
        start = functools.partial(
            self.start_span,
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )
        return CurrentSpan(start, record_exception, set_status_on_exception, end_on_exit)

    def _is_enabled(self, armed: Armed) -> bool:
        """What the tracer configurator says, asked once for each arming."""
        asked, answer = self._asked
        if asked is not armed:
            answer = armed.enabled is None or armed.enabled(self._scope)
            self._asked = (armed, answer)
        return answer


def _decide(
    armed: Armed,
    name: str,
    context: Context | None,
    kind: SpanKind,
    attributes: Attributes,
    links: Sequence[Link],
) -> tuple[SpanContext, SpanContext | None, SamplingResult]:
    """The identity of a new span, its parent if it has one, and what the sampler says."""
    ids = armed.id_generator
    parent: SpanContext | None = get_current_span(context).get_span_context()
    if parent is not None and parent.is_valid:
        trace_id = parent.trace_id
        flags = parent.trace_flags & _RANDOM
    else:
        parent = None
        trace_id = ids.generate_trace_id()
        flags = _RANDOM if ids.is_trace_id_random() else 0
    result = armed.sampler.should_sample(context, trace_id, name, kind, attributes, links)
    if result.decision is Decision.RECORD_AND_SAMPLE:
        flags |= _SAMPLED
    own = SpanContext(trace_id, ids.generate_span_id(), False, _FLAGS[flags], result.trace_state)
    return own, parent, result


def _nothing(context: Context | None) -> ApiSpan:
    """A span that records nothing and hands on its parent's context."""
    return NonRecordingSpan(get_current_span(_usable(context)).get_span_context())


def _usable(context: Context | None) -> Context | None:
    """The context, or ``None`` (the current one) for what is none."""
    try:
        get_current_span(context)
    except Exception:
        return None
    return context
