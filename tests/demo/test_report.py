from __future__ import annotations

import math

import pytest

from pepperpy_otel.delivery.counts import SignalCounts
from pepperpy_otel.demo import report
from pepperpy_otel.demo.receiver import Store
from tests.demo import make


def complete_store():
    """One trace over both services with a log each, and a metric of each."""
    return Store(
        spans=[make.span("a"), make.span("b", "a", service="inventory")],
        points=[make.point("orders", 1), make.point("stock", 1, service="inventory")],
        logs=[make.log("x", "a"), make.log("y", "b", service="inventory")],
    )


def test_nothing_is_missing():
    """When everything sent was received and a trace spans both, there is no finding."""
    made = report.build(
        complete_store(),
        {"storefront": make.stats((1, 1, 1)), "inventory": make.stats((1, 1, 1))},
    )

    assert made.findings == []
    assert made.services == ("storefront", "inventory")
    assert [balance.received for balance in made.balances] == [SignalCounts(1, 1, 1)] * 2


def test_what_was_sent_is_everything_that_was_taken_in():
    """Items that were lost or are still waiting were sent as far as the user knows."""
    one = SignalCounts(1, 1, 1)
    stats = make.stats((1, 2, 3), spooled=one, dropped=one, pending=one)

    assert report.sent_by(stats) == SignalCounts(4, 5, 6)


@pytest.mark.parametrize(
    ("counts", "findings"),
    [
        (
            make.stats((2, 1, 1), last_error="connection refused"),
            [
                "inventory sent 2 spans, received were 1 (last error: connection refused)",
            ],
        ),
        (make.stats((1, 1, 0)), ["inventory sent 0 log records, received were 1"]),
        (None, ["inventory did not say what it sent"]),
    ],
)
def test_a_difference_is_a_finding(counts, findings):
    """Each service and signal whose counts disagree is named, with the last error if any."""
    made = report.build(
        complete_store(), {"storefront": make.stats((1, 1, 1)), "inventory": counts}
    )

    assert made.findings == findings


def test_a_service_without_telemetry_is_a_finding():
    """Zero sent and zero received agree, and are still no telemetry."""
    store = complete_store()
    made = report.build(
        store,
        {
            "storefront": make.stats((1, 1, 1)),
            "inventory": make.stats((1, 1, 1)),
            "till": make.stats(),
        },
    )

    assert made.findings == [
        "no trace spans both services: till took no part",
        "till sent no spans",
        "till sent no log records",
        "till sent no data points",
    ]


def test_nothing_received():
    """No trace at all is one finding, and there is none to show."""
    made = report.build(Store(), {"storefront": make.stats((1, 0, 0))})

    assert made.trace is None
    assert made.findings[:2] == [
        "no trace was received",
        "storefront sent 1 spans, received were 0",
    ]


def test_logs_without_the_trace():
    """Log records that do not carry the id of the trace are a finding."""
    store = complete_store()
    store.logs = [make.log("x", trace_id=""), make.log("y", trace_id="", service="inventory")]
    made = report.build(
        store, {"storefront": make.stats((1, 1, 1)), "inventory": make.stats((1, 1, 1))}
    )

    assert made.findings == ["no log record carries the id of the trace"]


def test_the_trace_shown_spans_the_most_services_and_went_well():
    """Rather a good trace over both than a longer one that failed, or one of a single service."""
    store = Store(
        spans=[
            make.span("long", trace_id="t1"),
            make.span("long2", "long", trace_id="t1"),
            make.span("long3", "long", trace_id="t1"),
            make.span("bad", trace_id="t2"),
            make.span("bad2", "bad", trace_id="t2", service="inventory", status="error"),
            make.span("bad3", "bad", trace_id="t2"),
            make.span("good", trace_id="t3"),
            make.span("good2", "good", trace_id="t3", service="inventory"),
        ]
    )

    made = report.build(store, {})

    assert made.trace.trace_id == "t3"
    assert made.traces == 3
    assert [trace.trace_id for trace in made.failed] == ["t2"]


@pytest.mark.parametrize(
    ("points", "value"),
    [
        ([make.point("m", 3, time=2), make.point("m", 1, time=1)], "3"),
        ([make.point("m", 3, delta=True), make.point("m", 4, delta=True)], "7"),
        ([make.point("m", 3, attributes={"a": 1}), make.point("m", 4)], "7"),
        ([make.point("m", 3, kind="gauge")], "3"),
        ([make.point("m", 3, kind="gauge"), make.point("m", 5, kind="gauge", scope="b")], "3 to 5"),
        ([make.point("m", 1.5, kind="histogram", count=3)], "3 avg 0.5"),
        ([make.point("m", 0, kind="histogram")], "0"),
    ],
)
def test_value_of_a_metric(points, value):
    """Cumulative points count by the newest, deltas by their sum, several streams together."""
    (metric,) = report.build(Store(points=points), {}).metrics

    assert metric.values == {"storefront": value}
    assert metric.points == len(points)


def test_metrics_are_sorted_and_have_a_value_for_each_service():
    """One row for each metric, whoever sent it."""
    store = Store(
        points=[make.point("b", 1), make.point("a", 1), make.point("b", 2, service="inventory")]
    )

    metrics = report.build(store, {}).metrics

    assert [(metric.name, metric.values) for metric in metrics] == [
        ("a", {"storefront": "1"}),
        ("b", {"storefront": "1", "inventory": "2"}),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (1234567, "1,234,567"),
        (1234.5, "1,234"),
        (0.012345, "0.0123"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_number(value, text):
    """Numbers are short and have no exponent where a person would write none."""
    assert report.number(value) == text
