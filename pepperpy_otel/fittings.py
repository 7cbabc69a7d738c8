"""What is put up around the providers: endpoint, log handler, levels, instrumentation.

Each takes what it is to do from the settings and leaves its undoing in the ledger.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import LOGGER_NAME, guarded, warn
from pepperpy_otel.ledger import StaysBehind
from pepperpy_otel.redaction import active as redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricsData

    from pepperpy_otel.delivery import Pipeline
    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.metrics.exporter import PrometheusEndpoint
    from pepperpy_otel.metrics.multiprocess import Mirror
    from pepperpy_otel.metrics.reader import Readers
    from pepperpy_otel.settings import Settings
    from pepperpy_otel.telemetry import Telemetry

_SELF_METRICS = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


def mirror_for_prometheus(settings: Settings) -> Mirror | None:
    """What shares this process's values with other workers, where a page is served."""
    port = settings.prometheus_port
    if port is None or sys.platform == "win32":  # no flock there, and no fork
        return None
    from pepperpy_otel.metrics.multiprocess import Group, Mirror, group_of_this_process

    if settings.prometheus_directory is not None:
        return Mirror(Group(Path(settings.prometheus_directory), private=False))
    return Mirror(group_of_this_process(port) if port else None)


def serve_prometheus(
    settings: Settings, readers: Readers, ledger: Ledger, *, own: bool = True
) -> PrometheusEndpoint | None:
    """Start the Prometheus endpoint where one is asked for; a port that is taken is one line.

    Args:
        settings: They say where.
        readers: What is shown.
        ledger: Takes the undoing.
        own: Whether the MeterProvider is ours: others tell nobody of their series.
    """
    if settings.prometheus_port is None:
        return None
    from pepperpy_otel.metrics.exporter import PrometheusEndpoint

    host, port = settings.prometheus_host, settings.prometheus_port
    snapshot = readers.snapshot
    mirror = snapshot.mirror

    def collect(millis: float) -> MetricsData | None:
        data = snapshot.collect_for("prometheus", millis)
        return redaction.metrics(data if mirror is None else mirror.complete(data))

    if mirror is not None and own:
        mirror.begin()
    elif mirror is not None:
        mirror.leave()
    shared = mirror is not None and mirror.group is not None
    endpoint = PrometheusEndpoint(host, port, collect, shared=shared)
    try:
        address = endpoint.start()
    except OSError as error:
        say_unusable(settings, "prometheus_port", host, error, "the Prometheus endpoint")
        return None
    if mirror is not None and mirror.group is None:
        from pepperpy_otel.metrics.multiprocess import group_of

        mirror.children = group_of(address[1], os.getpid())
    ledger.record(f"Prometheus endpoint on {address[0]}:{address[1]}", endpoint.stop)
    return endpoint


def install_correlation(settings: Settings, ledger: Ledger) -> None:
    """Let correlation ids be taken, made, kept back and carried as the settings say."""
    from pepperpy_otel.correlation import install

    @functools.cache
    def begin() -> object:
        from pepperpy_otel.spawned import Beginning

        return Beginning(settings.given)

    install.install(settings, ledger.record, begin)


def install_propagators(settings: Settings, ledger: Ledger) -> None:
    """Set the global propagators; ours is one of them unless the user has chosen others."""
    from pepperpy_otel import propagators

    names = settings.propagators
    ours = settings.correlation_id != "off" or settings.propagation_hosts is not None
    if ours and settings.source_of("propagators").kind == "default":
        names = propagators.OURS
    propagators.install(names, ledger.record, ours=ours)


def install_redaction(
    settings: Settings, ledger: Ledger, readers: Sequence[Any] = ()
) -> tuple[Any, Any]:
    """Take out of telemetry what must not leave.

    Args:
        settings: They say what.
        ledger: Takes the undoing.
        readers: Exporters of others that serve metrics by themselves.

    Returns:
        What makes spans and log records fit to leave; twice ``None`` where nobody asked for it.
    """
    items = settings.values["redact"]
    if not items:
        return None, None
    from pepperpy_otel import _compat
    from pepperpy_otel.redaction import Redactor

    redactor = Redactor(items)
    ledger.record("redaction of what is printed and kept", redaction.activate(redactor))
    for reader in readers:
        _compat.edit_received(reader, redactor.metrics)
    return redactor.spans, redactor.logs


def redact_exporters(telemetry: Telemetry, settings: Settings, ledger: Ledger) -> None:
    """The same for the exporters of providers that somebody else has built."""
    install_redaction(settings, ledger)
    redactor = redaction.redactor
    if redactor is None:
        return
    from pepperpy_otel import _compat
    from pepperpy_otel.redaction import exporters

    for signal, provider in (
        ("traces", telemetry.tracer_provider),
        ("logs", telemetry.logger_provider),
        ("metrics", telemetry.meter_provider),
    ):
        for exporter in _compat.exporters_of(provider):
            exporters.cover(exporter, signal, redactor)


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


def leave_the_old_behind(settings: Settings, ledger: Ledger) -> None:
    """Switch off what did this job before, as far as the user has named it."""
    if settings.legacy is not None:
        from pepperpy_otel.legacy import Legacy, switch_off

        switch_off(Legacy.of(settings.legacy), ledger)


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


def limited(
    settings: Settings,
    processor: LogRecordProcessor,
    flushers: list[Callable[[float], object]],
) -> LogRecordProcessor:
    """The processor, behind a limit of repeated records where one is asked for.

    Args:
        settings: They have the limit.
        processor: Of the pipeline.
        flushers: Takes what hands on the counts before a flush.
    """
    most = settings.values["repeated_logs"]
    if most is None:
        return processor
    from pepperpy_otel.logging.repeats import RepeatLimiter

    limiter = RepeatLimiter(processor, most)
    flushers.append(lambda _: limiter.force_flush())
    return limiter


def capture(settings: Settings, ledger: Ledger) -> None:
    """Have warnings and exceptions that nobody caught become log records, where asked for."""
    if not (settings.values["capture_warnings"] or settings.values["capture_exceptions"]):
        return
    from pepperpy_otel.logging import uncaught

    def record(what: str, undo: Callable[[], bool]) -> None:
        def restore() -> None:
            if not undo():
                raise StaysBehind(f"{what}: another one was put over ours, which only calls on")

        ledger.record(what, restore)

    if settings.values["capture_warnings"]:
        uncaught.capture_warnings(record)
    if settings.values["capture_exceptions"]:
        uncaught.capture_exceptions(record)


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
