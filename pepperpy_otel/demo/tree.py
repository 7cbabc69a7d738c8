"""One trace as a tree: which span is beneath which, and the logs beneath the span they belong to.

What comes in may be incomplete or odd (a parent that was not received, clocks that disagree, a
span sent twice, parents that form a circle): every span is shown once, whatever it says.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pepperpy_otel.demo.records import Event, LogRecord, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Item = Span | LogRecord | Event


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree.

    Attributes:
        item: What it shows.
        branches: From the root's children down to this row: whether something follows at that
            level. Empty for a root.
        orphan: A span whose parent was not received.
    """

    item: Item
    branches: tuple[bool, ...]
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything received of one trace, in the order in which it is shown."""

    trace_id: str
    rows: tuple[Row, ...]

    @property
    def spans(self) -> list[Span]:
        """Its spans, parents first."""
        return [row.item for row in self.rows if isinstance(row.item, Span)]

    @property
    def logs(self) -> list[LogRecord]:
        """Its log records."""
        return [row.item for row in self.rows if isinstance(row.item, LogRecord)]

    @property
    def services(self) -> list[str]:
        """The services that took part, in the order of their appearance."""
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def failed(self) -> bool:
        """Whether any of its spans is marked as an error."""
        return any(span.status == "error" for span in self.spans)

    @property
    def start(self) -> int:
        """When its first span began, UNIX nanoseconds."""
        return min(span.start for span in self.spans)

    @property
    def seconds(self) -> float:
        """From the first beginning to the last end."""
        return max(0, max(span.end for span in self.spans) - self.start) / 1e9


def build(spans: Iterable[Span], logs: Iterable[LogRecord]) -> list[Trace]:
    """All the traces of these spans, in the order in which they began."""
    spans_of: defaultdict[str, dict[str, Span]] = defaultdict(dict)
    for span in spans:
        spans_of[span.trace_id].setdefault(span.span_id, span)  # sent twice is one span
    logs_of: defaultdict[str, list[LogRecord]] = defaultdict(list)
    for log in logs:
        logs_of[log.trace_id].append(log)
    traces = [
        Trace(trace_id, tuple(_rows(by_id, logs_of[trace_id])))
        for trace_id, by_id in spans_of.items()
    ]
    return sorted(traces, key=lambda trace: trace.start)


def _rows(by_id: dict[str, Span], logs: list[LogRecord]) -> Iterator[Row]:
    beneath: defaultdict[str, list[Item]] = defaultdict(list)
    for span in by_id.values():
        beneath[span.parent_id if span.parent_id in by_id else ""].append(span)
        beneath[span.span_id].extend(event for event in span.events if event.name == "exception")
    for log in logs:
        beneath[log.span_id if log.span_id in by_id else ""].append(log)

    shown: set[str] = set()
    yield from _walk(beneath, beneath[""], shown)
    for span in sorted(by_id.values(), key=_when):
        if span.span_id not in shown:  # parents in a circle: begin with the first of them
            yield from _walk(beneath, [span], shown)


def _walk(beneath: dict[str, list[Item]], roots: list[Item], shown: set[str]) -> Iterator[Row]:
    """Depth first with a stack of our own: a trace may be deeper than Python's."""
    stack: list[tuple[Item, tuple[bool, ...]]] = [
        (root, ()) for root in sorted(roots, key=_when, reverse=True)
    ]
    while stack:
        item, branches = stack.pop()
        if not isinstance(item, Span):
            yield Row(item, branches)
            continue
        shown.add(item.span_id)
        yield Row(item, branches, orphan=not branches and bool(item.parent_id))
        children = sorted(
            (
                child
                for child in beneath[item.span_id]
                if not (isinstance(child, Span) and child.span_id in shown)
            ),
            key=_when,
        )
        stack.extend(
            (child, (*branches, position < len(children)))
            for position, child in reversed(list(enumerate(children, 1)))
        )


def _when(item: Item) -> int:
    return item.start if isinstance(item, Span) else item.time
