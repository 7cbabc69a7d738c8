"""From the rows to the fields of ``Settings``: what only several rows together can say.

Values are in the user's units before and in seconds after; general and specific rows become one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_otlp_build import forced_protocol, otlp_of, plain_names
from pepperpy_otel._settings_row import SIGNALS
from pepperpy_otel._settings_values import (
    NO_LIMIT,
    RANK,
    BatchSettings,
    LogLimitSettings,
    SpanLimitSettings,
)
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from pepperpy_otel._settings_reading import Reading

DEFAULT_PROMETHEUS_PORT = 9464
#: Rows that are attributes of the resource with a name of their own.
IDENTITY = {
    "service_name": "service.name",
    "service_version": "service.version",
    "environment": "deployment.environment.name",
}
#: Rows that are fields just as they are.
_AS_THEY_ARE = (
    "logs",
    "traces",
    "metrics",
    "exporter",
    "protocol",
    "prometheus_host",
    "prometheus_directory",
    "log_level",
    "console_logs",
    "instrument",
    "disabled_instrumentations",
    "excluded_urls",
    "health",
    "health_port",
    "health_host",
    "health_token",
    "health_status_instrument",
    "health_spans",
    "correlation_id",
    "correlation_headers",
    "correlation_response",
    "baggage_attributes",
    "propagation_hosts",
    "context_patches",
    "legacy",
    "expect",
    "id_generator",
    "spool_directory",
    "file_directory",
    "file_max_bytes",
    "file_max_files",
    "shutdown_timeout_millis",
    "signal_handlers",
    "strict",
    "sdk_disabled",
    "config_file",
    "otel_log_level",
    "propagators",
    "resource_detectors",
    "temporality",
    "histogram_aggregation",
    "exemplar_filter",
    "internal_metrics",
    "tracer_configurator",
    "meter_configurator",
    "logger_configurator",
    "grpc_retryable_codes",
)
_OBJECTS = ("span_processors", "log_record_processors", "metric_readers", "views")


def build(reading: Reading) -> dict[str, Any]:
    """The fields of ``Settings``."""
    _identify(reading)
    values = reading.values
    forced = {signal: forced_protocol(reading, signal) for signal in SIGNALS}
    fields = {name: values[name] for name in _AS_THEY_ARE}
    fields.update({name: reading.objects.get(name, ()) for name in _OBJECTS})
    fields.update({name: values[name] for name in IDENTITY})
    fields.update(
        resource_attributes=values["resource_attributes"],
        otlp={signal: otlp_of(reading, signal, forced[signal]) for signal in SIGNALS},
        prometheus_port=values["prometheus_port"],
        bsp=_batch(reading, "bsp"),
        blrp=_batch(reading, "blrp"),
        span_limits=_span_limits(reading),
        log_limits=_log_limits(reading),
        metric_export_interval=values["metric_export_interval"] / 1000,
        metric_export_timeout=_seconds(values["metric_export_timeout"]),
        given={
            name: raw
            for name, raw in reading.raw.items()
            if reading.sources[name].kind == "argument"
        },
        values=values,
        sources=reading.sources,
    )
    fields.update(_sampler(reading))
    for signal in SIGNALS:
        if forced[signal] is not None:
            fields[signal] = plain_names(fields[signal])
    if fields["prometheus_port"] is None and "prometheus" in fields["metrics"]:
        fields["prometheus_port"] = DEFAULT_PROMETHEUS_PORT
    return fields


def _identify(reading: Reading) -> None:
    """Take the three named attributes out of the resource attributes, by rank of their source."""
    values, sources = reading.values, reading.sources
    values["resource_attributes"] = values["resource_attributes"] or {}
    for name, attribute in IDENTITY.items():
        for source, layer in reading.layers.get("resource_attributes", ()):
            if attribute in layer and RANK[source.kind] < RANK[sources[name].kind]:
                values[name], sources[name] = str(layer[attribute]), source
        values["resource_attributes"].pop(attribute, None)


def _seconds(millis: float) -> float:
    return millis / 1000 if millis else NO_LIMIT


def _batch(reading: Reading, prefix: str) -> BatchSettings:
    values = reading.values
    queue: int = values[f"{prefix}_max_queue_size"]
    batch: int = values[f"{prefix}_max_export_batch_size"]
    source = reading.sources[f"{prefix}_max_export_batch_size"]
    if batch > queue and source.kind != "default":
        reading.problems.add(
            ConfigurationError(
                source.name,
                reading.raw[f"{prefix}_max_export_batch_size"],
                source.kind,
                f"is more than the queue holds ({queue})",
                f"use {queue} or less, or a larger queue",
            )
        )
        batch = 512
    return BatchSettings(
        schedule_delay=values[f"{prefix}_schedule_delay"] / 1000,
        max_queue_size=queue,
        max_export_batch_size=min(batch, queue),
        export_timeout=_seconds(values[f"{prefix}_export_timeout"]),
    )


def _span_limits(reading: Reading) -> SpanLimitSettings:
    values = reading.values
    count, length = values["attribute_count_limit"], values["attribute_value_length_limit"]
    return SpanLimitSettings(
        max_attributes=count,
        max_events=values["span_event_count_limit"],
        max_links=values["span_link_count_limit"],
        max_span_attributes=_first(values["span_attribute_count_limit"], count),
        max_event_attributes=_first(values["event_attribute_count_limit"], count),
        max_link_attributes=_first(values["link_attribute_count_limit"], count),
        max_attribute_length=length,
        max_span_attribute_length=_first(values["span_attribute_value_length_limit"], length),
    )


def _log_limits(reading: Reading) -> LogLimitSettings:
    values = reading.values
    count, length = values["attribute_count_limit"], values["attribute_value_length_limit"]
    return LogLimitSettings(
        max_attributes=count,
        max_attribute_length=length,
        max_log_record_attributes=_first(values["logrecord_attribute_count_limit"], count),
        max_log_record_attribute_length=_first(
            values["logrecord_attribute_value_length_limit"], length
        ),
    )


def _first(specific: int | None, general: int | None) -> int | None:
    return general if specific is None else specific


def _sampler(reading: Reading) -> dict[str, Any]:
    """The sampler and its argument; a ratio is the sampler that takes one."""
    sampler, argument = reading.values["sampler"], reading.values["sampler_arg"]
    if isinstance(sampler, float):
        return {"sampler": "parentbased_traceidratio", "sampler_arg": repr(sampler)}
    if argument is not None:
        from pepperpy_otel._settings_names import checked_sampler_arg

        argument = checked_sampler_arg(reading, sampler, argument)
    return {"sampler": sampler, "sampler_arg": argument}
