"""Settings: argument > environment > ``[tool.pepperpy_otel]`` in pyproject.toml > default.

The rows are in ``_settings_table``; ``Settings.resolve()`` reads them once and hands out one frozen
object in which each value knows where it came from. Nothing of OpenTelemetry is imported for it,
and no parser for a setting that nobody set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_build import build
from pepperpy_otel._settings_reading import Reading
from pepperpy_otel._settings_table import TABLE
from pepperpy_otel._settings_values import (
    BatchSettings,
    LogLimitSettings,
    OtlpSettings,
    Source,
    SpanLimitSettings,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pepperpy_otel._settings_values import (
        ConsoleLogs,
        ExemplarFilter,
        ExporterChoice,
        HistogramAggregation,
        Protocol,
        Temporality,
    )
    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.errors import Problems

__all__ = [
    "BatchSettings",
    "LogLimitSettings",
    "OtlpSettings",
    "Settings",
    "Source",
    "SpanLimitSettings",
]


class Settings(Value):
    """Everything that can be set, resolved and valid.

    Attributes:
        service_name: ``service.name``, from whichever source says it, or ``None``.
        service_version: ``service.version``.
        environment: ``deployment.environment.name``.
        resource_attributes: The other resource attributes of argument, environment and pyproject,
            merged in this order of precedence (the three above are never in it).
        traces: Names of the exporters of spans; empty for none. Never ``"none"``.
        metrics: Names of the exporters and readers of metrics.
        logs: Names of the exporters of log records.
        exporter: Who encodes and sends OTLP.
        protocol: The general protocol; ``otlp[signal].protocol`` is what counts for a signal.
        otlp: How each signal is sent by OTLP.
        prometheus_port: Port of the Prometheus endpoint, 0 for any free one, ``None`` for none.
        prometheus_host: Host that it binds.
        prometheus_directory: Where the processes that serve one page share their values.
        log_level: Level from which records reach the telemetry; ``None`` leaves the app's levels.
        console_logs: What the app's console output becomes.
        sampler: A sampler, the name of one, or ``None`` for the default.
        sampler_arg: Text for the sampler of that name, or ``None``.
        instrument: All installed instrumentations, none, or those named.
        disabled_instrumentations: Names never instrumented; ``"*"`` stands for all.
        excluded_urls: Regular expressions of URLs without spans, for all HTTP instrumentations.
        health: Whether health checks run.
        health_port: Port of the health endpoints, 0 for any free one, ``None`` for none.
        health_host: Host that they bind.
        health_token: Bearer token that shows details there, or ``None``.
        health_status_instrument: ``gauge`` or ``updowncounter``.
        health_spans: ``off``, ``change`` or ``failure``.
        correlation_id: ``accept``, ``make``, ``replace`` or ``off``.
        correlation_headers: Where an id is looked for, in lower case; the first is sent.
        correlation_response: Whether HTTP responses have the id.
        baggage_attributes: Keys of baggage that become attributes.
        propagation_hosts: Who is sent baggage and id; ``None`` for everybody.
        context_patches: ``threads``, ``processes``.
        legacy: What is switched off while telemetry runs, as it was given.
        expect: What has to be seen: names by ``metrics``, ``operations`` …, or ``None``.
        span_processors: The user's own, added to ours.
        log_record_processors: Likewise.
        metric_readers: Likewise.
        views: Likewise.
        id_generator: A generator, the name of one, or ``None`` for random ids.
        spool_directory: Where undelivered telemetry waits, or ``None`` for memory only.
        file_directory: Where the exporter ``otlp-file`` writes.
        file_max_bytes: Bytes at which it puts a file aside; 0 for no limit.
        file_max_files: Files put aside that it keeps for each signal.
        shutdown_timeout_millis: Milliseconds for shutdown; ``None`` for the built-in budget.
        signal_handlers: Whether SIGTERM and SIGINT deliver before they end the process.
        strict: Whether a bad setting raises.
        sdk_disabled: Whether nothing is recorded at all.
        config_file: Path of a declarative configuration file, which then says everything.
        otel_log_level: Level of the loggers ``opentelemetry`` and ``pepperpy_otel``.
        propagators: Names of the propagators; empty for none.
        resource_detectors: Names of the resource detectors beside the built-in ones.
        span_limits: Limits of spans.
        log_limits: Limits of log records.
        bsp: How spans are batched.
        blrp: How log records are batched.
        metric_export_interval: Seconds between two exports of metrics.
        metric_export_timeout: Seconds for one export of metrics.
        temporality: What OTLP prefers for counters and histograms.
        histogram_aggregation: What OTLP prefers for histograms.
        exemplar_filter: Which measurements can become exemplars.
        internal_metrics: Whether the SDK's own ``otel.sdk.*`` metrics are on.
        tracer_configurator: Entry point of a tracer configurator, or ``None``.
        meter_configurator: Entry point of a meter configurator, or ``None``.
        logger_configurator: Entry point of a logger configurator, or ``None``.
        grpc_retryable_codes: Names of gRPC status codes that are retried; empty for the default.
        directory: Where the process was when they were resolved: relative paths start there.
        given: The arguments of configure(), as they were given.
        values: The value of every row of the table, by name.
        sources: Where each of them came from.
    """

    service_name: str | None
    service_version: str | None
    environment: str | None
    resource_attributes: Mapping[str, Any]
    traces: tuple[str, ...]
    metrics: tuple[str, ...]
    logs: tuple[str, ...]
    exporter: ExporterChoice
    protocol: Protocol
    otlp: Mapping[Signal, OtlpSettings]
    prometheus_port: int | None
    prometheus_host: str
    prometheus_directory: str | None
    log_level: int | None
    console_logs: ConsoleLogs
    sampler: Any
    sampler_arg: str | None
    instrument: bool | tuple[str, ...]
    disabled_instrumentations: tuple[str, ...]
    excluded_urls: tuple[str, ...]
    health: bool
    health_port: int | None
    health_host: str
    health_token: str | None
    health_status_instrument: str
    health_spans: str
    correlation_id: str
    correlation_headers: tuple[str, ...]
    correlation_response: bool
    baggage_attributes: tuple[str, ...]
    propagation_hosts: tuple[str, ...] | None
    context_patches: tuple[str, ...]
    legacy: Any
    expect: Mapping[str, tuple[str, ...]] | None
    span_processors: tuple[Any, ...]
    log_record_processors: tuple[Any, ...]
    metric_readers: tuple[Any, ...]
    views: tuple[Any, ...]
    id_generator: Any
    spool_directory: str | None
    file_directory: str
    file_max_bytes: int
    file_max_files: int
    shutdown_timeout_millis: int | None
    signal_handlers: bool
    strict: bool
    sdk_disabled: bool
    config_file: str | None
    otel_log_level: int | None
    propagators: tuple[str, ...]
    resource_detectors: tuple[str, ...]
    span_limits: SpanLimitSettings
    log_limits: LogLimitSettings
    bsp: BatchSettings
    blrp: BatchSettings
    metric_export_interval: float
    metric_export_timeout: float
    temporality: Temporality
    histogram_aggregation: HistogramAggregation
    exemplar_filter: ExemplarFilter
    internal_metrics: bool
    tracer_configurator: str | None
    meter_configurator: str | None
    logger_configurator: str | None
    grpc_retryable_codes: tuple[str, ...]
    directory: Path
    given: Mapping[str, Any]
    values: Mapping[str, Any]
    sources: Mapping[str, Source]

    @classmethod
    def resolve(
        cls,
        arguments: Mapping[str, object],
        *,
        environ: Mapping[str, str],
        directory: Path,
        problems: Problems,
    ) -> Settings:
        """Read every row of the table.

        Args:
            arguments: What configure() was called with; ``None`` counts as not given.
            environ: The environment variables; an empty one counts as not set.
            directory: Where pyproject.toml is looked for.
            problems: Takes note of each bad setting; becomes strict if a setting says so.

        Returns:
            The settings; a bad one counts as not set.

        Raises:
            ConfigurationError: The first bad setting, when strict.
        """
        reading = Reading(arguments, environ, problems)
        reading.read_all(directory)
        return cls(**build(reading), directory=directory)

    def __repr__(self) -> str:
        # The values hold headers and tokens; ``describe()`` masks them.
        given = [name for name, source in self.sources.items() if source.kind != "default"]
        return f"Settings(given: {', '.join(given) or 'none'})"

    def source_of(self, name: str) -> Source:
        """Where the value of a row came from; a ``KeyError`` if there is no such row."""
        return self.sources[name]

    def without_ports(self) -> Settings:
        """The same for a process beside the one that has the ports."""
        return Settings(**{**vars(self), "prometheus_port": None, "health_port": None})

    def differences(self, other: Settings) -> list[str]:
        """Names of the rows in which the other's resolved values differ."""
        return [name for name in TABLE if not _same(self.values[name], other.values[name])]

    def describe(self) -> list[tuple[str, str, Source]]:
        """Every row: name, value as text with secrets masked, source."""
        from pepperpy_otel._settings_text import shown

        return [
            (name, shown(row, self.values[name]), self.sources[name]) for name, row in TABLE.items()
        ]


def _same(one: Any, other: Any) -> bool:
    """Whether two values mean the same, whatever the user's objects do when compared."""
    if one is other:
        return True
    try:
        if hasattr(one, "get_description"):  # samplers have no equality of their own
            return type(one) is type(other) and bool(
                one.get_description() == other.get_description()
            )
        return bool(one == other)
    except Exception:
        return False
