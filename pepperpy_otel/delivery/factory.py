"""Destinations from plain values: OTLP by us, by the stock exporters, the console, and others'.

What a destination needs (transport, encoder, exporter) is imported by its worker, not here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.destination import Destination
from pepperpy_otel.delivery.forks import held_off, is_child, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.destination import Sender
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint
    from pepperpy_otel.delivery.files.target import FileTarget


#: What a sender of OTLP imports, and what one of metrics and one over gRPC do besides, one by one:
#: a fork waits for one of them only.
_STEPS = ("email.parser", "http.client", "ssl", "pepperpy_otel.delivery.encoding")
_METRICS_STEPS = ("google.protobuf.descriptor_pool",)
_GRPC_STEPS = ("asyncio", "grpc")


def build_destination(
    name: str,
    *,
    endpoints: Mapping[Signal, OtlpEndpoint] | None = None,
    stock: bool = False,
    exporters: Mapping[Signal, Any] | None = None,
    console: Sequence[Signal] = (),
    files: Mapping[Signal, FileTarget] | None = None,
) -> Destination:
    """A destination, to be given one of four things.

    Args:
        name: What warnings call it, as in ``OTEL_TRACES_EXPORTER``.
        endpoints: OTLP receivers by signal; they may differ in URL and protocol.
        stock: Send to ``endpoints`` with opentelemetry-exporter-otlp instead of our own sender.
        exporters: By signal, an SDK exporter, or a class or function that makes one.
        console: Signals to print on standard output.
        files: By signal, where lines of OTLP JSON are written.
    """
    senders: dict[Signal, partial[Sender]] = {}
    for signal, endpoint in (endpoints or {}).items():
        senders[signal] = partial(_stock_sender if stock else _otlp_sender, signal, endpoint)
    for signal, exporter in (exporters or {}).items():
        senders[signal] = partial(_exporter_sender, name, signal, exporter)
    for signal in console:
        senders[signal] = partial(_console_sender, signal)
    for signal, target in (files or {}).items():
        senders[signal] = partial(_file_sender, signal, target)
    return Destination(name, senders)


def _otlp_sender(signal: Signal, endpoint: OtlpEndpoint) -> Sender:
    grpc = endpoint.protocol == "grpc"
    load(*_STEPS, *(_METRICS_STEPS if signal == "metrics" else ()))
    load(*(_GRPC_STEPS if grpc and not is_child() else ()))
    with held_off():
        if grpc and is_child():
            from pepperpy_otel.delivery.grpc_forked import ForkedGrpcSender

            return ForkedGrpcSender(signal, endpoint)
        if grpc:
            from pepperpy_otel.delivery.grpc import GrpcSender

            return GrpcSender(signal, endpoint)
        from pepperpy_otel.delivery.http import HttpSender

        return HttpSender(signal, endpoint)


def _stock_sender(signal: Signal, endpoint: OtlpEndpoint) -> Sender:
    with held_off():
        from pepperpy_otel.delivery.stock import StockSender, stock_exporter

        return StockSender(signal, stock_exporter(signal, endpoint), endpoint.shown)


def _exporter_sender(name: str, signal: Signal, exporter: Any) -> Sender:
    with held_off():  # not what follows: nobody knows how long others take
        from pepperpy_otel.delivery.stock import ExporterSender

    is_instance = hasattr(exporter, "export") and not isinstance(exporter, type)
    made = exporter if is_instance else exporter()
    return ExporterSender(signal, made, name)


def _console_sender(signal: Signal) -> Sender:
    with held_off():
        from pepperpy_otel.delivery.stock import ExporterSender, console_exporter

        return ExporterSender(signal, console_exporter(signal), "the console")


def _file_sender(signal: Signal, target: FileTarget) -> Sender:
    with held_off():
        from pepperpy_otel.delivery.files.sender import FileSender

        return FileSender(signal, target)
