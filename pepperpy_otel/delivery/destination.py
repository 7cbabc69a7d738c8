"""The seam: who takes batches, and a name for the place that they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.outcome import Outcome


class Sender(Protocol):
    """Brings batches of one signal to one place. Made and used in the worker's thread only.

    Two optional extras: ``target`` (a text such as ``http://localhost:4318/v1/traces``, which
    warnings name) and ``interrupt()``, called from another thread when a deadline has passed: a
    ``send()`` under way should end soon; it must not block nor raise.
    """

    signal: Signal

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Send ``items`` within ``timeout`` seconds; says what became of them.

        Spans are ``ReadableSpan``, records ``ReadableLogRecord``; for metrics each item is a
        whole ``MetricsData``, and the outcome counts its data points.
        """
        ...

    def close(self) -> None:
        """Let go of connections; called once, in the worker's thread."""
        ...


class Destination(NamedTuple):
    """A place to deliver to: one worker thread for all its signals.

    Args:
        name: What warnings and the thread are called by, as in ``OTEL_TRACES_EXPORTER``.
        senders: How to make the sender of each signal that goes there.
    """

    name: str
    senders: Mapping[Signal, Callable[[], Sender]]
