"""From the settings to the pipeline: which destinations, with which values."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _entry_points
from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, QueueLimits, build_destination
from pepperpy_otel.delivery.files.target import FileTarget
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pepperpy_otel._settings_values import BatchSettings
    from pepperpy_otel.delivery import Destination, Signal
    from pepperpy_otel.delivery.spool import Spool
    from pepperpy_otel.errors import Problems
    from pepperpy_otel.settings import Settings

#: The names under which OTLP goes by; the last two fix the protocol.
OTLP = {"otlp": None, "otlp_proto_http": "http/protobuf", "otlp_proto_grpc": "grpc"}
CONSOLE = "console"
#: OTLP as lines of JSON, below ``file_directory``.
FILES = "otlp-file"
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


def build_pipeline(settings: Settings, problems: Problems, service: str = "") -> Outlets:
    """Build the pipeline; nothing is started, no connection made.

    Args:
        settings: Resolved.
        problems: Takes an exporter that does not load, and a spool directory that cannot be
            used; the rest goes on without it.
        service: The service's name: what it leaves in the spool is for itself.
    """
    spool_directory = _spool_directory(settings, problems)
    destinations: list[Destination] = []
    readers: list[Any] = []
    for name in dict.fromkeys((*settings.traces, *settings.logs, *settings.metrics)):
        signals = _signals_of(settings, name)
        if name in OTLP:
            destinations += _otlp(settings, name, signals, spool_directory, service)
        elif name == CONSOLE:
            destinations.append(build_destination(name, console=signals))
        elif name == FILES:
            target = _file_target(settings)
            made = build_destination(name, files=dict.fromkeys(signals, target))
            destinations.append(_measured(settings, made, dict.fromkeys(signals, "otlp_file")))
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


def endpoint_of(settings: Settings, signal: Signal) -> OtlpEndpoint:
    """Where one signal goes, as the settings say."""
    values = settings.otlp[signal]
    return OtlpEndpoint(
        url=values.endpoint,
        headers=values.headers,
        timeout=values.timeout,
        compression=values.compression,
        certificate=values.certificate,
        client_key=values.client_key,
        client_certificate=values.client_certificate,
        insecure=values.insecure,
        protocol=values.protocol,
        grpc_retryable=settings.grpc_retryable_codes,
    )


def _otlp(
    settings: Settings,
    name: str,
    signals: Sequence[Signal],
    spool_directory: Path | None,
    service: str,
) -> list[Destination]:
    """One destination, or two where a credential provider asks for the stock exporter.

    Only ours gets a spool: the stock exporters give up by themselves what they cannot deliver.
    """
    ours: dict[Signal, OtlpEndpoint] = {}
    stock: dict[Signal, OtlpEndpoint] = {}
    for signal in signals:
        values = settings.otlp[signal]
        endpoint = endpoint_of(settings, signal)
        # A credential provider makes a requests session or gRPC credentials for the stock
        # exporter, which finds it by its own variable.
        theirs = settings.exporter == "stock" or values.credential_provider is not None
        (stock if theirs else ours)[signal] = endpoint
    made = []
    if ours:
        destination = _measured(
            settings,
            build_destination(name, endpoints=ours),
            {
                signal: "otlp_grpc" if endpoint.protocol == "grpc" else "otlp_http"
                for signal, endpoint in ours.items()
            },
        )
        if spool_directory is not None:
            opener = _spool_opener(settings, spool_directory, name, ours, service)
            destination = destination._replace(open_spool=opener)
        made.append(destination)
    if stock:
        made.append(build_destination(name, endpoints=stock, stock=True))
    return made


def _measured(
    settings: Settings, destination: Destination, kinds: Mapping[Signal, str]
) -> Destination:
    """With ``otel.sdk.exporter.*`` where these are wanted; stock exporters have them anyway."""
    if not settings.internal_metrics:
        return destination
    from pepperpy_otel.delivery.self_metrics import observed

    return observed(destination, kinds)


def _file_target(settings: Settings) -> FileTarget:
    """Where the files are, wherever the app goes meanwhile."""
    return FileTarget(
        directory=str(Path(settings.file_directory).absolute()),
        max_bytes=settings.file_max_bytes,
        max_files=settings.file_max_files,
    )


def _spool_directory(settings: Settings, problems: Problems) -> Path | None:
    """The user's directory, made if it is missing; ``None`` if there is none that can be used."""
    if settings.spool_directory is None:
        return None
    directory = Path(settings.spool_directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Root may write everywhere, save where the file system itself says no.
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(0, "no right to write")
    except OSError as error:
        source = settings.source_of("spool_directory")
        problems.add(
            ConfigurationError(
                source.name or "spool_directory",
                settings.spool_directory,
                source.kind,
                f"cannot be written ({error.strerror or error})",
                "give a directory that this user may write; what cannot be delivered waits in"
                " memory only",
            )
        )
        return None
    return directory


def _spool_opener(
    settings: Settings,
    directory: Path,
    name: str,
    endpoints: Mapping[Signal, OtlpEndpoint],
    service: str,
) -> Callable[[Callable[[Signal, int, bool, str], None]], Spool]:
    """What opens the spool of one destination: of this service, for these receivers."""
    from pepperpy_otel.delivery.spool import Spool, SpoolLimits

    targets = sorted({endpoint.shown for endpoint in endpoints.values()})
    digest = hashlib.sha256("\n".join([service, *targets]).encode()).hexdigest()[:12]
    limits = SpoolLimits(
        max_bytes=settings.values["spool_max_bytes"],
        max_age=float(settings.values["spool_max_age"]),
    )

    def open_spool(on_lost: Callable[[Signal, int, bool, str], None]) -> Spool:
        return Spool(directory, f"{name}-{digest}", limits=limits, on_lost=on_lost)

    return open_spool


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
