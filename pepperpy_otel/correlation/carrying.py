"""A context on its way into another process, with the configuration if the process has none.

A forked child has all of its parent. One that multiprocessing spawns, or has from its fork server,
imports the program anew and skips what lies under ``if __name__ == "__main__"``: usually the call
of ``configure()``. So what is carried there is pickled: ids, baggage, and how to configure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from pepperpy_otel.correlation import entries, policy
from pepperpy_otel.correlation.current import detach
from pepperpy_otel.errors import guarded, report_internal

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Carried:
    """The context that was current when this was made; current again in a ``with`` block.

    Args:
        context: Another context than the current one.
    """

    __slots__ = ("_baggage", "_begin", "_span", "_token")

    def __init__(self, context: Context | None = None) -> None:
        context = get_current() if context is None else context
        span = get_current_span(context).get_span_context()
        self._span = (
            (span.trace_id, span.span_id, int(span.trace_flags), tuple(span.trace_state.items()))
            if span.is_valid
            else None
        )
        baggage = entries.of(context).items()
        self._baggage = tuple((entries.text(key), entries.text(value)) for key, value in baggage)
        self._begin = beginning()
        self._token: Any = None

    def __getstate__(self) -> tuple[Any, ...]:
        return self._span, self._baggage, self._begin

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._span, self._baggage, self._begin = state
        self._token = None

    def context(self) -> Context:
        """The context, as it came from elsewhere."""
        context = Context()
        if self._baggage:
            context = entries.replaced(dict(self._baggage), context)
        if self._span is not None:
            trace_id, span_id, flags, state = self._span
            span = SpanContext(trace_id, span_id, True, TraceFlags(flags), TraceState(list(state)))
            context = set_span_in_context(NonRecordingSpan(span), context)
        return context

    def configure(self) -> None:
        """Configure this process as the one that this comes from, if it is not configured."""
        if self._begin is not None:
            with guarded("configuring a child process"):
                self._begin()

    def __enter__(self) -> None:
        self.configure()
        self._token = attach(self.context())

    def __exit__(self, *_: object) -> None:
        detach(self._token)


def beginning() -> Any:
    """What configures another process as this one is, or ``None``."""
    begin = policy.current.begin
    try:
        return None if begin is None else begin()
    except Exception as error:
        report_internal("configuring a child process", error)
        return None


class carry(Generic[T]):
    """A function that takes the context of now with it, wherever it is called: once or often.

    It can be pickled if the function can, so it goes through every pool and every kind of process::

        pool.map(carry(work), items)

    Args:
        function: What is to be called.
    """

    def __init__(self, function: Callable[..., T]) -> None:
        self._function = function
        self._carried = Carried()

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        """Call it in that context."""
        self._carried.configure()
        token = attach(self._carried.context())
        try:
            return self._function(*args, **kwargs)
        finally:
            detach(token)
