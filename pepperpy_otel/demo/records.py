"""Spans, log records and data points as they were received: plain values, no protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a span."""

    time: int
    name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """One span; times in UNIX nanoseconds, ids in hexadecimal, ``parent_id`` empty for none."""

    service: str
    scope: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: int
    end: int
    status: str = "unset"
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took; never negative, whatever the clocks said."""
        return max(0, self.end - self.start) / 1e9


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record; ``trace_id`` and ``span_id`` are empty when it was made outside a span."""

    service: str
    scope: str
    time: int
    severity: str
    body: Any
    trace_id: str = ""
    span_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataPoint:
    """One data point of one metric.

    Attributes:
        kind: ``counter``, ``updowncounter``, ``gauge``, ``histogram``, ``exponential histogram`` or
            ``summary``.
        delta: Whether the value counts from the point before rather than from the start.
        value: The value; for the distributions their sum.
        count: How many measurements a distribution has seen.
    """

    service: str
    scope: str
    name: str
    kind: str
    unit: str
    attributes: Mapping[str, Any]
    time: int
    value: float
    count: int = 0
    delta: bool = False
