"""The functions that act on the current handle; each is harmless where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel import _current

if TYPE_CHECKING:
    import os

    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from pepperpy_otel.backup import ImportReport
    from pepperpy_otel.delivery.counts import FlushResult
    from pepperpy_otel.ledger import RollbackReport
    from pepperpy_otel.telemetry import Telemetry


def get_telemetry() -> Telemetry | None:
    """The handle of the last ``configure()``, or ``None`` before it and after its end."""
    telemetry: Telemetry | None = _current.get()
    return telemetry


def force_flush(timeout_millis: float = 5000) -> FlushResult:
    """Send what is queued, at most this many milliseconds; an empty, truthy result without one."""
    telemetry = get_telemetry()
    if telemetry is None:
        from pepperpy_otel.delivery.counts import FlushResult

        return FlushResult()
    return telemetry.force_flush(timeout_millis)


def shutdown(timeout_millis: float | None = None) -> FlushResult:
    """Flush and stop; milliseconds, ``None`` for the configured limit."""
    telemetry = get_telemetry()
    if telemetry is None:
        from pepperpy_otel.delivery.counts import FlushResult

        return FlushResult()
    return telemetry.shutdown(timeout_millis)


def rollback() -> RollbackReport:
    """Deliver what is pending, then put the process back to what it was before ``configure()``."""
    telemetry = _current.last()
    if telemetry is None:
        from pepperpy_otel.ledger import RollbackReport

        return RollbackReport()
    report: RollbackReport = telemetry.rollback()
    return report


def import_backup(path: str | os.PathLike[str]) -> ImportReport:
    """Bring health history and log events of a backup back into this process."""
    from pepperpy_otel.backup.importing import import_backup as bring_back

    return bring_back(path)


def get_tracer(name: str) -> Tracer:
    """An OpenTelemetry tracer of the current provider, usable before ``configure()`` too."""
    telemetry = get_telemetry()
    if telemetry is not None:
        return telemetry.tracer_provider.get_tracer(name)
    from opentelemetry import trace

    return trace.get_tracer(name)


def get_meter(name: str) -> Meter:
    """An OpenTelemetry meter of the current provider, usable before ``configure()`` too."""
    telemetry = get_telemetry()
    if telemetry is not None:
        return telemetry.meter_provider.get_meter(name)
    from opentelemetry import metrics

    return metrics.get_meter(name)


def get_logger(name: str) -> Logger:
    """An OpenTelemetry logger (not a stdlib one) of the current provider."""
    telemetry = get_telemetry()
    if telemetry is not None:
        return telemetry.logger_provider.get_logger(name)
    from opentelemetry._logs import get_logger as get_api_logger

    return get_api_logger(name)
