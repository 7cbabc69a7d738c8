"""The private names of the SDK that encoding leans on are where they were."""

from __future__ import annotations

from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from pepperpy_otel import _compat
from tests.delivery.fakes import make_spans


def test_the_contents_of_a_finished_span_are_what_its_properties_say() -> None:
    """Each of them, in the order that is promised."""
    (span,) = make_spans("a", attributes={"k": "v"})
    limits = SpanLimits(max_span_attributes=1, max_events=1, max_links=0)
    full = (
        TracerProvider(span_limits=limits, shutdown_on_exit=False)
        .get_tracer("t")
        .start_span("b", attributes={"a": 1, "b": 2}, kind=SpanKind.CLIENT)
    )
    for name in ("one", "two", "three"):
        full.add_event(name)
    full.add_link(full.get_span_context())
    full.set_status(StatusCode.ERROR, "why")
    full.end()
    for each in (span, full):
        *rest, attributes, events, links, status, lost, missed, cut = _compat.span_contents(each)  # type: ignore[arg-type]
        assert rest == [
            *(each.context, each.parent, each.name, each.kind),  # type: ignore[attr-defined]
            *(each.start_time, each.end_time),  # type: ignore[attr-defined]
        ]
        assert type(attributes) is dict
        assert attributes == dict(each.attributes)  # type: ignore[attr-defined]
        assert (tuple(events), tuple(links)) == (each.events, each.links)  # type: ignore[attr-defined]
        assert status is each.status  # type: ignore[attr-defined]
        assert (lost, missed, cut) == (
            each.dropped_attributes,  # type: ignore[attr-defined]
            each.dropped_events,  # type: ignore[attr-defined]
            each.dropped_links,  # type: ignore[attr-defined]
        )
    assert (lost, missed, cut) == (1, 2, 1)
