from __future__ import annotations

import textwrap

import pytest

from pepperpy_otel.delivery.counts import SignalCounts
from pepperpy_otel.demo import layout, report, tree
from pepperpy_otel.demo.report import Balance, Metric
from pepperpy_otel.demo.text import ASCII, Symbols
from tests.demo import make

STYLES = {"storefront": "service 0", "inventory": "service 1"}


def text(lines):
    """The lines as a terminal without colour shows them."""
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines)


def shop_trace():
    """An order, as the shop makes one."""
    return tree.build(
        [
            make.span(
                "1",
                name="POST /orders",
                kind="server",
                lasts=20,
                attributes={"http.status_code": 201, "http.url": "http://shop/orders"},
            ),
            make.span(
                "2",
                "1",
                name="POST",
                kind="client",
                start=4,
                attributes={"http.status_code": 500, "http.url": "http://inv/reservations"},
                status="error",
            ),
            make.span(
                "3",
                "2",
                name="take",
                service="inventory",
                start=6,
                lasts=2,
                attributes={"shop.sku": "mug"},
                status="error",
                status_message="jammed",
                events=(make.exception("ShelfJammed", "no way", time=7),),
            ),
            make.span(
                "4",
                "1",
                name="INSERT",
                kind="client",
                start=15,
                lasts=1,
                attributes={"db.statement": "INSERT INTO orders\nVALUES (?)"},
            ),
        ],
        [
            make.log("received", "1", time=1, attributes={"sku": "mug", "code.line.number": 3}),
            make.log("on fire", "1", time=16, severity="ERROR"),
        ],
    )[0]


def test_trace_on_a_wide_terminal():
    """The tree has services, names, what matters of the attributes, durations and bars."""
    lines = layout.trace_lines(shop_trace(), 100, Symbols(), STYLES)

    assert text(lines) == textwrap.dedent(
        """\
        trace t1 · 4 spans · 2 log records · 20.0 ms
        storefront  POST /orders → 201                                   server  20.0 ms  ━━━━━━━━━━━━━━━━━━
                    ├─ INFO  received sku=mug
        storefront  ├─ ✗ POST inv/reservations → 500                     client  10.0 ms     ━━━━━━━━━
        inventory   │  └─ ✗ take shop.sku=mug jammed                   internal   2.0 ms       ━━
                    │     └─ ✗ ShelfJammed: no way
        storefront  ├─ INSERT INTO orders VALUES (?)                     client   1.0 ms               ━
                    └─ ERROR on fire"""  # noqa: E501
    )


def test_trace_on_a_narrow_ascii_terminal():
    """Eighty columns have no room for bars, and not every terminal has box characters."""
    lines = list(layout.trace_lines(shop_trace(), 80, ASCII, STYLES))

    assert text(lines) == textwrap.dedent(
        """\
        trace t1 - 4 spans - 2 log records - 20.0 ms
        storefront  POST /orders -> 201                                  server  20.0 ms
                    |- INFO  received sku=mug
        storefront  |- !! POST inv/reservations -> 500                   client  10.0 ms
        inventory   |  `- !! take shop.sku=mug jammed                  internal   2.0 ms
                    |     `- !! ShelfJammed: no way
        storefront  |- INSERT INTO orders VALUES (?)                     client   1.0 ms
                    `- ERROR on fire"""
    )


def test_styles():
    """Each service has its own style; what failed stands out, and so does a warning."""
    trace = shop_trace()
    parts = [
        part
        for line in layout.trace_lines(trace, 100, Symbols(), STYLES)
        for part in line
        if part.text.strip()
    ]
    style_of = {part.text.strip(): part.style for part in parts}

    assert style_of["storefront"] == "service 0"
    assert style_of["inventory"] == "service 1"
    assert style_of["POST /orders"] == "name"
    assert style_of["take"] == "error"
    assert style_of["ERROR"] == "error"


@pytest.mark.parametrize(("severity", "style"), [("WARNING", "warning"), ("WARN", "warning")])
def test_severity_style(severity, style):
    """Both names of a warning look like one."""
    (trace,) = tree.build([make.span("a")], [make.log("x", "a", severity=severity)])

    line = list(layout.trace_lines(trace, 100, Symbols(), STYLES))[-1]

    assert style in {part.style for part in line if part.text.startswith("WARN")}


@pytest.mark.parametrize(
    ("attributes", "kind", "shown"),
    [
        ({"db.query.text": "SELECT 1"}, "client", "SELECT SELECT 1"),
        ({"http.response.status_code": 204}, "server", "SELECT → 204"),
        ({"http.response.status_code": 204}, "client", "SELECT → 204"),
        (
            {"http.response.status_code": 204, "url.full": "http://h/p"},
            "client",
            "SELECT h/p → 204",
        ),
        ({}, "internal", "SELECT "),
    ],
)
def test_details_of_a_span(attributes, kind, shown):
    """Old and new names of attributes say the same; a statement does not repeat the name."""
    name = "GET" if "db.query.text" not in attributes else "QUERY"
    shown = shown.replace("SELECT", name, 1)
    (trace,) = tree.build([make.span("a", name=name, kind=kind, attributes=attributes)], [])

    assert f"  {shown}  " in text(layout.trace_lines(trace, 80, Symbols(), {})) + "  "


