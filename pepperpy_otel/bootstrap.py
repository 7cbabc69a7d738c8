"""``configure()``: settings in, one running ``Telemetry`` out.

The one place that sets OpenTelemetry's globals. Everything is built before the first of them is
set, so that whatever fails leaves the process as it was; ``opentelemetry-instrument`` reaches the
same function through ``distro.py``.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pepperpy_otel import _current, _forks
from pepperpy_otel.errors import (
    ConfigurationError,
    Problems,
    install_stderr_handler,
    report_internal,
    warn,
)
from pepperpy_otel.ledger import Ledger
from pepperpy_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.metrics.view import View
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.util._importlib_metadata import EntryPoint
    from opentelemetry.util.types import AttributeValue

    from pepperpy_otel.telemetry import Telemetry

_lock = threading.RLock()
#: Instrumentors that opentelemetry-instrument hands to our distro, one by one, after configure().
_launched: Telemetry | None = None
#: What a configure() that is under way has changed so far.
_unfinished: Ledger | None = None


@_forks.renewing(late=True)
def _after_fork() -> None:
    """In a child, a configure() of another thread never comes to its end: undo what it did."""
    global _lock, _unfinished
    if _lock.acquire(blocking=False):  # nobody's, or of this very thread
        _lock.release()
        return
    _lock = threading.RLock()
    ledger, _unfinished = _unfinished, None
    if ledger is not None:
        ledger.after_fork()
        ledger.undo()


def configure(
    service_name: str | None = None,
    *,
    service_version: str | None = None,
    environment: str | None = None,
    resource_attributes: Mapping[str, AttributeValue] | None = None,
    endpoint: str | None = None,
    protocol: Literal["http/protobuf", "grpc"] | None = None,
    headers: Mapping[str, str] | None = None,
    traces: bool | str | Sequence[str] | None = None,
    metrics: bool | str | Sequence[str] | None = None,
    logs: bool | str | Sequence[str] | None = None,
    exporter: Literal["pepperpy", "stock"] | None = None,
    prometheus_port: int | None = None,
    prometheus_host: str | None = None,
    log_level: int | str | None = None,
    console_logs: Literal["json", "text", "none"] | None = None,
    sampler: Sampler | str | float | None = None,
    capture_warnings: bool | None = None,
    capture_exceptions: bool | None = None,
    repeated_logs: int | None = None,
    redact: bool | str | Callable[[str, Any], Any] | Sequence[Any] | None = None,
    instrument: bool | Sequence[str] | None = None,
    health: bool | None = None,
    health_port: int | None = None,
    health_host: str | None = None,
    span_processors: Sequence[SpanProcessor] = (),
    log_record_processors: Sequence[LogRecordProcessor] = (),
    metric_readers: Sequence[MetricReader] = (),
    views: Sequence[View] = (),
    id_generator: IdGenerator | str | None = None,
    spool_directory: str | os.PathLike[str] | None = None,
    shutdown_timeout_millis: int | None = None,
    signal_handlers: bool | None = None,
    correlation_id: Literal["accept", "make", "replace", "off"] | None = None,
    correlation_headers: Sequence[str] | None = None,
    correlation_response: bool | None = None,
    baggage_attributes: Sequence[str] | None = None,
    propagation_hosts: Sequence[str] | None = None,
    context_patches: Sequence[str] | None = None,
    legacy: Any = None,
    strict: bool = False,
) -> Telemetry:
    """Set up traces, metrics, logs and health of this process, once.

    Every argument has an environment variable and a ``[tool.pepperpy_otel]`` key in
    ``pyproject.toml``; the order is argument, environment, pyproject, default, and
    docs/configuration.md lists them all. A second call returns the same handle; arguments that
    differ are named in one warning line and not used.

    Args:
        service_name: ``service.name`` of the resource (``OTEL_SERVICE_NAME``).
        service_version: ``service.version``.
        environment: ``deployment.environment.name``.
        resource_attributes: Further attributes of the resource.
        endpoint: Where OTLP goes (``OTEL_EXPORTER_OTLP_ENDPOINT``).
        protocol: ``http/protobuf`` (default) or ``grpc``.
        headers: Sent with every export, for example a token.
        traces: ``False`` for none, or names of exporters as in ``OTEL_TRACES_EXPORTER``.
        metrics: Likewise; ``prometheus`` starts the endpoint.
        logs: Likewise.
        exporter: Who encodes and sends OTLP: ours, or ``stock`` for opentelemetry-exporter-otlp.
        prometheus_port: Starts the Prometheus endpoint there; 0 takes any free port.
        prometheus_host: Where it listens; localhost by default.
        log_level: Level from which stdlib records reach the telemetry; ``None`` leaves the app's
            levels alone.
        console_logs: Shows records on stderr as JSON lines or as text; ``none`` by default.
        sampler: A sampler, its name, or a ratio between 0 and 1.
        capture_warnings: Whether warnings become log records, too.
        capture_exceptions: Whether exceptions that nobody caught do, with their span.
        repeated_logs: Like log records sent in ten seconds at most; ``None`` for all.
        redact: ``True`` takes secrets out of telemetry before it is queued or printed; or names of
            detectors, ``key:pattern``, functions of key and value (docs/redaction.md).
        instrument: ``True`` (default) for every installed instrumentation, or some names.
        health: Whether the health checker belongs to the handle.
        health_port: Port of the health endpoint.
        health_host: Where it listens; loopback by default.
        span_processors: The user's own, beside ours.
        log_record_processors: The user's own, beside ours.
        metric_readers: The user's own, beside ours.
        views: Views for metrics.
        id_generator: Makes trace and span ids.
        spool_directory: Where undelivered telemetry is kept over restarts.
        shutdown_timeout_millis: Milliseconds that the end may take.
        signal_handlers: ``False``: a SIGTERM that ends the process ends it undelivered.
        correlation_id: ``accept`` (default) the id of a request, ``make`` one where there is none,
            ``replace`` it always, or ``off``.
        correlation_headers: Where an id is looked for; the first is sent.
        correlation_response: Whether HTTP responses have the id.
        baggage_attributes: Keys of baggage that become attributes.
        propagation_hosts: Who is sent baggage and id; everybody by default.
        context_patches: ``threads``, ``processes``: what of the standard library is patched.
        legacy: What did this job before, functions and handlers: switched off now, on again by
            ``rollback()``; see ``pepperpy_otel.backup.Legacy``.
        strict: Raise for the first bad setting instead of warning and using its default.

    Returns:
        The handle: flush, shut down, roll back, read the counts.

    Raises:
        ConfigurationError: Only with ``strict=True``; then nothing was changed.
    """
    arguments = {
        name: value for name, value in locals().items() if value is not None and value != ()
    }
    if not strict:
        del arguments["strict"]  # so that PEPPERPY_OTEL_STRICT counts
    return _configure(arguments)


def configure_for_launcher(auto_version: str | None) -> Telemetry:
    """What ``opentelemetry-instrument`` calls through our configurator.

    Args:
        auto_version: Its version, for ``telemetry.auto.version`` on the resource.
    """
    global _launched
    with _lock:
        telemetry = _configure({}, auto_version=auto_version, launcher=True)
        _launched = telemetry
        return telemetry


def configure_child(arguments: Callable[[], dict[str, Any]]) -> None:
    """Configure a child process that multiprocessing has spawned, unless it is configured.

    Args:
        arguments: Called for those of the parent. The ports are the parent's, whoever set them.
    """
    with _lock:
        if _current.last() is None:
            _configure(arguments(), child=True)


def defer_instrumentor(entry_point: EntryPoint, **kwargs: Any) -> None:
    """Take one instrumentor from ``opentelemetry-instrument``; loaded when its library is.

    Args:
        entry_point: Of the group ``opentelemetry_instrumentor``.
        **kwargs: For its ``instrument()``.
    """
    telemetry = _launched
    if telemetry is None or telemetry.settings.sdk_disabled:
        return
    from pepperpy_otel.instrumentation import loader

    selection = telemetry.settings.instrument
    if selection is True or (selection is not False and entry_point.name in selection):
        loader.defer(
            entry_point,
            record=telemetry.ledger.record,
            excluded_urls=telemetry.settings.excluded_urls,
            **kwargs,
        )


def _configure(
    arguments: dict[str, object],
    *,
    auto_version: str | None = None,
    launcher: bool = False,
    child: bool = False,
) -> Telemetry:
    with _lock:
        running: Telemetry | None = _current.get()
        if running is not None:
            _name_differences(running, arguments)
            return running
        if (ended := _current.last()) is not None:
            ended.rollback()  # it was shut down; what it left in the process goes first
        problems = Problems(strict=bool(arguments.get("strict")))
        settings = _resolve(arguments, problems)
        if child:
            settings = settings.without_ports()
        telemetry = _build(settings, problems, auto_version, launcher=launcher)
        _current.set_current(telemetry)
        problems.report()
        return telemetry


def _resolve(arguments: dict[str, object], problems: Problems) -> Settings:
    return Settings.resolve(arguments, environ=os.environ, directory=Path.cwd(), problems=problems)


def _name_differences(running: Telemetry, arguments: dict[str, object]) -> None:
    if not arguments:
        return
    try:
        wanted = _resolve(arguments, Problems())
    except ConfigurationError as error:  # PEPPERPY_OTEL_STRICT speaks of the first call
        warn("%s", error)
        return
    names = [name for name in running.settings.differences(wanted) if name in arguments]
    if names:
        warn(
            "configure() was called before; not used now: %s (shut down or roll back first)",
            ", ".join(names),
        )


def _build(
    settings: Settings, problems: Problems, auto_version: str | None, *, launcher: bool
) -> Telemetry:
    """Assemble everything, or nothing: what fails half-way is undone."""
    from pepperpy_otel import assembly

    if settings.sdk_disabled:
        return assembly.disabled(settings, Ledger())
    global _unfinished
    _forks.watch()
    ledger = _unfinished = Ledger()
    ledger.record("our warnings on stderr", install_stderr_handler())
    try:
        return assembly.assemble(
            settings, problems, ledger, auto_version=auto_version, launcher=launcher
        )
    except ConfigurationError:
        ledger.undo()
        raise
    except Exception as error:
        ledger.undo()
        if settings.strict:
            raise
        from pepperpy_otel.versions import mismatch

        if (line := mismatch()) is not None:
            warn("telemetry is off: %s", line)
        else:
            report_internal("configure(), telemetry is off", error)
        return assembly.disabled(settings, Ledger())
    finally:
        _unfinished = None
