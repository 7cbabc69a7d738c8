"""Private names that a LoggerProvider needs to be durable."""

from __future__ import annotations

import threading
from typing import Any


def suppression_keys() -> tuple[str, ...]:
    """Context keys that say "no telemetry of this" (private: ``_SUPPRESS_INSTRUMENTATION_KEY``).

    ``instrumentation.utils.is_instrumentation_enabled`` is the public question; importing it costs
    25 ms at start-up, and it looks the context up a second time for each log record.
    """
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    return (_SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation")


def sdk_logger_arguments(provider: Any, scope: Any) -> dict[str, Any]:
    """What the SDK's ``Logger`` takes from its provider.

    Private: ``_multi_log_record_processor``, ``_logger_metrics``, ``_log_record_limits``,
    ``_apply_logger_configurator`` and the keyword ``_logger_config``; a subclass of the public
    ``Logger`` has no other way to be made.
    """
    return {
        "resource": provider.resource,
        "multi_log_record_processor": provider._multi_log_record_processor,
        "instrumentation_scope": scope,
        "logger_metrics": provider._logger_metrics,
        "log_record_limits": provider._log_record_limits,
        "_logger_config": provider._apply_logger_configurator(scope),
    }


def track_logger(provider: Any, logger: Any) -> None:
    """Let a new logger configurator reach ``logger`` (``_active_loggers``)."""
    with provider._active_loggers_lock:
        provider._active_loggers.add(logger)


def logger_is_enabled(logger: Any) -> bool:
    """What the logger configurator says; ``enabled()`` also asks every processor."""
    return logger._is_enabled()  # type: ignore[no-any-return]


def renew_logger_metrics(provider: Any, meter_provider: Any) -> None:
    """Have a LoggerProvider count its records, if the user has asked for it by now.

    Private: ``_logger_metrics``, the module ``_logger_metrics``, and the reader of its
    environment variable, which the SDK asks once, when a provider is made.
    """
    from opentelemetry.sdk._logs._internal._logger_metrics import create_logger_metrics
    from opentelemetry.sdk.environment_variables import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED
    from opentelemetry.sdk.environment_variables._internal import (
        parse_boolean_environment_variable,
    )

    enabled = parse_boolean_environment_variable(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED)
    provider._logger_metrics = create_logger_metrics(meter_provider, enabled)


def count_log_record(provider: Any) -> None:
    """``otel.sdk.log.created``, when the SDK's own metrics are on (``_logger_metrics``)."""
    provider._logger_metrics.emit_log()


def fill_attributes(bounded: Any, items: dict[str, Any], dropped: int) -> None:
    """Put values that are clean already into an empty ``BoundedAttributes`` (``_dict``).

    Its public ``__setitem__`` cleans and locks for each item: 3 µs of the 30 that a record takes.
    """
    bounded._dict.update(items)
    bounded.dropped = dropped


def replace_fork_hook(provider_class: Any) -> None:
    """Keep the SDK from changing the resource after a fork (``_handle_fork``).

    It overwrites a ``service.instance.id`` that the user set
    (https://github.com/open-telemetry/opentelemetry-python/issues/5660); ours comes from
    ``replace_resource()``. The two locks that the parent may have held are made new, as there.
    """

    def after_in_child(provider: Any) -> None:
        provider._logger_cache_lock = threading.Lock()
        provider._active_loggers_lock = threading.Lock()

    provider_class._handle_fork = after_in_child
