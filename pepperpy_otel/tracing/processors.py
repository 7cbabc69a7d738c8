"""Hands every span to every processor, and keeps each from hurting the others and the app.

The SDK's own fan-out stops at the first processor that raises: the ones behind it miss the span,
and the exception comes out of the app's ``end()``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


class FanOut(SpanProcessor):
    """One processor made of many: ours, which come and go, and those that the app added.

    No lock: tuples are replaced, never changed, so that a fork or a span that starts meanwhile
    finds one or the other.
    """

    def __init__(self) -> None:
        self._ours: tuple[SpanProcessor, ...] = ()
        self._added: tuple[SpanProcessor, ...] = ()
        self._all: tuple[SpanProcessor, ...] = ()
        self._ending: tuple[Callable[[Any], None], ...] = ()

    @property
    def processors(self) -> tuple[SpanProcessor, ...]:
        """All of them, in the order in which they are called."""
        return self._all

    def replace(self, processors: Sequence[SpanProcessor]) -> None:
        """Make these ours; the app's own stay, behind them."""
        self._ours = tuple(processors)
        self._changed()

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Take one of the app's own."""
        self._added += (span_processor,)
        self._changed()

    def remove_span_processor(self, span_processor: SpanProcessor) -> None:
        """Let go of one of those; harmless if it is not there."""
        self._added = tuple(each for each in self._added if each is not span_processor)
        self._changed()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tell all of them that a span has begun."""
        for processor in self._all:
            try:
                processor.on_start(span, parent_context=parent_context)
            except Exception as error:
                _report(processor, "on_start", error)

    def _on_ending(self, span: Span) -> None:
        for ending in self._ending:
            try:
                ending(span)
            except Exception as error:
                _report(ending, "_on_ending", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span to all of them."""
        for processor in self._all:
            try:
                processor.on_end(span)
            except Exception as error:
                _report(processor, "on_end", error)

    def shutdown(self) -> None:
        """Shut all of them down."""
        for processor in self._all:
            try:
                processor.shutdown()
            except Exception as error:
                _report(processor, "shutdown", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush one after the other; the later ones get what is left of the time.

        Returns:
            Whether every one of them said yes in time.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        flushed = True
        for processor in self._all:
            left = int((deadline - time.monotonic()) * 1000)
            if left <= 0:
                return False
            try:
                flushed &= processor.force_flush(left) is not False
            except Exception as error:
                flushed = False
                _report(processor, "force_flush", error)
        return flushed

    def _changed(self) -> None:
        every = self._ours + self._added
        hooks = (_compat.ending_hook(processor) for processor in every)
        self._ending = tuple(hook for hook in hooks if hook is not None)
        self._all = every


def _report(culprit: object, method: str, error: Exception) -> None:
    owner = getattr(culprit, "__self__", culprit)
    report_internal(f"span processor {type(owner).__qualname__}.{method}", error)
