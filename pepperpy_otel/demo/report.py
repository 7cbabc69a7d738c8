"""What the demo has to say, from what was received and what the services counted: no layout yet."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.counts import SIGNALS, SignalCounts
from pepperpy_otel.demo import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pepperpy_otel.delivery.counts import PipelineStats
    from pepperpy_otel.demo.receiver import Store
    from pepperpy_otel.demo.records import DataPoint

ITEMS = {"traces": "spans", "logs": "log records", "metrics": "data points"}


@dataclass(frozen=True, slots=True)
class Balance:
    """What one service sent (``None``: it did not say) and what of it was received."""

    service: str
    sent: SignalCounts | None
    received: SignalCounts


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: the newest value of each service, as text, and the data points received."""

    name: str
    kind: str
    unit: str
    values: Mapping[str, str]
    points: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Attributes:
        services: Their names, in the order of the columns.
        trace: The trace worth showing, if any.
        traces: How many were received.
        failed: Those of them in which something failed.
        findings: What is missing, one line each; empty when everything is as it should be.
    """

    services: tuple[str, ...]
    trace: tree.Trace | None
    traces: int
    failed: Sequence[tree.Trace]
    metrics: Sequence[Metric]
    balances: Sequence[Balance]
    findings: Sequence[str] = field(default_factory=list)


def build(store: Store, counts: Mapping[str, PipelineStats | None]) -> Report:
    """Read back what was received, and compare it with what each service says it sent.

    Args:
        store: What the receiver kept.
        counts: By service, in the order of the columns.
    """
    services = tuple(counts)
    traces = tree.build(store.spans, store.logs)
    trace = max(traces, key=_worth, default=None)
    balances = [
        Balance(service, sent_by(stats), _received(store, service))
        for service, stats in counts.items()
    ]
    return Report(
        services=services,
        trace=trace,
        traces=len(traces),
        failed=[each for each in traces if each.failed],
        metrics=_metrics(store.points),
        balances=balances,
        findings=[*_in_trace(trace, services), *_in_balances(balances, counts)],
    )


def sent_by(stats: PipelineStats | None) -> SignalCounts | None:
    """Everything that a service's telemetry took in, whatever became of it."""
    if stats is None:
        return None
    parts = (stats.delivered, stats.spooled, stats.dropped, stats.pending)
    return SignalCounts(
        **{signal: sum(getattr(part, signal) for part in parts) for signal in SIGNALS}
    )


def _worth(trace: tree.Trace) -> tuple[int, bool, int, int]:
    """The trace to show: over the most services, gone well, with the most to see; the newest."""
    return len(trace.services), not trace.failed, len(trace.rows), trace.start


def _received(store: Store, service: str) -> SignalCounts:
    def count(items: Iterable[Any]) -> int:
        return sum(item.service == service for item in items)

    return SignalCounts(
        traces=count(store.spans), metrics=count(store.points), logs=count(store.logs)
    )


def _in_trace(trace: tree.Trace | None, services: Sequence[str]) -> list[str]:
    if trace is None:
        return ["no trace was received"]
    findings = []
    if missing := [service for service in services if service not in trace.services]:
        findings.append(f"no trace spans both services: {' and '.join(missing)} took no part")
    if not trace.logs:
        findings.append("no log record carries the id of the trace")
    return findings


def _in_balances(
    balances: Iterable[Balance], counts: Mapping[str, PipelineStats | None]
) -> list[str]:
    findings = []
    for balance in balances:
        stats = counts[balance.service]
        if balance.sent is None or stats is None:
            findings.append(f"{balance.service} did not say what it sent")
            continue
        for signal in SIGNALS:
            sent, received = getattr(balance.sent, signal), getattr(balance.received, signal)
            if sent != received:
                why = f" (last error: {stats.last_error})" if stats.last_error else ""
                findings.append(
                    f"{balance.service} sent {sent} {ITEMS[signal]}, received were {received}{why}"
                )
            elif not sent:
                findings.append(f"{balance.service} sent no {ITEMS[signal]}")
    return findings


def _metrics(points: Iterable[DataPoint]) -> list[Metric]:
    """One row for each metric: the app's own first, then the instrumentations', by name."""
    by_metric: defaultdict[tuple[str, str, str], list[DataPoint]] = defaultdict(list)
    for point in points:
        by_metric[point.name, point.kind, point.unit].append(point)
    return [
        Metric(name, kind, unit, _values(of_metric), len(of_metric))
        for (name, kind, unit), of_metric in sorted(by_metric.items())
    ]


def _values(points: Sequence[DataPoint]) -> dict[str, str]:
    by_service: defaultdict[str, dict[str, list[DataPoint]]] = defaultdict(dict)
    for point in points:
        stream = repr((point.scope, sorted(point.attributes.items(), key=str)))
        by_service[point.service].setdefault(stream, []).append(point)
    return {service: _value(list(streams.values())) for service, streams in by_service.items()}


def _value(streams: Sequence[Sequence[DataPoint]]) -> str:
    """All streams of a metric in one cell: their sum, their range, or how many and the average."""
    kind = streams[0][0].kind
    values = [_now(stream, "value") for stream in streams]
    if kind == "gauge":
        low, high = number(min(values)), number(max(values))
        return low if low == high else f"{low} to {high}"
    if kind in ("counter", "updowncounter"):
        return number(sum(values))
    count = sum(_now(stream, "count") for stream in streams)
    return f"{number(count)} avg {number(sum(values) / count)}" if count else "0"


def _now(stream: Sequence[DataPoint], what: str) -> float:
    """A stream's value: the sum of its changes, or the newest of its states."""
    newest = max(stream, key=lambda point: point.time)
    counted = stream if newest.delta else [newest]
    total: float = sum(getattr(point, what) for point in counted)
    return total


def number(value: float) -> str:
    """Three digits that tell something, and no exponent where a person would write none."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
