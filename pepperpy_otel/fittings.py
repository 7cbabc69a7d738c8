"""What is put up around the providers: endpoint, log handler, levels, instrumentation.

Each takes what it is to do from the settings and leaves its undoing in the ledger.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pepperpy_otel.errors import LOGGER_NAME, guarded, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider

    from pepperpy_otel.delivery import Pipeline
    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.metrics.exporter import PrometheusEndpoint
    from pepperpy_otel.metrics.reader import Readers
    from pepperpy_otel.settings import Settings
    from pepperpy_otel.telemetry import Telemetry

_SELF_METRICS = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


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
        say_unusable(settings, "prometheus_port", host, error, "the Prometheus endpoint")
        return None
    ledger.record(f"Prometheus endpoint on {address[0]}:{address[1]}", endpoint.stop)
    return endpoint


def register_runtime_metrics(meter_provider: MeterProvider, ledger: Ledger) -> None:
    """Observe this process and its garbage collector."""
    from pepperpy_otel.metrics import runtime

    with guarded("runtime metrics"):
        ledger.record_inert("", runtime.register(meter_provider))


def say_unusable(settings: Settings, port: str, host: str, error: Exception, what: str) -> None:
    """Say in one line why an endpoint is off.

    Args:
        settings: They have the port.
        port: The name of its setting.
        host: Where it should have been.
        error: Why it cannot be had.
        what: The endpoint.
    """
    source = settings.source_of(port)
    warn(
        "%s=%s (%s) cannot be used on %s (%s); %s is off, use another port or 0 for any free one",
        *(source.name or port, getattr(settings, port), source.kind, host),
        getattr(error, "strerror", None) or error,
        what,
    )


def register_self_metrics(
    settings: Settings, pipeline: Pipeline, meter_provider: MeterProvider, ledger: Ledger
) -> None:
    """Have the delivery measured by itself, where OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED."""
    if settings.internal_metrics:
        with guarded("self metrics"):
            ledger.record_inert("", pipeline.report_to(meter_provider))


def enable_sdk_metrics(settings: Settings, ledger: Ledger) -> None:
    """Tell the SDK, which knows the environment variable only, what pyproject.toml says."""
    if settings.internal_metrics and _SELF_METRICS not in os.environ:
        os.environ[_SELF_METRICS] = "true"
        ledger.record(_SELF_METRICS, _unset)


def _unset() -> None:
    os.environ.pop(_SELF_METRICS, None)


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
