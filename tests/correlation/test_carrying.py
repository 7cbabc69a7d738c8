"""What goes into another process: ids, baggage, and how to configure it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from pepperpy_otel.correlation.carrying import Carried, beginning

if TYPE_CHECKING:
    import pytest

SPAN = SpanContext(1, 2, False, TraceFlags(1), TraceState([("vendor", "x")]))


def test_a_context_comes_out_as_it_went_in() -> None:
    """The span as one from elsewhere, with flags and state; baggage as text."""
    context = trace.set_span_in_context(NonRecordingSpan(SPAN), Context())
    context = baggage.set_baggage("a", 1, context)
    with pickle.loads(pickle.dumps(Carried(context))):
        found = trace.get_current_span().get_span_context()
        assert (found.trace_id, found.span_id, found.trace_flags) == (1, 2, 1)
        assert found.trace_state == SPAN.trace_state
        assert found.is_remote
        assert dict(baggage.get_all()) == {"a": "1"}
    assert not baggage.get_all()
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_empty_context_is_empty_there_too() -> None:
    """What the other process was at does not shine through."""
    assert Carried().context() == Context()


class _Fails:
    def __call__(self) -> None:
        raise RuntimeError("no")


def test_what_fails_to_configure_is_said_and_the_work_goes_on(
    use_policy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the parent as in the child."""
    use_policy(begin=_Fails)
    with pickle.loads(pickle.dumps(Carried())):
        pass
    assert capsys.readouterr().err.count("configuring a child process") == 1

    def broken() -> None:
        raise KeyError("no")

    use_policy(begin=broken)
    assert beginning() is None
    assert capsys.readouterr().err.count("configuring a child process") == 1
