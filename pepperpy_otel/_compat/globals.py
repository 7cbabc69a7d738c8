"""Private names behind the globals, and inside providers that somebody else has built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def is_unset_provider(provider: Any) -> bool:
    """Whether ``provider`` is what the API answers while nobody has set one.

    The API's placeholder is public for traces (``ProxyTracerProvider``) and private for metrics
    and logs (``_ProxyMeterProvider``, ``ProxyLoggerProvider``); there is no public question.
    """
    from opentelemetry._logs._internal import ProxyLoggerProvider
    from opentelemetry.metrics._internal import _ProxyMeterProvider
    from opentelemetry.trace import ProxyTracerProvider

    return isinstance(provider, (ProxyTracerProvider, _ProxyMeterProvider, ProxyLoggerProvider))


def remove_span_processor(provider: Any, processor: Any) -> bool:
    """Take a processor out of a foreign SDK TracerProvider (private: ``_span_processors``).

    Returns:
        Whether it is out; else it stays, inert.
    """
    return _remove(getattr(provider, "_active_span_processor", None), "_span_processors", processor)


def remove_log_record_processor(provider: Any, processor: Any) -> bool:
    """Take a processor out of a foreign SDK LoggerProvider (``_log_record_processors``)."""
    owner = getattr(provider, "_multi_log_record_processor", None)
    return _remove(owner, "_log_record_processors", processor)


def _remove(owner: Any, name: str, item: Any) -> bool:
    before: Iterable[Any] = getattr(owner, name, ())
    after = tuple(other for other in before if other is not item)
    if not isinstance(before, tuple) or len(after) == len(before):
        return False
    setattr(owner, name, after)
    return True


def propagator_kinds(propagator: Any) -> list[type]:
    """The types of a composite propagator's parts (``_propagators``), which it does not show."""
    return [type(part) for part in getattr(propagator, "_propagators", (propagator,))]


def exporters_of(provider: Any) -> list[Any]:
    """The exporters behind an SDK provider that somebody else built.

    Only ``span_exporter`` is public. Private: the provider's processors and readers, and
    ``_batch_processor._exporter``, ``_exporter`` of those. What cannot be reached is left out.
    """
    spans = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    records = getattr(provider, "_multi_log_record_processor", None)
    logs = getattr(records, "_log_record_processors", ())
    readers = getattr(provider, "_metric_readers", ())
    found = []
    for part in (*spans, *logs, *readers):
        inner = getattr(part, "_batch_processor", part)
        exporter = getattr(part, "span_exporter", None) or getattr(inner, "_exporter", None)
        if exporter is not None:
            found.append(exporter)
    return found


def set_configurator(provider: Any, kind: str, configurator: Any) -> Callable[[], None]:
    """Have a configurator decide which meters or loggers of an SDK provider are enabled.

    Private: ``_set_meter_configurator``, ``_set_logger_configurator`` and what they replace; the
    feature is experimental upstream and has no public name yet.

    Returns:
        What puts the one before back.
    """
    before = getattr(provider, f"_{kind}_configurator")
    replace = getattr(provider, f"_set_{kind}_configurator")
    replace(**{f"{kind}_configurator": configurator})
    return lambda: replace(**{f"{kind}_configurator": before})
