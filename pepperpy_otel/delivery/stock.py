"""Delivery through somebody else's exporter: the stock OTLP ones, the console, third parties'.

They answer SUCCESS or FAILURE and nothing else. The stock ones try again by themselves until
their timeout; what they then give up is dropped here too (``exporter_failed``). Whoever wants
outages bridged uses our own senders, which is the default; nor do these have a spool, since they
encode and send in one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat
from pepperpy_otel.delivery.collection import measure
from pepperpy_otel.delivery.outcome import Outcome, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint


class ExporterSender:
    """Sends through an SDK exporter.

    Args:
        signal: Which signal it takes.
        exporter: A ``SpanExporter``, ``MetricExporter`` or ``LogRecordExporter``.
        target: What warnings call it.
    """

    def __init__(self, signal: Signal, exporter: Any, target: str) -> None:
        self.signal = signal
        self.target = target
        self._exporter = exporter

    def send(self, items: Sequence[Any], timeout: float) -> Outcome:
        """Export ``items``; the exporter sees to its own timeout."""
        if self.signal != "metrics":
            return self._export(len(items), items)
        outcomes = [
            self._export(measure(data)[0], data, timeout_millis=timeout * 1000) for data in items
        ]
        failed = next((outcome for outcome in outcomes if outcome.error), Outcome())
        return failed._replace(delivered=sum(outcome.delivered for outcome in outcomes))

    def _export(self, count: int, batch: Any, **options: Any) -> Outcome:
        try:
            result = self._exporter.export(batch, **options)
            if getattr(result, "name", None) == "SUCCESS":
                return Outcome(delivered=count)
            said = f"answered {getattr(result, 'name', result)}"
        except Exception as error:
            said = f"raised {type(error).__name__}: {error}"
        return Outcome(error=one_line(f"the exporter {said}"), reason="exporter_failed")

    def close(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()


class StockSender(ExporterSender):
    """The same for the stock OTLP exporters, whose retries end when they are shut down."""

    def interrupt(self) -> None:
        """Break off a retry under way; called from another thread."""
        self._exporter.shutdown()


def stock_exporter(signal: Signal, endpoint: OtlpEndpoint) -> Any:
    """The exporter of opentelemetry-exporter-otlp for ``endpoint``.

    Everything is passed, so that it reads no environment variable: with
    OTEL_EXPORTER_OTLP_COMPRESSION=none the one for gRPC would not start.
    """
    exporter = _compat.stock_exporter_class(signal, endpoint.protocol)
    if endpoint.protocol == "grpc":
        import grpc

        from pepperpy_otel.delivery.grpc import credentials_of
        from pepperpy_otel.delivery.grpc_terms import address_of

        address, secure = address_of(endpoint)
        # Without certificates it looks for a credential provider, then takes the system's.
        certified = endpoint.certificate or endpoint.client_certificate
        return exporter(
            endpoint=address,
            insecure=not secure,
            credentials=credentials_of(endpoint) if secure and certified else None,
            headers=tuple((name.lower(), value) for name, value in endpoint.headers.items()),
            timeout=endpoint.timeout,
            compression=grpc.Compression.Gzip
            if endpoint.compression == "gzip"
            else grpc.Compression.NoCompression,
        )
    from opentelemetry.exporter.otlp.proto.http import Compression

    return exporter(
        endpoint=endpoint.url,
        certificate_file=endpoint.certificate,
        client_key_file=endpoint.client_key,
        client_certificate_file=endpoint.client_certificate,
        headers=dict(endpoint.headers),
        timeout=endpoint.timeout,
        compression=Compression(endpoint.compression),
    )


def console_exporter(signal: Signal) -> Any:
    """The SDK's exporter that prints a signal, on the standard output of now."""
    if signal == "traces":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stdout)
    if signal == "metrics":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return ConsoleMetricExporter(out=sys.stdout)
    from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter

    return ConsoleLogRecordExporter(out=sys.stdout)
