from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    TraceBasedExemplarFilter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from pepperpy_otel.metrics import exemplars
from pepperpy_otel.metrics.exemplars import exemplar_filter_named
from tests.metrics.conftest import RESOURCE, Armed, points


def _within(trace_id: int) -> Any:
    """A context in a sampled span of the trace."""
    span = NonRecordingSpan(SpanContext(trace_id, 7, False, TraceFlags(TraceFlags.SAMPLED)))
    return trace.set_span_in_context(span)


def _traces(points: list[Any]) -> list[list[int]]:
    return [[exemplar.trace_id for exemplar in point.exemplars] for point in points]


def test_what_a_scrape_takes_is_kept_for_the_push(armed: Armed) -> None:
    """The push gets each exemplar, once, whoever has collected in between."""
    armed.meter.create_counter("c").add(1, None, _within(1))
    armed.collect("prometheus")
    armed.collect("somebody")
    assert _traces(armed.points("c", "push")) == [[1]]
    assert _traces(armed.points("c", "push")) == [[]]


def test_a_push_gets_its_own_exemplars(armed: Armed) -> None:
    """With nobody else there, the SDK's exemplars go out as they are, and once."""
    armed.meter.create_counter("c").add(1, None, _within(1))
    assert _traces(armed.points("c", "push")) == [[1]]
    assert _traces(armed.points("c", "push")) == [[]]


def test_the_newest_is_handed_on(armed: Armed) -> None:
    """Of a sum's exemplars the last one counts, as in the SDK's own reservoir."""
    counter = armed.meter.create_counter("c")
    for trace_id in (1, 2):
        counter.add(1, None, _within(trace_id))
        armed.collect("prometheus")
    counter.add(1, None, _within(3))
    assert _traces(armed.points("c", "push")) == [[3]]
    counter.add(1, None, _within(4))
    armed.collect("prometheus")
    assert _traces(armed.points("c", "push")) == [[4]]


def test_a_histogram_hands_on_one_for_each_bucket(armed: Armed) -> None:
    """The newest of each bucket, whichever collection took it."""
    histogram = armed.meter.create_histogram("h", explicit_bucket_boundaries_advisory=[10, 20])
    histogram.record(5, None, _within(1))
    histogram.record(15, None, _within(2))
    armed.collect("prometheus")
    histogram.record(6, None, _within(3))
    assert _traces(armed.points("h", "push")) == [[3, 2]]


def test_exemplars_stay_with_their_point(armed: Armed) -> None:
    """Attributes, unit and scope tell the points apart."""
    counter = armed.meter.create_counter("c")
    counter.add(1, {"k": "a"}, _within(1))
    counter.add(1, {"k": "b"}, _within(2))
    counter.add(1, {"k": "c"})
    armed.provider.get_meter("other").create_counter("c").add(1, {"k": "a"})
    armed.collect("prometheus")
    data = armed.collect("push")
    assert data is not None
    by_scope = {
        scope.scope.name: _traces(list(scope.metrics[0].data.data_points))
        for scope in data.resource_metrics[0].scope_metrics
    }
    assert by_scope == {"test": [[1], [2], []], "other": [[]]}


def test_a_scrape_shows_the_newest_again_and_again(armed: Armed) -> None:
    """From its first collection on it sees also those that others took."""
    counter = armed.meter.create_counter("c")
    counter.add(1, None, _within(1))
    assert _traces(armed.points("c", "prometheus")) == [[1]]
    assert _traces(armed.points("c", "prometheus")) == [[1]]
    counter.add(1, None, _within(2))
    assert _traces(armed.points("c", "push")) == [[2]]
    assert _traces(armed.points("c", "prometheus")) == [[2]]


def test_somebody_who_needs_none_keeps_none(armed: Armed) -> None:
    """A consumer without a claim sees what its own collection took, nothing more."""
    counter = armed.meter.create_counter("c")
    counter.add(1, None, _within(1))
    armed.collect("push")
    assert _traces(armed.points("c", "collect")) == [[]]
    counter.add(1, None, _within(2))
    assert _traces(armed.points("c", "collect")) == [[2]]


def test_the_memory_is_bounded(armed: Armed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exemplars of the points that were longest without a new one go first."""
    monkeypatch.setattr(exemplars, "MAX_POINTS", 2)
    counter = armed.meter.create_counter("c")
    for number, key in ((1, "a"), (2, "b"), (3, "a"), (4, "c")):
        counter.add(1, {"k": key}, _within(number))
        armed.collect("prometheus")
    assert _traces(armed.points("c", "push")) == [[3], [], [4]]


def test_a_forked_child_has_none_of_the_parents(armed: Armed) -> None:
    """What the parent remembered is the parent's to send."""
    counter = armed.meter.create_counter("c")
    counter.add(1, None, _within(1))
    armed.collect("prometheus")
    armed.provider.restart_in_child()
    counter.add(1)
    assert _traces(armed.points("c", "push")) == [[]]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("trace_based", TraceBasedExemplarFilter),
        ("always_on", AlwaysOnExemplarFilter),
        ("always_off", AlwaysOffExemplarFilter),
        (None, TraceBasedExemplarFilter),
        ("unknown", TraceBasedExemplarFilter),
    ],
)
def test_a_filter_has_a_name(name: str | None, kind: type) -> None:
    """The names are those of OTEL_METRICS_EXEMPLAR_FILTER."""
    assert type(exemplar_filter_named(name)) is kind


@pytest.mark.parametrize(
    ("choice", "sampled"), [("always_off", [[]]), ("always_on", [[None]]), (None, [[]])]
)
def test_the_filter_decides(choice: str | None, sampled: list[list[int]]) -> None:
    """Outside of a span only always_on takes an exemplar."""
    armed = Armed()
    armed.provider.arm(
        resource=RESOURCE, exemplar_filter=choice, readers=[reader := type(armed.reader)()]
    )
    armed.meter.create_counter("c").add(1)
    assert _traces(points(reader.collect_for("push"), "c")) == sampled
    armed.provider.disarm()


def test_the_sdks_filters_are_used_as_they_are() -> None:
    """Only what the user wrote is wrapped."""
    given = AlwaysOnExemplarFilter()
    assert exemplar_filter_named(given) is given
