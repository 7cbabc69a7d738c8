"""What became of the telemetry, in items: spans, data points, log records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")  # the order in which all is ended


@dataclass(frozen=True, slots=True)
class SignalCounts:
    """A number of items for each signal: spans, metric data points, log records."""

    traces: int = 0
    metrics: int = 0
    logs: int = 0

    @property
    def total(self) -> int:
        """All three together."""
        return self.traces + self.metrics + self.logs

    def plus(self, other: SignalCounts) -> SignalCounts:
        """The sum, signal by signal."""
        return SignalCounts(
            self.traces + other.traces, self.metrics + other.metrics, self.logs + other.logs
        )


@dataclass(frozen=True, slots=True)
class FlushResult:
    """The honest answer of ``force_flush()`` and ``shutdown()``.

    Counts the items accepted since the flush before (or the start) and those that it carried over:
    ``delivered + spooled + dropped + pending`` is their sum. Truthy only if every one of them was
    accepted by its destination. What is spooled or pending is carried over to the next flush.

    Attributes:
        delivered: The destination said that it has them.
        spooled: On disk, to be sent when the destination is back.
        dropped: Lost, counted and warned about.
        pending: Still queued, or under way when the deadline passed.
    """

    delivered: SignalCounts = field(default_factory=SignalCounts)
    spooled: SignalCounts = field(default_factory=SignalCounts)
    dropped: SignalCounts = field(default_factory=SignalCounts)
    pending: SignalCounts = field(default_factory=SignalCounts)

    def __bool__(self) -> bool:
        return self.spooled.total == self.dropped.total == self.pending.total == 0

    def followed_by(self, later: FlushResult) -> FlushResult:
        """Two flushes in a row as one: what was still open is as the later one found it."""
        return FlushResult(
            delivered=self.delivered.plus(later.delivered),
            spooled=later.spooled,
            dropped=self.dropped.plus(later.dropped),
            pending=later.pending,
        )


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """The same counts since start, and what is known of the destination.

    Attributes:
        dropped_by_reason: Items lost, by reason (``queue_full``, ``rejected``, ``unencodable`` …).
        queue_bytes: Estimated bytes held in the queues now.
        last_error: What went wrong last, in one line, or ``None``.
        last_success: UNIX seconds of the last delivery, or ``None``.
        recovered: Items that an earlier process left in the spool and that were sent by this one.
        failures_in_a_row: Attempts without a success since the last one, of the signal and the
            destination that have most.
        queue_share: How full the fullest queue is, from 0 to 1.
        redacted: Values that were taken out, by reason (docs/redaction.md).
    """

    delivered: SignalCounts = field(default_factory=SignalCounts)
    spooled: SignalCounts = field(default_factory=SignalCounts)
    dropped: SignalCounts = field(default_factory=SignalCounts)
    pending: SignalCounts = field(default_factory=SignalCounts)
    dropped_by_reason: Mapping[str, int] = field(default_factory=dict)
    queue_bytes: int = 0
    last_error: str | None = None
    last_success: float | None = None
    recovered: SignalCounts = field(default_factory=SignalCounts)
    failures_in_a_row: int = 0
    queue_share: float = 0.0
    redacted: Mapping[str, int] = field(default_factory=dict)
