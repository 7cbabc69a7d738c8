"""Puts the parts together: providers, pipeline, endpoint, handle.

``assemble()`` builds first and touches the process last; whatever it touches goes into the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat, adoption, fittings, lifecycle, propagators, vitals
from pepperpy_otel.configurators import configurator
from pepperpy_otel.correlation import install as correlation
from pepperpy_otel.delivery import install_noise_filter
from pepperpy_otel.errors import ConfigurationError, warn
from pepperpy_otel.health import current as current_health
from pepperpy_otel.pipelines import build_pipeline
from pepperpy_otel.redaction import active as redaction
from pepperpy_otel.resource import build_resource
from pepperpy_otel.telemetry import Telemetry
from pepperpy_otel.versions import mismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.resources import Resource

    from pepperpy_otel.errors import Problems
    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.metrics.reader import Readers, SharedReader
    from pepperpy_otel.pipelines import Outlets
    from pepperpy_otel.settings import Settings


def disabled(settings: Settings, ledger: Ledger) -> Telemetry:
    """A handle that works and records nothing (``OTEL_SDK_DISABLED=true``); health goes on."""
    from opentelemetry._logs import NoOpLoggerProvider
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import NoOpTracerProvider

    telemetry = Telemetry(
        settings=settings,
        resource=Resource.get_empty(),
        tracer_provider=NoOpTracerProvider(),
        meter_provider=NoOpMeterProvider(),
        logger_provider=NoOpLoggerProvider(),
        health=current_health(),
        ledger=ledger,
    )
    vitals.attend(telemetry, ledger)
    return telemetry


def assemble(
    settings: Settings,
    problems: Problems,
    ledger: Ledger,
    *,
    auto_version: str | None,
    launcher: bool,
) -> Telemetry:
    """Build everything that the settings ask for and set it to work.

    Args:
        settings: Resolved, with every value checked that could be checked by itself.
        problems: Takes what turns out only now, for example an exporter that does not load.
        ledger: Takes every change to the process.
        auto_version: Version of opentelemetry-instrument, when it started us.
        launcher: Whether instrumentors come one by one from opentelemetry-instrument.

    Raises:
        ConfigurationError: A bad setting, when strict.
    """
    if (line := mismatch()) is not None:
        warn("%s", line)
    propagators.repair_environment(settings.propagators, ledger.record)
    fittings.install_correlation(settings, ledger)
    telemetry = None
    if settings.config_file is not None:
        telemetry = _from_file(settings, problems, ledger, auto_version)
    if telemetry is None:
        telemetry = _from_settings(settings, problems, ledger, auto_version)
    fittings.leave_the_old_behind(settings, ledger)
    fittings.set_log_level(settings, ledger)
    fittings.install_logging(telemetry, ledger)
    fittings.capture(settings, ledger)
    vitals.attend(telemetry, ledger)
    lifecycle.attend(telemetry, ledger, signal_handlers=settings.signal_handlers)
    if not launcher:
        fittings.instrument(settings, ledger)
    if settings.expect is not None:
        telemetry.expect(**settings.expect)
    return telemetry


@dataclass(frozen=True, slots=True)
class _Parts:
    """All that is built before anything is touched."""

    resource: Resource
    sampler: Any
    id_generator: Any
    span_limits: Any
    log_limits: Any
    outlets: Outlets
    readers: Readers
    configurators: tuple[Any, Any, Any]


def _build(settings: Settings, problems: Problems, auto_version: str | None) -> _Parts:
    from opentelemetry.sdk._logs import LogRecordLimits
    from opentelemetry.sdk.trace import SpanLimits

    from pepperpy_otel.metrics.reader import build_readers
    from pepperpy_otel.tracing.samplers import build_id_generator, build_sampler

    sampler, argument = settings.source_of("sampler"), settings.source_of("sampler_arg")
    ids = settings.source_of("id_generator")
    resource = build_resource(
        _resource_attributes(settings),
        detectors=settings.resource_detectors,
        auto_version=auto_version,
    )
    return _Parts(
        resource=resource,
        sampler=build_sampler(
            settings.sampler,
            settings.sampler_arg,
            problems,
            setting=sampler.name or "sampler",
            source=sampler.kind,
            argument_setting=argument.name or "sampler_arg",
            argument_source=argument.kind,
        ),
        id_generator=build_id_generator(
            settings.id_generator,
            problems,
            setting=ids.name or "id_generator",
            source=ids.kind,
        ),
        span_limits=SpanLimits(**settings.span_limits.sdk_arguments()),
        log_limits=LogRecordLimits(**settings.log_limits.sdk_arguments()),
        outlets=build_pipeline(
            settings, problems, str(resource.attributes.get("service.name", ""))
        ),
        readers=build_readers(
            settings.temporality,
            settings.histogram_aggregation,
            mirror=fittings.mirror_for_prometheus(settings),
        ),
        configurators=(
            configurator(settings, "tracer", problems),
            configurator(settings, "meter", problems),
            configurator(settings, "logger", problems),
        ),
    )


def _resource_attributes(settings: Settings) -> dict[str, Any]:
    named = {
        "service.name": settings.service_name,
        "service.version": settings.service_version,
        "deployment.environment.name": settings.environment,
    }
    given = {name: value for name, value in named.items() if value is not None}
    return {**settings.resource_attributes, **given}


def _from_settings(
    settings: Settings, problems: Problems, ledger: Ledger, auto_version: str | None
) -> Telemetry:
    parts = _build(settings, problems, auto_version)
    pipeline, readers = parts.outlets.pipeline, parts.readers
    install_noise_filter(ledger.record)
    fittings.enable_sdk_metrics(settings, ledger)

    def stop_collecting() -> None:
        pipeline.set_metric_source(None)

    def stop_pipeline() -> None:
        stop_collecting()
        pipeline.shutdown(0.0)

    ledger.record("telemetry pipeline and its threads", stop_pipeline)
    span_stamps, log_stamps = correlation.processors(settings)
    spans, records = fittings.install_redaction(settings, ledger, parts.outlets.readers)
    flushers: list[Callable[[float], object]] = []
    tracing = adoption.seat_tracing(
        ledger,
        resource=parts.resource,
        sampler=parts.sampler,
        id_generator=parts.id_generator,
        span_limits=parts.span_limits,
        processors=[*span_stamps, *settings.span_processors, pipeline.span_processor(spans)],
        configurator=parts.configurators[0],
    )
    metrics = adoption.seat_metrics(
        ledger,
        resource=parts.resource,
        views=settings.views,
        exemplar_filter=settings.exemplar_filter,
        readers=[*readers.all, *settings.metric_readers, *parts.outlets.readers],
        configurator=parts.configurators[1],
    )
    logs = adoption.seat_logging(
        ledger,
        resource=parts.resource,
        limits=parts.log_limits,
        processors=[
            *log_stamps,
            *settings.log_record_processors,
            fittings.limited(settings, pipeline.log_record_processor(records), flushers),
        ],
        configurator=parts.configurators[2],
    )
    pipeline.start()
    endpoint = fittings.serve_prometheus(settings, readers, ledger, own=metrics.own is not None)
    seats = (tracing, logs, metrics)
    renewers = [seat.own.replace_resource for seat in seats if seat.own is not None]
    if endpoint is not None:
        renewers.append(lambda _: endpoint.close_in_child())
    if metrics.own is None:  # an adopted provider knows little of its locks, nothing of ours
        renewers.append(lambda _: _restart(metrics.provider, readers.all))
    processors = (*settings.span_processors, *settings.log_record_processors)
    telemetry = Telemetry(
        settings=settings,
        resource=parts.resource,
        tracer_provider=tracing.provider,
        meter_provider=metrics.provider,
        logger_provider=logs.provider,
        health=current_health(),
        pipeline=pipeline,
        snapshot=lambda ms: redaction.metrics(readers.snapshot.collect_for("collect", ms)),
        prometheus_address=None if endpoint is None else endpoint.start(),
        ledger=ledger,
        flushers=[*flushers, *map(_flusher, (*processors, *settings.metric_readers))],
        stoppers=[adoption.ender(processors), *(seat.stop for seat in seats)],
        renewers=renewers,
        stop_collecting=stop_collecting,
    )
    look = telemetry.expectations.look
    pipeline.set_metric_source(
        lambda ms: look(redaction.metrics(readers.push.collect_for("push", ms)))
    )
    for seat in seats:
        _own(seat, telemetry, ledger)
    fittings.register_runtime_metrics(metrics.provider, ledger)
    fittings.register_self_metrics(settings, pipeline, metrics.provider, ledger)
    fittings.install_propagators(settings, ledger)
    return telemetry


def _from_file(
    settings: Settings, problems: Problems, ledger: Ledger, auto_version: str | None
) -> Telemetry | None:
    """Providers as ``OTEL_CONFIG_FILE`` says, our other parts beside them."""
    from pepperpy_otel import declarative

    path = settings.config_file
    assert path is not None
    source = settings.source_of("config_file")
    try:
        declarative.apply(path, source.name or "config_file", source.kind)
    except ConfigurationError as error:
        problems.add(error)
        return None
    telemetry = declarative.join(settings, ledger)
    fittings.redact_exporters(telemetry, settings, ledger)
    return telemetry


def _own(seat: adoption.Seat, telemetry: Telemetry, ledger: Ledger) -> None:
    """Let a flush or shutdown of the global provider, as apps call it, reach the handle."""
    if seat.own is None:
        return

    def ask(what: str, millis: float) -> bool:
        delivered = bool(telemetry.force_flush(millis))
        if what == "shutdown":
            seat.stop()
        return delivered

    def disown() -> None:
        seat.own.owner = None

    seat.own.owner = ask
    ledger.record_inert("", disown)


def _restart(provider: Any, readers: Sequence[SharedReader]) -> None:
    _compat.restart_adopted_metrics(provider, readers)
    for reader in readers:
        reader.restart_in_child()


def _flusher(part: Any) -> Callable[[float], object]:
    return lambda timeout: part.force_flush(int(timeout * 1000))
