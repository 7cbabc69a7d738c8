"""The seam: who takes batches, and a name for the place that they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.encoding import Encoded
    from pepperpy_otel.delivery.outcome import Outcome
    from pepperpy_otel.delivery.spool.values import SpooledBatch


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


class OtlpSender(Sender, Protocol):
    """A sender that encodes and sends apart, so that a request can wait on disk in between.

    Only such senders get a spool. The exporters of others, the stock ones too, have ``send()``
    alone: what they cannot deliver waits in memory.
    """

    def encode(self, items: Sequence[Any]) -> Encoded:
        """The bytes of one request; called by one thread at a time, also while another sends."""
        ...

    def transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        """Send a request of ``count`` items, uncompressed, within ``timeout`` seconds."""
        ...


def encode_and_transmit(sender: OtlpSender, items: Sequence[Any], timeout: float) -> Outcome:
    """What ``send()`` is for a sender that does the two apart."""
    encoded = sender.encode(items)
    if not encoded.items:
        return encoded.outcome()
    outcome = sender.transmit(encoded.body, encoded.items, timeout)
    return outcome.with_unencodable(encoded.unencodable, encoded.error)


class Spool(Protocol):
    """What keeps requests on disk, in the words of ``pepperpy_otel.delivery.spool``."""

    def append(self, signal: Signal, body: bytes, items: int) -> bool:
        """Whether it is on disk."""
        ...

    def oldest(self, exclude: Collection[Signal] = ()) -> SpooledBatch | None:
        """The oldest request that is not of one of these signals."""
        ...

    def done(self, batch: SpooledBatch) -> None:
        """It is settled and never to be seen again."""
        ...

    def after_fork(self) -> None:
        """In a forked child: what lies there is the parent's."""
        ...

    def close(self) -> None:
        """Let go of what lies there, for the next process to send."""
        ...


class Destination(NamedTuple):
    """A place to deliver to: one worker thread for all its signals.

    Args:
        name: What warnings and the thread are called by, as in ``OTEL_TRACES_EXPORTER``.
        senders: How to make the sender of each signal that goes there.
        open_spool: Opens the spool of this destination, given what to call when something on
            disk is lost: the signal, the items, whether they are this process's own, the reason.
    """

    name: str
    senders: Mapping[Signal, Callable[[], Sender]]
    open_spool: Callable[[Callable[[Signal, int, bool, str], None]], Spool] | None = None
