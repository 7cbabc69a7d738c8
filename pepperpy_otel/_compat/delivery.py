"""Private names that the delivery needs: suppression, encoders and exporters of upstream."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def instrumentation_suppressed() -> Iterator[None]:
    """Keep instrumentations from observing what this thread does meanwhile.

    Private: ``_SUPPRESS_INSTRUMENTATION_KEY``. Its public form,
    ``opentelemetry.instrumentation.utils.suppress_instrumentation``, imports wrapt, the
    propagators and ``urllib.parse``, and sets the key's older, plain name too, as we do.
    """
    from opentelemetry import context

    suppressed = context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True)
    token = context.attach(context.set_value("suppress_instrumentation", True, suppressed))
    try:
        yield
    finally:
        context.detach(token)


def stock_encoder(signal: str) -> Callable[[Any], Any]:
    """The exporters' function from SDK records to a protobuf request (``_log_encoder``)."""
    if signal == "traces":
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        return encode_spans
    if signal == "metrics":
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

        return encode_metrics
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    return encode_logs


def stock_exporter_class(signal: str, protocol: str) -> type[Any]:
    """The class of opentelemetry-exporter-otlp for a signal (``_log_exporter``)."""
    module, name = {
        "traces": ("trace_exporter", "OTLPSpanExporter"),
        "metrics": ("metric_exporter", "OTLPMetricExporter"),
        "logs": ("_log_exporter", "OTLPLogExporter"),
    }[signal]
    transport = "grpc" if protocol == "grpc" else "http"
    package = f"opentelemetry.exporter.otlp.proto.{transport}.{module}"
    found: type[Any] = getattr(importlib.import_module(package), name)
    return found
