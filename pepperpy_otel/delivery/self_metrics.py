"""``otel.sdk.*``: the delivery measured by itself, with OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED.

Names, units and attributes are those of the semantic convention (docs/otel/sdk-metrics.md there) as
the stock SDK emits them. Queues are only read, at collections; senders are wrapped. Where nobody
asked for it, nothing of this is imported. Exporting these metrics is counted like all else, once:
no measurement is made by reading them, so there is no loop.
"""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.metrics import Observation

from pepperpy_otel.delivery.collection import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from opentelemetry.metrics import CallbackOptions, MeterProvider

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Destination, Sender
    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.outcome import Outcome

#: The scope under which the SDK's own metrics go.
SCOPE = "opentelemetry-sdk"
#: The convention's word for the items of a signal: in names, units and component types.
_WORDS: dict[Signal, str] = {"traces": "span", "logs": "log", "metrics": "metric_data_point"}
_EXPORTERS: dict[Signal, str] = {"traces": "span", "logs": "log", "metrics": "metric"}
_UNITS: dict[Signal, str] = {"traces": "{span}", "logs": "{log_record}", "metrics": "{data_point}"}
_PROCESSORS: dict[Signal, str] = {"traces": "span", "logs": "Log Record"}
_PORTS = {"http": 80, "https": 443}
#: How our outcomes begin that hold the answer's code.
_CODE = re.compile(r"(HTTP|gRPC) (\w+)")

_exporters: dict[str, itertools.count[int]] = {}
_watches: WeakKeyDictionary[Any, _Watch] = WeakKeyDictionary()


# --- queues ----------------------------------------------------------------------------------


def watch(lanes: Sequence[Lane], provider: MeterProvider) -> Callable[[], None]:
    """Have a provider observe the queues of spans and log records.

    Args:
        lanes: Those of one pipeline; others that were watched before are forgotten.
        provider: Ours, or anybody's.

    Returns:
        What makes these metrics absent again.
    """
    watched = _watches.get(provider)
    if watched is None:
        watched = _watches[provider] = _Watch()
        for signal in ("traces", "logs"):
            watched.register(signal, provider.get_meter(SCOPE))
    watched.lanes = tuple(lanes)

    def unwatch() -> None:
        watched.lanes = ()

    return unwatch


class _Watch:
    """What the callbacks of one provider look at."""

    def __init__(self) -> None:
        self.lanes: tuple[Lane, ...] = ()

    def register(self, signal: Signal, meter: Any) -> None:
        word, unit = _WORDS[signal], _UNITS[signal]
        prefix = f"otel.sdk.processor.{word}"
        meter.create_observable_counter(
            f"{prefix}.processed",
            [self._callback(signal, _processed)],
            unit=unit,
            description=f"The number of {_plural(signal)} for which the processing has finished, "
            "either successful or failed.",
        )
        meter.create_observable_up_down_counter(
            f"{prefix}.queue.size",
            [self._callback(signal, lambda lane: [(len(lane.queue), None)])],
            unit=unit,
            description=f"The number of {word}s in the queue of a given instance of an SDK {word} "
            "processor.",
        )
        meter.create_observable_up_down_counter(
            f"{prefix}.queue.capacity",
            [self._callback(signal, lambda lane: [(lane.limits.max_items, None)])],
            unit=unit,
            description=f"The maximum number of {_plural(signal)} the queue of a given instance "
            f"of an SDK {_PROCESSORS[signal]} processor can hold.",
        )

    def _callback(
        self, signal: Signal, read: Callable[[Lane], Iterable[tuple[int, str | None]]]
    ) -> Callable[[CallbackOptions], Iterator[Observation]]:
        kind = f"batching_{_WORDS[signal]}_processor"

        def observe(_: CallbackOptions) -> Iterator[Observation]:
            lanes = [lane for lane in self.lanes if lane.signal == signal]
            for number, lane in enumerate(lanes):
                attributes = _component(kind, number)
                for value, error in read(lane):
                    extra = {} if error is None else {"error.type": error}
                    yield Observation(value, {**attributes, **extra})

        return observe


def _processed(lane: Lane) -> Iterator[tuple[int, str | None]]:
    """What left the queue, by the reason; put back is what was never gone."""
    queue = lane.queue
    evicted = queue.evicted.value()
    yield max(queue.accepted.value() - evicted - len(queue), 0), None
    if evicted:
        yield evicted, "queue_full"


def _plural(signal: Signal) -> str:
    return "log records" if signal == "logs" else "spans"


# --- senders ---------------------------------------------------------------------------------


