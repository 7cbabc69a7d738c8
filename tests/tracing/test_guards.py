"""A sampler or id generator of the user's that fails costs its answer, not the app."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import TraceState

from pepperpy_otel.tracing.guards import safe_id_generator, safe_sampler
from tests.tracing.conftest import Armed, Hostile


class Answering(Sampler):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]

    def get_description(self) -> str:
        return "answering"


class Result:
    """An answer that is none."""

    def __init__(self, decision: Any, attributes: Any = None, trace_state: Any = None) -> None:
        self.decision, self.attributes, self.trace_state = decision, attributes, trace_state


@pytest.mark.parametrize(
    "answer", [RuntimeError("no"), None, 5, Result("yes"), Result(None)], ids=repr
)
def test_a_sampler_that_fails_is_replaced_by_the_default(answer: Any, lines: list[str]) -> None:
    """Every span is there, with its parent's decision; one line says so."""
    armed = Armed(sampler=Answering(answer))
    with armed.tracer.start_as_current_span("outer"):
        armed.tracer.start_span("inner").end()
    inner, outer = armed.spans
    assert inner.parent == outer.context
    (line,) = lines
    assert "sampler Answering, parentbased_always_on used instead" in line


def test_a_sampler_s_answer_is_used() -> None:
    """Its decision, attributes and trace state."""
    state = TraceState([("a", "b")])
    answer = SamplingResult(Decision.RECORD_AND_SAMPLE, {"by": "sampler"}, state)
    armed = Armed(sampler=Answering(answer))
    armed.tracer.start_span("x", attributes={"a": 1}).end()
    assert dict(armed.only.attributes or {}) == {"by": "sampler"}
    assert armed.only.context.trace_state == state
    assert armed.only.context.trace_flags.sampled


def test_what_a_sampler_adds_is_cleaned() -> None:
    """Attributes and trace states are not trusted either."""
    armed = Armed(sampler=Answering(Result(Decision.RECORD_AND_SAMPLE, {"a": Hostile()}, "state")))
    armed.tracer.start_span("x").end()
    assert dict(armed.only.attributes or {}) == {"a": "<unprintable Hostile>"}
    assert armed.only.context.trace_state == TraceState()


def test_a_sampler_may_record_without_sampling_and_drop() -> None:
    """The three decisions mean what they mean in the SDK."""
    record = Armed(sampler=Answering(SamplingResult(Decision.RECORD_ONLY)))
    span = record.tracer.start_span("x")
    assert span.is_recording()
    assert not span.get_span_context().trace_flags.sampled
    dropped = Armed(sampler=Answering(SamplingResult(Decision.DROP))).tracer.start_span("x")
    assert not dropped.is_recording()
    assert dropped.get_span_context().is_valid


def test_known_samplers_are_asked_directly() -> None:
    """Only what can fail is wrapped, and says who it is."""
    known = [ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, DEFAULT_OFF]
    for sampler in (*known, TraceIdRatioBased(0.5), ParentBasedTraceIdRatio(0.5)):
        assert safe_sampler(sampler) is sampler
    wrapped = safe_sampler(ParentBased(Answering(None)))
    assert wrapped.get_description().startswith("ParentBased{root:answering")
    assert safe_sampler(Answering(None)).get_description() == "answering"


class Ids(IdGenerator):
    def __init__(self, trace_id: Any, span_id: Any) -> None:
        self.trace_id, self.span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        return self._give(self.trace_id)

    def generate_span_id(self) -> int:
        return self._give(self.span_id)

    def is_trace_id_random(self) -> bool:
        return bool(self._give(True))

    def _give(self, value: Any) -> Any:
        if isinstance(self.trace_id, Exception):
            raise self.trace_id
        return value


def test_ids_of_the_user_s_generator_are_used() -> None:
    """And its word on whether they are random."""
    armed = Armed(id_generator=Ids(7, 8))
    armed.tracer.start_span("x").end()
    assert (armed.only.context.trace_id, armed.only.context.span_id) == (7, 8)
    assert armed.only.context.trace_flags.random_trace_id
    assert isinstance(armed.provider.id_generator, Ids)


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [(None, None), (0, 0), (-1, -1), (2**128, 2**64), ("7", "8")], ids=str
)
def test_ids_that_are_none_are_replaced(trace_id: Any, span_id: Any, lines: list[str]) -> None:
    """A trace would be lost with an invalid id."""
    armed = Armed(id_generator=Ids(trace_id, span_id))
    armed.tracer.start_span("x").end()
    assert armed.only.context.is_valid
    assert "id generator Ids, random ids used instead" in lines[0]


def test_a_generator_that_raises_is_replaced(lines: list[str]) -> None:
    """Random ids, which are not said to be random: that is the generator's to say."""
    armed = Armed(id_generator=Ids(RuntimeError("no"), 1))
    armed.tracer.start_span("x").end()
    assert armed.only.context.is_valid
    assert not armed.only.context.trace_flags.random_trace_id
    assert len(lines) == 1


def test_the_sdk_s_generator_is_asked_directly() -> None:
    """It cannot fail."""
    generator = RandomIdGenerator()
    assert safe_id_generator(generator) is generator
