"""What is put up around the providers: endpoint, log handler, levels, instrumentation.

Each takes what it is to do from the settings and leaves its undoing in the ledger.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pepperpy_otel.errors import LOGGER_NAME, guarded, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider

    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.metrics.exporter import PrometheusEndpoint
    from pepperpy_otel.metrics.reader import Readers
    from pepperpy_otel.settings import Settings
    from pepperpy_otel.telemetry import Telemetry

#: Settings of the public contract whose part of the distro is not built yet.
TO_COME = ("health_port", "spool_directory")


def serve_prometheus(
    settings: Settings, readers: Readers, ledger: Ledger
) -> PrometheusEndpoint | None:
    """Start the Prometheus endpoint where one is asked for; a port that is taken is one line."""
    if settings.prometheus_port is None:
        return None
    from pepperpy_otel.metrics.exporter import PrometheusEndpoint

    host, port = settings.prometheus_host, settings.prometheus_port
    endpoint = PrometheusEndpoint(
        host, port, lambda millis: readers.snapshot.collect_for("prometheus", millis)
    )
    try:
        address = endpoint.start()
    except OSError as error:
        source = settings.source_of("prometheus_port")
        warn(
            "%s=%s (%s) cannot be used on %s (%s); the Prometheus endpoint is off, "
            "use another port or 0 for any free one",
            *(source.name or "prometheus_port", port, source.kind, host, error.strerror or error),
        )
        return None
    ledger.record(f"Prometheus endpoint on {address[0]}:{address[1]}", endpoint.stop)
    return endpoint


def register_runtime_metrics(meter_provider: MeterProvider, ledger: Ledger) -> None:
    """Observe this process and its garbage collector."""
    from pepperpy_otel.metrics import runtime

    with guarded("runtime metrics"):
        ledger.record_inert("", runtime.register(meter_provider))


def name_what_is_to_come(settings: Settings) -> None:
    """A setting that is accepted and does nothing would be a silent promise."""
    for name in TO_COME:
        if (value := getattr(settings, name)) is not None:
            source = settings.source_of(name)
            warn(
                "%s=%r (%s) has no effect in this version yet",
                *(source.name or name, value, source.kind),
            )


def set_log_level(settings: Settings, ledger: Ledger) -> None:
    """``OTEL_LOG_LEVEL`` speaks of OpenTelemetry's own lines and ours."""
    if settings.otel_log_level is None:
        return
    for name in ("opentelemetry", LOGGER_NAME):
        logger = logging.getLogger(name)
        ledger.record(f"level of logger {name}", _level_setter(logger, logger.level))
        logger.setLevel(settings.otel_log_level)


def _level_setter(logger: logging.Logger, level: int) -> Callable[[], None]:
    return lambda: logger.setLevel(level)


def install_logging(telemetry: Telemetry, ledger: Ledger) -> None:
    """Send what the app logs to the LoggerProvider, its own output untouched."""
    from pepperpy_otel.logging import install

    settings = telemetry.settings
    install.install(
        telemetry.logger_provider,
        log_level=settings.log_level,
        console_logs=settings.console_logs,
        service_name=str(telemetry.resource.attributes.get("service.name", "")) or None,
        record=ledger.record,
    )


def instrument(settings: Settings, ledger: Ledger) -> None:
    """Set the chosen instrumentations to wait for their libraries."""
    if settings.instrument is False:
        return
    from pepperpy_otel.instrumentation import loader

    source = settings.source_of("instrument")
    loader.instrument(
        settings.instrument,
        disabled=settings.disabled_instrumentations,
        record=ledger.record,
        setting=source.name or "instrument",
        source=source.kind,
        excluded_urls=settings.excluded_urls,
    )
