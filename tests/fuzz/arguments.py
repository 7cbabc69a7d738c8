"""Arguments for telemetry calls: often what is expected, often anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, TraceFlags

from tests.fuzz.values import pick, pick_attributes

if TYPE_CHECKING:
    from random import Random


class Arguments:
    """Draws arguments.

    Args:
        random: Decides about all of them.
        spans: Spans that were started.
    """

    def __init__(self, random: Random, spans: list[Any]) -> None:
        self.random = random
        self._spans = spans

    def any(self) -> Any:
        return pick(self.random)

    def attributes(self) -> Any:
        return pick_attributes(self.random)

    def or_any(self, *usual: Any) -> Any:
        return self.random.choice(usual) if self.random.random() < 0.7 else self.any()

    def span(self) -> Any:
        return self.random.choice(self._spans)

    def context(self) -> Any:
        chance = self.random.random()
        if chance < 0.5:
            return None
        if chance < 0.7:
            return trace.set_span_in_context(self.span())
        if chance < 0.8:
            return Context({"current-span": self.any()})
        if chance < 0.9:
            return baggage.set_baggage("fuzz", self.any(), Context())
        return self.any()

    def link(self) -> Any:
        if self.random.random() < 0.3:
            return self.any()
        try:
            return Link(self.span_context(), self.attributes())
        except Exception:  # the API's own constructor may refuse
            return None

    def span_context(self) -> Any:
        if self.random.random() < 0.5:
            return self.span().get_span_context()
        try:
            return SpanContext(
                self.or_any(0, 5), self.or_any(0, 7), self.any(), self.or_any(TraceFlags(1))
            )
        except Exception:
            return self.any()

    def exception(self) -> Any:
        return self.or_any(ValueError("x"), ValueError, None, (1, 2))
