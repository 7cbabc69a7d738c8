"""``Tracer``, the facade for spans that an app makes itself.

It works before ``configure()`` (spans record and go nowhere), moves over to the real provider when
that comes, and back after ``rollback()``. Nothing that is passed to it makes it raise.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, overload

from opentelemetry.trace import INVALID_SPAN, SpanKind

from pepperpy_otel import _current
from pepperpy_otel.errors import guarded, report_internal
from pepperpy_otel.tracing import values
from pepperpy_otel.tracing.context import CurrentSpan
from pepperpy_otel.tracing.decorate import traced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Link, Span, TracerProvider
    from opentelemetry.trace import Tracer as ApiTracer
    from opentelemetry.util.types import Attributes

F = TypeVar("F")

#: The scope of spans that name no other.
SCOPE = "pepperpy_otel"


class Tracer:
    """Makes spans, by block and by decorator.

    Example::

        tracer = Tracer("shop")

        with tracer.start_span("checkout", {"items": 3}) as span:
            tracer.add_event(span, "paid")

        @tracer.trace
        async def ship(order): ...

    Args:
        name: The instrumentation scope of the spans, for example the app's package.
        version: The version of that.
    """

    def __init__(self, name: str = SCOPE, version: str | None = None) -> None:
        self._name = name
        self._version = version
        self._cached: tuple[int, ApiTracer | None] = (-1, None)

    def start_span(
        self,
        name: str,
        attributes: Attributes = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Sequence[Link] = (),
    ) -> CurrentSpan:
        """A span around a block, child of the one that is current, and current within.

        An exception that leaves the block is recorded, makes the span an error, and goes on.

        Args:
            name: What is being done; the same for every time that it is done.
            attributes: With what; values that are no attribute values are turned into text.
            kind: ``SpanKind.SERVER`` and so on.
            links: Spans that this one has to do with and that are not its parent.

        Returns:
            A context manager that yields the span.
        """
        return CurrentSpan(functools.partial(self._start, name, attributes, kind, links))

    def add_event(self, span: Span, name: str, attributes: Attributes = None) -> None:
        """Note on a span that something happened now.

        Args:
            span: Any span, of this tracer or another.
            name: What happened.
            attributes: With what.
        """
        with guarded("adding an event"):
            span.add_event(values.text(name), values.plain_attributes(attributes))

    @overload
    def trace(self, function: F, /) -> F: ...

    @overload
    def trace(
        self,
        name: str | None = None,
        /,
        *,
        attributes: Attributes = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Callable[[F], F]: ...

    def trace(
        self,
        name: Any = None,
        /,
        *,
        attributes: Attributes = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Any:
        """Decorate a function: each call is a span, whatever kind of function it is.

        The span of a generator, asynchronous or not, lasts from its first step to its end; it is
        current while the body runs, and never in the code that consumes it.

        Args:
            name: The span's name, the function's qualified name by default. Without parentheses
                (``@tracer.trace``) this is the function.
            attributes: The same for every call.
            kind: ``SpanKind.SERVER`` and so on.
        """
        if name is None or isinstance(name, str):
            return functools.partial(self._decorate, name=name, attributes=attributes, kind=kind)
        return self._decorate(name, name=None, attributes=None, kind=SpanKind.INTERNAL)

    def _decorate(
        self, function: F, *, name: str | None, attributes: Attributes, kind: SpanKind
    ) -> F:
        start = functools.partial(self._start, name or _name_of(function), attributes, kind, ())
        return traced(function, start, functools.partial(CurrentSpan, start))

    def _start(
        self, name: str, attributes: Attributes, kind: SpanKind, links: Sequence[Link]
    ) -> Span:
        try:
            return self._tracer().start_span(
                values.text(name),
                kind=kind,
                attributes=values.plain_attributes(attributes),
                links=values.plain_links(links),
            )
        except Exception as error:  # a provider of somebody else's
            report_internal("starting a span", error)
            return INVALID_SPAN

    def _tracer(self) -> ApiTracer:
        generation = _current.generation
        seen, tracer = self._cached
        if tracer is None or seen != generation:
            tracer = _provider().get_tracer(self._name, self._version)
            self._cached = (generation, tracer)
        return tracer


def _name_of(function: Any) -> str:
    function = getattr(function, "__func__", function)
    return values.text(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _provider() -> TracerProvider:
    return _current.tracer_provider() if _current.get() is not None else _local_provider()


@functools.cache
def _local_provider() -> TracerProvider:
    """What records before configure(): a provider of our kind, for the sake of hostile values."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from pepperpy_otel.tracing.provider import TracerProvider

    provider = TracerProvider()
    provider.arm(sampler=ALWAYS_ON, resource=Resource.get_empty())
    return provider