def test_orphan_is_marked():
    """A span at the top that has a parent somewhere says so."""
    (trace,) = tree.build([make.span("a", "missing")], [])

    assert "a (its parent was not received)" in text(layout.trace_lines(trace, 80, ASCII, {}))


def test_a_long_trace_is_cut():
    """A terminal is no place for a thousand spans; how many are left out is said."""
    (trace,) = tree.build([make.span(str(n), start=n) for n in range(layout.MAX_ROWS + 5)], [])

    lines = list(layout.trace_lines(trace, 80, Symbols(), {}))

    assert len(lines) == layout.MAX_ROWS + 2
    assert text(lines[-1:]) == "… and 5 more"


def test_bars_stay_inside_whatever_the_clocks_say():
    """Spans without a duration, at the very end, or longer than the trace have a visible bar."""
    (trace,) = tree.build([make.span("a", lasts=10), make.span("b", "a", start=10, lasts=0)], [])
    (empty,) = tree.build([make.span("a", lasts=0)], [])

    for each in (trace, empty):
        lines = text(layout.trace_lines(each, 100, Symbols(), {})).splitlines()[1:]
        assert all(line.count("━") >= 1 for line in lines)
        assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_longer_than_the_terminal(width):
    """Everything that was received is cut to the width."""
    long = "x" * 300
    trace = tree.build(
        [make.span("1", name=long, service=long, attributes={long: long})],
        [make.log(long, "1", attributes={long: long})],
    )[0]
    metrics = [
        Metric(long, "updowncounter", long, {"storefront": "1,026 avg 0.0213"}, 3),
        Metric(f"process.{long}", "gauge", long, {}, 3),
    ]
    lines = [
        *layout.trace_lines(trace, width, Symbols(), STYLES),
        *layout.metric_lines(metrics, ("storefront", "inventory"), width, Symbols()),
        *layout.balance_lines(
            [Balance("storefront", None, SignalCounts())], width, Symbols(), STYLES
        ),
    ]

    assert max(len(line) for line in text(lines).splitlines()) <= width


METRICS = [
    Metric("http.server.duration", "histogram", "ms", {"inventory": "2 avg 1.5"}, 4),
    Metric("process.cpu.time", "counter", "s", {"inventory": "1"}, 4),
    Metric("shop.load", "exponential histogram", "1", {"storefront": "1 avg 2"}, 1),
    Metric("shop.orders", "counter", "{order}", {"storefront": "3"}, 2),
    Metric("shop.queue", "updowncounter", "{order}", {"storefront": "3", "inventory": "4"}, 2),
]


def test_metrics_on_a_wide_terminal():
    """The app's own come first; those of the runtime are named only."""
    lines = layout.metric_lines(METRICS, ("storefront", "inventory"), 96, Symbols())

    assert text(lines) == (
        "                                     type      unit           storefront       inventory"
        "  points\n"
        "shop.load                            histogram 1                 1 avg 2"
        "                       1\n"
        "shop.orders                          counter   order                   3"
        "                       2\n"
        "shop.queue                           up/down   order                   3"
        "               4       2\n"
        "http.server.duration                 histogram ms                       "
        "       2 avg 1.5       4\n"
        "and 1 of the runtime: process.cpu.time"
    )


def test_metrics_on_a_narrow_terminal():
    """Eighty columns show the values; the number of points has no room."""
    lines = layout.metric_lines(METRICS[3:4], ("storefront", "inventory"), 80, Symbols())

    assert text(lines) == (
        "                             type      unit           storefront       inventory\n"
        "shop.orders                  counter   order                   3"
    )


def test_balances():
    """What was sent stands beside what was received; what differs is an error."""
    balances = [
        Balance("storefront", SignalCounts(3, 2, 1), SignalCounts(3, 2, 0)),
        Balance("inventory", None, SignalCounts(1, 0, 0)),
    ]

    lines = list(layout.balance_lines(balances, 80, Symbols(), STYLES))

    assert text(lines) == (
        "                             spans           log records           data points\n"
        "storefront                   3 → 3                 1 → 0                 2 → 2\n"
        "inventory                    ? → 1                 ? → 0                 ? → 0"
    )
    assert [part.style for part in lines[1][1:]] == ["number", "error", "number"]


def test_failed_line():
    """How many traces failed, and why the first did."""
    store_spans = [
        make.span("a", status="error"),
        make.span(
            "b",
            trace_id="t2",
            status="error",
            events=(make.exception("ShelfJammed", "no\nway"), make.exception("Second", "x")),
        ),
        make.span("c", trace_id="t3"),
    ]
    traces = tree.build(store_spans, [])
    made = report.Report((), None, 3, [each for each in traces if each.failed], [], [])

    assert text(layout.failed_line(made, Symbols())) == (
        "2 of 3 traces have an error · for example ShelfJammed: no way"
    )


def test_failed_line_without_a_reason():
    """Traces may fail without an exception, or not at all."""
    failed = tree.build([make.span("a", status="error")], [])

    assert text(layout.failed_line(report.Report((), None, 1, failed, [], []), ASCII)) == (
        "1 of 1 traces have an error"
    )
    assert text(layout.failed_line(report.Report((), None, 1, [], [], []), ASCII)) == ""
