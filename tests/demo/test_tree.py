from __future__ import annotations

from pepperpy_otel.demo import tree
from pepperpy_otel.demo.records import Event, LogRecord, Span
from tests.demo import make


def outline(trace):
    """The rows as (depth, name) pairs."""

    def name(item):
        return {Span: "name", LogRecord: "body", Event: "name"}[type(item)]

    return [(len(row.branches), getattr(row.item, name(row.item))) for row in trace.rows]


def test_children_and_logs_are_beneath_their_span_in_the_order_of_time():
    """Spans, logs and exceptions of a span follow one another as they happened."""
    (trace,) = tree.build(
        [
            make.span("late", "root", start=6),
            make.span("root", events=(make.exception("Oops", "no", time=7),)),
            make.span("early", "root", start=2, service="inventory"),
        ],
        [make.log("inside", "early", time=3), make.log("first", "root", time=1)],
    )

    assert outline(trace) == [
        (0, "root"),
        (1, "first"),
        (1, "early"),
        (2, "inside"),
        (1, "late"),
        (1, "exception"),
    ]
    assert trace.services == ["storefront", "inventory"]
    assert [log.body for log in trace.logs] == ["first", "inside"]


def test_branches_say_what_follows():
    """Each row knows at which levels the lines go on below it."""
    (trace,) = tree.build(
        [
            make.span("root"),
            make.span("a", "root", start=1),
            make.span("b", "a", start=2),
            make.span("c", "root", start=3),
        ],
        [],
    )

    assert [(row.item.name, row.branches) for row in trace.rows] == [
        ("root", ()),
        ("a", (True,)),
        ("b", (True, False)),
        ("c", (False,)),
    ]


def test_orphan():
    """A span whose parent was not received is shown at the top, and marked."""
    (trace,) = tree.build([make.span("a", "missing"), make.span("root", start=1)], [])

    assert [(row.item.name, row.orphan) for row in trace.rows] == [("a", True), ("root", False)]


def test_log_of_a_span_that_was_not_received():
    """Its trace is known, so it is shown at the top of that."""
    (trace,) = tree.build([make.span("root")], [make.log("lost", "missing", time=1)])

    assert outline(trace) == [(0, "root"), (0, "lost")]


def test_log_outside_any_trace_is_no_part_of_one():
    """Records without a trace make none."""
    (trace,) = tree.build([make.span("root")], [make.log("alone", trace_id="")])

    assert trace.logs == []


def test_span_received_twice_is_shown_once():
    """A batch that was sent again after a lost answer changes nothing."""
    (trace,) = tree.build([make.span("root"), make.span("root")], [])

    assert outline(trace) == [(0, "root")]


def test_parents_in_a_circle_end():
    """Every span of a circle is shown once, from the earliest on; a span may be its own parent."""
    (trace,) = tree.build(
        [
            make.span("a", "b", start=1),
            make.span("b", "a", start=2),
            make.span("self", "self", start=3),
        ],
        [],
    )

    assert outline(trace) == [(0, "a"), (1, "b"), (0, "self")]


def test_deeper_than_python_recurses():
    """A trace of any depth is built."""
    spans = [make.span("0")] + [make.span(str(n), str(n - 1), start=n) for n in range(1, 3000)]

    (trace,) = tree.build(spans, [])

    assert len(trace.rows[-1].branches) == 2999


def test_times_span_clocks_that_disagree():
    """A child whose clock is behind begins the trace; the trace is as long as all of it."""
    (trace,) = tree.build(
        [make.span("root", start=5), make.span("child", "root", start=2, lasts=1)], []
    )

    assert trace.start == 2 * make.MILLISECOND
    assert trace.seconds == 0.013


def test_traces_are_sorted_by_their_beginning():
    """The order of arrival does not matter."""
    traces = tree.build(
        [make.span("x", trace_id="t2", start=9), make.span("y", trace_id="t1", start=1)], []
    )

    assert [trace.trace_id for trace in traces] == ["t1", "t2"]


def test_failed():
    """A trace has failed when one of its spans has."""
    good, bad = tree.build(
        [make.span("x"), make.span("y", trace_id="t2", start=1, status="error")], []
    )

    assert (good.failed, bad.failed) == (False, True)
