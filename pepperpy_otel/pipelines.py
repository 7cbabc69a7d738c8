"""From the settings to the pipeline: which destinations, with which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _entry_points
from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, QueueLimits, build_destination
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel._settings_values import BatchSettings
    from pepperpy_otel.delivery import Destination, Signal
    from pepperpy_otel.errors import Problems
    from pepperpy_otel.settings import Settings

#: The names under which OTLP goes by; the last two fix the protocol.
OTLP = {"otlp": None, "otlp_proto_http": "http/protobuf", "otlp_proto_grpc": "grpc"}
CONSOLE = "console"
#: Served by ourselves, never an exporter.
PROMETHEUS = "prometheus"
#: Data points held at most while the destination is away: some ten minutes of a busy service.
MAX_DATA_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where telemetry goes.

    Attributes:
        pipeline: What sends.
        readers: Metric readers of others that serve by themselves (pull exporters).
    """

    pipeline: Pipeline
    readers: tuple[Any, ...]


def build_pipeline(settings: Settings, problems: Problems) -> Outlets:
    """Build the pipeline; nothing is started, no connection made.

    Args:
        settings: Resolved.
        problems: Takes an exporter that does not load; the other ones go on without it.
    """
    destinations: list[Destination] = []
    readers: list[Any] = []
    for name in dict.fromkeys((*settings.traces, *settings.logs, *settings.metrics)):
        signals = _signals_of(settings, name)
        if name in OTLP:
            destinations += _otlp(settings, name, signals)
        elif name == CONSOLE:
            destinations.append(build_destination(name, console=signals))
        elif name != PROMETHEUS:
            exporters, pulled = _foreign(settings, name, signals, problems)
            readers += pulled
            if exporters:
                destinations.append(build_destination(name, exporters=exporters))
    pipeline = Pipeline(
        destinations,
        {
            "traces": _limits(settings.bsp),
            "logs": _limits(settings.blrp),
            "metrics": QueueLimits(
                max_items=MAX_DATA_POINTS,
                batch_size=1,  # one collection is one request, sent when it is there
                export_timeout=settings.metric_export_timeout,
            ),
        },
        settings.metric_export_interval,
        settings.metric_export_timeout,
    )
    return Outlets(pipeline, tuple(readers))


def _signals_of(settings: Settings, name: str) -> list[Signal]:
    signals: list[Signal] = []
    if name in settings.traces:
        signals.append("traces")
    if name in settings.logs:
        signals.append("logs")
    if name in settings.metrics:
        signals.append("metrics")
    return signals


def _limits(batch: BatchSettings) -> QueueLimits:
    return QueueLimits(
        max_items=batch.max_queue_size,
        batch_size=batch.max_export_batch_size,
        schedule_delay=batch.schedule_delay,
        export_timeout=batch.export_timeout,
    )


def _otlp(settings: Settings, name: str, signals: Sequence[Signal]) -> list[Destination]:
    """One destination, or two where a credential provider asks for the stock exporter."""
    ours: dict[Signal, OtlpEndpoint] = {}
    stock: dict[Signal, OtlpEndpoint] = {}
    for signal in signals:
        values = settings.otlp[signal]
        endpoint = OtlpEndpoint(
            url=values.endpoint,
            headers=values.headers,
            timeout=values.timeout,
            compression=values.compression,
            certificate=values.certificate,
            client_key=values.client_key,
            client_certificate=values.client_certificate,
            insecure=values.insecure,
            protocol=values.protocol,
        )
        # A credential provider makes a requests session or gRPC credentials for the stock
        # exporter, which finds it by its own variable.
        theirs = settings.exporter == "stock" or values.credential_provider is not None
        (stock if theirs else ours)[signal] = endpoint
    made = []
    if ours:
        made.append(build_destination(name, endpoints=ours))
    if stock:
        made.append(build_destination(name, endpoints=stock, stock=True))
    return made


def _foreign(
    settings: Settings, name: str, signals: Sequence[Signal], problems: Problems
) -> tuple[dict[Signal, Callable[[], Any]], list[Any]]:
    """Exporters of others, by their entry points; a metric reader serves by itself."""
    exporters: dict[Signal, Callable[[], Any]] = {}
    readers: list[Any] = []
    for signal in signals:
        try:
            made = _entry_points.load(f"opentelemetry_{signal}_exporter", name)
            if signal == "metrics" and _is_reader(made):
                readers.append(made())
            else:
                exporters[signal] = made
        except Exception as error:
            source = settings.source_of(signal)
            problems.add(
                ConfigurationError(
                    source.name or signal,
                    name,
                    source.kind,
                    f"cannot be loaded ({type(error).__name__}: {error})",
                    f"repair the package that brings it, or use 'otlp'; {signal} go without it",
                )
            )
    return exporters, readers


def _is_reader(made: Any) -> bool:
    from opentelemetry.sdk.metrics.export import MetricReader

    return isinstance(made, type) and issubclass(made, MetricReader)
