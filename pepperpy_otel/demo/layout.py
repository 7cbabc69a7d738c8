"""A report as lines of a terminal of some width: the tree, the metrics, the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.demo.records import Event, LogRecord, Span
from pepperpy_otel.demo.report import ITEMS
from pepperpy_otel.demo.text import Line, Part, Symbols, duration, fit, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pepperpy_otel.demo.report import Balance, Metric, Report
    from pepperpy_otel.demo.tree import Row, Trace

#: Columns: the service, the span's kind, its duration; the bar takes what wide terminals have left.
SERVICE, KIND, DURATION, BAR = 12, 9, 9, 18
WIDE = 96
TYPE, UNIT = 10, 9
KINDS = {"updowncounter": "up/down", "exponential histogram": "histogram"}
MAX_ROWS = 60
#: What a row of the tree does not repeat: where in the code it was, and the page of a traceback.
NOISE = ("code.", "thread.", "process.", "exception.")
#: Metrics that are named, not shown: a terminal is not a dashboard.
RUNTIME = ("process.", "cpython.", "otel.", "system.")


def trace_lines(
    trace: Trace, width: int, symbols: Symbols, styles: Mapping[str, str]
) -> Iterator[Line]:
    """The trace as a tree.

    Args:
        trace: What was received of it.
        width: Columns of the terminal.
        symbols: The characters to draw with.
        styles: The style of each service.
    """
    dot = f" {symbols.dot} "
    summary = [
        f"trace {trace.trace_id}",
        f"{len(trace.spans)} spans",
        f"{len(trace.logs)} log records",
        duration(trace.seconds, symbols),
    ]
    yield (Part(dot.join(summary), "dim"),)
    for row in trace.rows[:MAX_ROWS]:
        yield _row(row, trace, width, symbols, styles)
    if len(trace.rows) > MAX_ROWS:
        yield (Part(f"{symbols.ellipsis} and {len(trace.rows) - MAX_ROWS} more", "dim"),)


def _row(row: Row, trace: Trace, width: int, symbols: Symbols, styles: Mapping[str, str]) -> Line:
    tree = "".join(symbols.through if more else symbols.nothing for more in row.branches[:-1])
    if row.branches:
        tree += symbols.branch if row.branches[-1] else symbols.last
    guides = Part(tree, "dim")
    if not isinstance(row.item, Span):
        what = _log(row.item) if isinstance(row.item, LogRecord) else _exception(row.item, symbols)
        return fit((Part(" " * SERVICE), guides, *what), width, symbols.ellipsis)
    span = row.item
    style = styles.get(span.service, "")
    bar = BAR if width >= WIDE else 0
    service = fit((Part(one_line(span.service), style),), SERVICE - 1, symbols.ellipsis)
    name = fit(
        (guides, *_name(span, symbols), *_orphan(row)),
        width - SERVICE - KIND - DURATION - (2 + bar if bar else 0),
        symbols.ellipsis,
    )
    return (
        *service,
        Part(" "),
        *name,
        Part(f"{span.kind:>{KIND}}", "dim"),
        Part(f"{duration(span.seconds, symbols):>{DURATION}}", "number"),
        *((Part("  "), Part(_bar(span, trace, bar, symbols), style)) if bar else ()),
    )


def _name(span: Span, symbols: Symbols) -> Line:
    failed = span.status == "error"
    mark = (Part(f"{symbols.bad} ", "error"),) if failed else ()
    name = Part(one_line(span.name), "error" if failed else "name")
    return (*mark, name, *(Part(f" {detail}", "dim") for detail in _details(span, symbols)))


def _details(span: Span, symbols: Symbols) -> Iterator[str]:
    """What the attributes say beyond the name: the statement, the URL, the status, or all."""
    attributes = span.attributes
    statement = attributes.get("db.query.text", attributes.get("db.statement"))
    status = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    url = attributes.get("url.full", attributes.get("http.url"))
    if statement is not None:
        text = one_line(statement)
        yield text.removeprefix(span.name).strip() if text.startswith(span.name) else text
    elif status is not None:
        if span.kind == "client" and url is not None:
            yield one_line(url).partition("://")[2]
        yield f"{symbols.arrow} {status}"
    else:
        yield from _pairs(attributes)
    if span.status_message:
        yield one_line(span.status_message)


def _log(log: LogRecord) -> Line:
    style = {"ERROR": "error", "FATAL": "error", "CRITICAL": "error", "WARN": "warning"}
    severity = one_line(log.severity)
    return (
        Part(f"{severity:<6}", style.get(severity.replace("WARNING", "WARN"), "log")),
        Part(one_line(log.body)),
        *(Part(f" {pair}", "dim") for pair in _pairs(log.attributes)),
    )


def _exception(event: Event, symbols: Symbols) -> Line:
    kind = one_line(event.attributes.get("exception.type", "exception"))
    message = one_line(event.attributes.get("exception.message", ""))
    return (Part(f"{symbols.bad} {kind}: {message}", "error"),)


def _orphan(row: Row) -> Line:
    return (Part(" (its parent was not received)", "warning"),) if row.orphan else ()


def _pairs(attributes: Mapping[str, object]) -> list[str]:
    return [
        f"{one_line(name)}={one_line(value)}"
        for name, value in attributes.items()
        if not name.startswith(NOISE)
    ]


def _bar(span: Span, trace: Trace, width: int, symbols: Symbols) -> str:
    """When in the trace the span ran; always visible, also where clocks disagree."""
    total = trace.seconds or 1.0
    begin = int((span.start - trace.start) / 1e9 / total * width)
    begin = min(max(begin, 0), width - 1)
    length = min(max(round(span.seconds / total * width), 1), width - begin)
    return f"{' ' * begin}{symbols.bar * length}".ljust(width)


def metric_lines(
    metrics: Sequence[Metric], services: Sequence[str], width: int, symbols: Symbols
) -> Iterator[Line]:
    """The metrics as a table, one column for each service; those of the runtime by name only."""
    shown = [metric for metric in metrics if not metric.name.startswith(RUNTIME)]
    points = 8 if width >= WIDE else 0
    value = 16
    name = width - TYPE - UNIT - points - value * len(services)
    head = f"{'':<{name}}{'type':<{TYPE}}{'unit':<{UNIT}}"
    head += "".join(f"{service:>{value}}" for service in services)
    yield (Part(head + "points".rjust(points) * bool(points), "dim"),)
    for metric in sorted(shown, key=lambda metric: metric.name.startswith("http.")):
        yield (
            *fit((Part(one_line(metric.name), "name"),), name - 1, symbols.ellipsis),
            Part(" "),
            Part(f"{KINDS.get(metric.kind, metric.kind):<{TYPE}}"),
            *fit((Part(one_line(metric.unit).strip("{}"), "dim"),), UNIT, symbols.ellipsis),
            *(Part(f"{metric.values.get(service, ''):>{value}}", "number") for service in services),
            *((Part(f"{metric.points:>{points}}", "dim"),) if points else ()),
        )
    if rest := [metric for metric in metrics if metric not in shown]:
        names = ", ".join(one_line(metric.name) for metric in rest)
        yield fit(
            (Part(f"and {len(rest)} of the runtime: {names}", "dim"),), width, symbols.ellipsis
        )


def balance_lines(
    balances: Sequence[Balance], width: int, symbols: Symbols, styles: Mapping[str, str]
) -> Iterator[Line]:
    """What was sent and what was received, for each service and signal."""
    cell = min(24, (width - SERVICE) // len(SIGNALS))
    yield (
        Part(" " * SERVICE),
        *(Part(f"{ITEMS[signal]:>{cell}}", "dim") for signal in SIGNALS),
    )
    for balance in balances:
        yield (
            Part(f"{balance.service:<{SERVICE}}", styles.get(balance.service, "")),
            *(_cell(balance, signal, cell, symbols) for signal in SIGNALS),
        )


def _cell(balance: Balance, signal: str, width: int, symbols: Symbols) -> Part:
    received = getattr(balance.received, signal)
    sent = "?" if balance.sent is None else getattr(balance.sent, signal)
    style = "number" if sent == received else "error"
    return Part(f"{f'{sent} {symbols.arrow} {received}':>{width}}", style)


def failed_line(report: Report, symbols: Symbols) -> Iterator[Line]:
    """Where to find what went wrong, which is what traces are for."""
    if not report.failed:
        return
    reasons = [
        f"{event.attributes.get('exception.type')}: {event.attributes.get('exception.message')}"
        for trace in report.failed
        for span in trace.spans
        for event in span.events
        if event.name == "exception"
    ]
    reason = f" {symbols.dot} for example {one_line(reasons[0])}" if reasons else ""
    yield (
        Part(f"{len(report.failed)} of {report.traces} traces have an error", "error"),
        Part(reason, "dim"),
    )
