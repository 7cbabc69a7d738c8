"""``inject()`` and ``extract()``: the context in the headers of any message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pepperpy_otel.correlation import (
    CorrelationPropagator,
    bind,
    correlation_id,
    extract,
    inject,
    use_correlation_id,
)
from pepperpy_otel.correlation.wire import BoundedBaggagePropagator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPAN = NonRecordingSpan(SpanContext(1, 2, False, TraceFlags(1)))
TRACEPARENT = f"00-{1:032x}-{2:016x}-01"


@pytest.fixture(autouse=True)
def _propagators() -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(
        CompositePropagator(
            [TraceContextTextMapPropagator(), BoundedBaggagePropagator(), CorrelationPropagator()]
        )
    )
    yield
    propagate.set_global_textmap(before)


def test_a_message_carries_trace_baggage_and_id() -> None:
    """And the block behind ``extract()`` has all three, until it ends."""
    with trace.use_span(SPAN), use_correlation_id("abc"), bind(tenant="acme"):
        headers = inject()
    assert headers["traceparent"] == TRACEPARENT
    assert headers["x-correlation-id"] == "abc"
    with extract(headers) as context:
        assert trace.get_current_span().get_span_context().trace_id == 1
        assert correlation_id() == correlation_id(context) == "abc"
        assert baggage.get_baggage("tenant") == "acme"
    assert correlation_id() is None


def test_pairs_of_bytes_as_kafka_has_them() -> None:
    """A list gets pairs, with values of bytes, and is read so."""
    with use_correlation_id("abc"):
        headers: list[Any] = inject([("mine", b"1")])
    assert headers[0] == ("mine", b"1")
    assert ("x-correlation-id", b"abc") in headers
    with extract(headers):
        assert correlation_id() == "abc"


def test_a_block_does_not_inherit_from_the_one_around_it() -> None:
    """A message is not part of what the consumer did before."""
    with use_correlation_id("mine"), extract({}):
        assert correlation_id() is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Correlation-ID": "abc"},
        {b"X-CORRELATION-ID": b"abc"},
        {"x-correlation-id": ["abc", "def"]},
        {"x-correlation-id": ("abc",)},
        [("other", b"1"), ("X-Correlation-Id", b"abc"), ("x-correlation-id", b"second")],
        iter([("x-correlation-id", "abc")]),
    ],
)
def test_names_in_any_case_and_values_of_any_kind(headers: Any) -> None:
    """Whatever the broker makes of headers; the first of a name counts."""
    with extract(headers):
        assert correlation_id() == "abc"


@pytest.mark.parametrize(
    "headers",
    [None, {}, [], 7, [7], [("a",)], "text", {"x-correlation-id": None}, {"x-correlation-id": []}],
)
def test_what_are_no_headers_gives_an_empty_context(
    headers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing raises; a carrier of no kind at all is said."""
    with extract(headers):
        assert correlation_id() is None
    assert ("internal error" in capsys.readouterr().err) is (headers == 7)


def test_a_carrier_that_takes_nothing_is_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    """The message goes out without."""
    with trace.use_span(SPAN):
        assert inject(7) == 7  # type: ignore[arg-type]
    assert "inject()" in capsys.readouterr().err


def test_with_a_list_of_hosts_only_the_trace_goes_to_others(
    use_policy: Callable[..., Any],
) -> None:
    """Who is not named is another one; what was there from before goes."""
    use_policy(hosts=("queue.internal",))
    with trace.use_span(SPAN), use_correlation_id("abc"):
        assert inject({"Baggage": "old=1", "X-Correlation-ID": "old"}) == {
            "traceparent": TRACEPARENT
        }
        assert inject(host="elsewhere") == {"traceparent": TRACEPARENT}
        assert inject(host="queue.internal:5672") == {
            "traceparent": TRACEPARENT,
            "baggage": "correlation.id=abc",
            "x-correlation-id": "abc",
        }


def test_the_baggage_is_opentelemetrys() -> None:
    """A service without this package reads it."""
    with use_correlation_id("abc"):
        context = W3CBaggagePropagator().extract(inject())
    assert baggage.get_baggage("correlation.id", context) == "abc"


def test_a_propagator_of_others_can_list_the_headers() -> None:
    """As the interface of OpenTelemetry has it."""
    seen: list[list[str]] = []

    class Lists(CorrelationPropagator):
        def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
            seen.append(getter.keys(carrier))
            return super().extract(carrier, context, getter)

    propagate.set_global_textmap(Lists())
    with extract({"X-Correlation-ID": "abc"}):
        assert correlation_id() == "abc"
    assert seen == [["x-correlation-id"]]
