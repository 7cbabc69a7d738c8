"""The only place that touches a private OpenTelemetry name.

Each function says which private names it uses and why no public one serves; the tests named
``test_compat*.py`` fail when one of them moves.
"""

from __future__ import annotations

from pepperpy_otel._compat.baggage import baggage_key
from pepperpy_otel._compat.delivery import (
    instrumentation_suppressed,
    stock_encoder,
    stock_exporter_class,
)
from pepperpy_otel._compat.encoding import span_contents
from pepperpy_otel._compat.ended import span_intake
from pepperpy_otel._compat.forks import (
    renew_global_locks,
    renew_reader_locks,
    restart_adopted_metrics,
)
from pepperpy_otel._compat.globals import (
    exporters_of,
    is_unset_provider,
    propagator_kinds,
    remove_log_record_processor,
    remove_span_processor,
    set_configurator,
)
from pepperpy_otel._compat.logs import (
    count_log_record,
    fill_attributes,
    logger_is_enabled,
    renew_logger_metrics,
    replace_fork_hook,
    sdk_logger_arguments,
    suppression_keys,
    track_logger,
)
from pepperpy_otel._compat.metrics import (
    announce_reader,
    detach_reader,
    install_consumer,
    meter_of,
    meter_switch,
    periodic_reader_type,
    renew_meter_provider_locks,
    replace_meter_provider_fork_hook,
    replace_metrics_resource,
    sdk_instrument_classes,
    set_metrics_configuration,
)
from pepperpy_otel._compat.received import edit_received
from pepperpy_otel._compat.streams import Stream, new_metric_storage
from pepperpy_otel._compat.tracing import (
    context_detacher,
    ending_hook,
    renew_span_locks,
    silence_fork_hook,
    tracer_metrics,
)

__all__ = [
    "Stream",
    "announce_reader",
    "baggage_key",
    "context_detacher",
    "count_log_record",
    "detach_reader",
    "edit_received",
    "ending_hook",
    "exporters_of",
    "fill_attributes",
    "install_consumer",
    "instrumentation_suppressed",
    "is_unset_provider",
    "logger_is_enabled",
    "meter_of",
    "meter_switch",
    "new_metric_storage",
    "periodic_reader_type",
    "propagator_kinds",
    "remove_log_record_processor",
    "remove_span_processor",
    "set_configurator",
    "renew_logger_metrics",
    "renew_meter_provider_locks",
    "renew_global_locks",
    "renew_reader_locks",
    "renew_span_locks",
    "replace_fork_hook",
    "replace_meter_provider_fork_hook",
    "replace_metrics_resource",
    "restart_adopted_metrics",
    "sdk_instrument_classes",
    "sdk_logger_arguments",
    "set_metrics_configuration",
    "silence_fork_hook",
    "span_contents",
    "span_intake",
    "stock_encoder",
    "stock_exporter_class",
    "suppression_keys",
    "tracer_metrics",
    "track_logger",
]