def observed(destination: Destination, kinds: Mapping[Signal, str]) -> Destination:
    """The same destination, whose senders are measured.

    Args:
        destination: One of our own: the stock exporters see to it themselves.
        kinds: By signal, what its exporter is by the convention, without the signal's name:
            ``otlp_http``, ``otlp_grpc``.
    """
    senders = {
        signal: _maker(make, f"{kinds[signal]}_{_EXPORTERS[signal]}_exporter")
        for signal, make in destination.senders.items()
    }
    return destination._replace(senders=senders)


def _maker(make: Callable[[], Sender], kind: str) -> Callable[[], Sender]:
    return lambda: ObservedSender(make(), kind)


class ObservedSender:
    """Counts and times what a sender does, and is that sender for everybody else."""

    def __init__(self, sender: Sender, kind: str) -> None:
        self.signal = sender.signal
        self._sender = sender
        number = next(_exporters.setdefault(kind, itertools.count()))
        self._attributes = {**_component(kind, number), **_server(getattr(sender, "target", ""))}
        word, unit = _WORDS[self.signal], _UNITS[self.signal]
        meter = metrics.get_meter_provider().get_meter(SCOPE)
        things = _THINGS[self.signal]
        self._inflight = meter.create_up_down_counter(
            f"otel.sdk.exporter.{word}.inflight",
            unit,
            f"The number of {things} which were passed to the exporter, but that have not been "
            "exported yet (neither successful, nor failed).",
        )
        self._exported = meter.create_counter(
            f"otel.sdk.exporter.{word}.exported",
            unit,
            f"The number of {things} for which the export has finished, either successful or "
            "failed.",
        )
        self._duration = meter.create_histogram(
            "otel.sdk.exporter.operation.duration",
            "s",
            "The duration of exporting a batch of telemetry records.",
        )

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._sender, name)
        return self._transmit if name == "transmit" else found

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """See ``Sender``."""
        count = sum(measure(data)[0] for data in items) if self.signal == "metrics" else len(items)
        return self._observe(count, lambda: self._sender.send(items, timeout))

    def close(self) -> None:
        """See ``Sender``."""
        self._sender.close()

    def _transmit(self, body: bytes, count: int, timeout: float) -> Outcome:
        sender: Any = self._sender
        return self._observe(count, lambda: sender.transmit(body, count, timeout))

    def _observe(self, count: int, call: Callable[[], Outcome]) -> Outcome:
        started = time.perf_counter()
        self._inflight.add(count, self._attributes)
        outcome: Outcome | None = None
        try:
            outcome = call()
            return outcome
        finally:
            took = time.perf_counter() - started
            self._inflight.add(-count, self._attributes)
            self._account(count, outcome, took)

    def _account(self, count: int, outcome: Outcome | None, took: float) -> None:
        error = "_OTHER" if outcome is None else _error_type(outcome, count)
        failed = self._attributes if error is None else {**self._attributes, "error.type": error}
        self._duration.record(took, {**failed, **_answer(outcome)})
        if outcome is None or outcome.retry:  # it is not finished: it will be tried again
            return
        if outcome.delivered:
            self._exported.add(outcome.delivered, self._attributes)
        if count > outcome.delivered:
            self._exported.add(count - outcome.delivered, failed)


_THINGS: dict[Signal, str] = {
    "traces": "spans",
    "logs": "log records",
    "metrics": "metric data points",
}


def _component(kind: str, number: int) -> dict[str, Any]:
    return {"otel.component.type": kind, "otel.component.name": f"{kind}/{number}"}


def _server(target: str) -> dict[str, Any]:
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        port = parts.port or _PORTS.get(parts.scheme, 443)
        return {"server.address": parts.hostname, "server.port": port} if parts.hostname else {}
    except ValueError:
        return {}


def _error_type(outcome: Outcome, count: int) -> str | None:
    """What went wrong, in a word of which there are few."""
    if not outcome.retry and outcome.delivered >= count:
        return None
    if outcome.rejected:
        return "rejected"
    code = _CODE.match(outcome.error or "")
    if code is not None:
        return code[2]
    if outcome.unencodable:
        return "unencodable"
    return "unavailable" if outcome.retry else outcome.reason


def _answer(outcome: Outcome | None) -> dict[str, Any]:
    """The code that the other side answered with, where it is known."""
    code = _CODE.match((outcome.error or "") if outcome is not None else "")
    if code is None:
        return {}
    if code[1] == "gRPC":
        return {"rpc.response.status_code": code[2]}
    return {"http.response.status_code": int(code[2])} if code[2].isdigit() else {}
