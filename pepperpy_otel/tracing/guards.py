"""Samplers and id generators of the user's, kept from raising into the app.

They are asked for every span, inside the app's call. One that raises, or answers something that is
no answer, is reported once and replaced, for that span, by the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import TraceState

from pepperpy_otel.errors import report_internal
from pepperpy_otel.tracing.values import plain_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.util.types import Attributes

_TRACE_IDS = 2**128
_SPAN_IDS = 2**64


class SafeSampler(Sampler):
    """Asks a sampler of the user's, and decides by default where that fails."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The sampler's answer, if it is one."""
        asked = (parent_context, trace_id, name, kind, attributes, links)
        try:
            result = self._sampler.should_sample(*asked)
            return SamplingResult(
                Decision(result.decision),
                plain_attributes(result.attributes),
                result.trace_state if isinstance(result.trace_state, TraceState) else None,
            )
        except Exception as error:
            where = (
                f"sampler {type(self._sampler).__qualname__}, parentbased_always_on used instead"
            )
            report_internal(where, error)
            return DEFAULT_ON.should_sample(*asked)

    def get_description(self) -> str:
        """What the sampler calls itself."""
        return self._sampler.get_description()


class SafeIdGenerator(IdGenerator):
    """Asks an id generator of the user's, and takes random ids where that fails."""

    def __init__(self, generator: IdGenerator) -> None:
        self._generator = generator
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        """A span id that is one."""
        return self._ask(self._generator.generate_span_id, _SPAN_IDS) or (
            self._random.generate_span_id()
        )

    def generate_trace_id(self) -> int:
        """A trace id that is one."""
        return self._ask(self._generator.generate_trace_id, _TRACE_IDS) or (
            self._random.generate_trace_id()
        )

    def is_trace_id_random(self) -> bool:
        """What the generator says of itself."""
        try:
            return bool(self._generator.is_trace_id_random())
        except Exception:
            return False

    def _ask(self, generate: Callable[[], int], limit: int) -> int:
        """An id, or 0 for one that is none."""
        try:
            made = generate()
            if not 0 < made < limit:
                raise ValueError(f"{made!r} is not an id")
            return int(made)
        except Exception as error:
            kind = type(self._generator).__qualname__
            report_internal(f"id generator {kind}, random ids used instead", error)
            return 0


def safe_sampler(sampler: Sampler) -> Sampler:
    """The sampler itself where it is known to be harmless, else one that asks it with care."""
    if type(sampler) in (StaticSampler, TraceIdRatioBased, ParentBasedTraceIdRatio):
        return sampler
    return sampler if sampler is DEFAULT_ON or sampler is DEFAULT_OFF else SafeSampler(sampler)


def safe_id_generator(generator: IdGenerator) -> IdGenerator:
    """The generator itself where it is the SDK's, else one that asks it with care."""
    return generator if type(generator) is RandomIdGenerator else SafeIdGenerator(generator)
