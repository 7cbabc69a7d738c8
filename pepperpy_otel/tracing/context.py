"""Makes spans current: for a block, and for the steps of a generator's body.

As ``opentelemetry.trace.use_span`` does it, with three differences: a class, which costs half of a
generator-based context manager; an exception that cannot even be printed does not become another
one; and leaving in a context that is not the one that was entered (a generator that was abandoned)
is not an error that is logged with a traceback.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from pepperpy_otel import _compat
from pepperpy_otel.errors import guarded
from pepperpy_otel.tracing import values

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_detach_or_raise = _compat.context_detacher()


class CurrentSpan:
    """A span that is current in a block, or, as a decorator, in each call of a function.

    Args:
        start: Makes the span, when the block is entered.
        record_exception: Whether an exception that leaves the block becomes an event.
        set_status_on_exception: Whether it makes the span an error.
        end_on_exit: Whether the span ends with the block.
    """

    __slots__ = ("_end", "_record", "_set_status", "_span", "_start", "_token")

    def __init__(
        self,
        start: Callable[[], Span],
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> None:
        self._start = start
        self._record = record_exception
        self._set_status = set_status_on_exception
        self._end = end_on_exit

    def __enter__(self) -> Span:
        self._span = span = self._start()
        self._token = context_api.attach(set_span_in_context(span))
        return span

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        _detach(self._token)
        if isinstance(exc_val, Exception):
            note_exception(self._span, exc_val, record=self._record, set_status=self._set_status)
        if self._end:
            end(self._span)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function or a coroutine function: each call is a span of its own."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return call_async

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return call

    def _again(self) -> CurrentSpan:
        return CurrentSpan(self._start, self._record, self._set_status, self._end)


class BodyContext:
    """The context of a generator's body: entered for each step, left before each yield.

    The consumer never sees the span; what the body itself attaches is there again in its next
    step. A step is entered and left in the same place, whoever drives or closes the generator, so
    that leaving always works.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, span: Span) -> None:
        self._context = set_span_in_context(span)

    def __enter__(self) -> None:
        self._token = context_api.attach(self._context)

    def __exit__(self, *_: object) -> None:
        self._context = context_api.get_current()
        _detach(self._token)


def _detach(token: Any) -> None:
    """Make the context before current again, unless this is not where it was left."""
    try:  # noqa: SIM105 - suppress() costs more than everything else that leaving does
        _detach_or_raise(token)
    except Exception:
        pass


def note_exception(
    span: Span, exception: Exception, *, record: bool = True, set_status: bool = True
) -> None:
    """Record an exception on a span, anybody's, as ``use_span`` does."""
    with guarded("recording an exception"):
        if not span.is_recording():
            return
        if record:
            span.record_exception(exception)
        if set_status:
            span.set_status(Status(StatusCode.ERROR, values.described(exception)))


def end(span: Span) -> None:
    """End a span, anybody's."""
    with guarded("ending a span"):
        span.end()
