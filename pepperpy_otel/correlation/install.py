"""From the settings to what is at work: the policy, the processors, what is patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.correlation import policy
from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.settings import Settings

    Record = Callable[[str, Callable[[], None]], None]


def install(settings: Settings, record: Record, begin: Callable[[], Any]) -> None:
    """Let the settings hold, until the undoing.

    Args:
        settings: Resolved.
        record: Takes each change to the process and its undoing.
        begin: Makes what configures a child process as this one is.
    """
    hosts = None
    if settings.propagation_hosts is not None:
        from pepperpy_otel.correlation.hosts import Hosts

        hosts = Hosts(settings.propagation_hosts)
    now = policy.Policy(
        mode=settings.correlation_id,
        headers=settings.correlation_headers,
        hosts=hosts,
        attributes=settings.baggage_attributes,
        begin=begin,
    )
    record("", policy.use(now))
    if hosts is not None:
        from pepperpy_otel.correlation import withholding

        withholding.install(now, record)
    if settings.correlation_response and now.mode != "off":
        with guarded("the correlation id in responses"):
            from pepperpy_otel.correlation import response

            response.install(record)
    if settings.context_patches:
        from pepperpy_otel.correlation import patches

        patches.install(settings.context_patches, record)


def is_wanted(settings: Settings) -> bool:
    """Whether spans and records get anything from the context."""
    return settings.correlation_id != "off" or bool(settings.baggage_attributes)


def processors(settings: Settings) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What puts attributes on spans, and on log records: one processor each, or none."""
    if not is_wanted(settings):
        return (), ()
    from pepperpy_otel.correlation.processors import (
        Attributes,
        CorrelationLogProcessor,
        CorrelationSpanProcessor,
    )

    attributes = Attributes(settings.baggage_attributes, with_id=settings.correlation_id != "off")
    return (CorrelationSpanProcessor(attributes),), (CorrelationLogProcessor(attributes),)


def join(settings: Settings, providers: Mapping[Any, Any]) -> None:
    """Add them to providers that somebody else has built, by ``traces`` and ``logs``."""
    span_stamps, log_stamps = processors(settings)
    for stamp in span_stamps if "traces" in providers else ():
        providers["traces"].add_span_processor(stamp)
    for stamp in log_stamps if "logs" in providers else ():
        providers["logs"].add_log_record_processor(stamp)
