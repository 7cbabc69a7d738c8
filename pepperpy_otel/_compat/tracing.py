"""Private names that a TracerProvider needs to be durable."""

from __future__ import annotations

import threading
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def silence_fork_hook(provider: Any) -> None:
    """Have an SDK TracerProvider do nothing in a forked child (private: ``_handle_fork``).

    Its own hook runs the resource detectors and overwrites the user's ``service.instance.id``; all
    that is left of it is the lock (``_tracers_lock``).
    To be called before the provider's ``__init__``, which takes a weak reference to the method;
    Python has no way to unregister a fork hook afterwards.
    """

    def after_in_child(provider: Any) -> None:
        provider._tracers_lock = threading.Lock()

    provider._handle_fork = MethodType(after_in_child, provider)


def renew_span_locks(span: Any) -> None:
    """Give an SDK span locks that nobody holds, after a fork.

    Private: ``_lock`` of the span and of its ``_attributes``, ``_events`` and ``_links``.
    """
    for owner in (span, span._attributes, span._events, span._links):
        owner._lock = threading.Lock()


def ending_hook(processor: Any) -> Callable[[Any], None] | None:
    """A span processor's ``_on_ending``, or ``None`` where it does nothing or is missing."""
    from opentelemetry.sdk.trace import SpanProcessor

    hook = getattr(processor, "_on_ending", None)
    if getattr(hook, "__func__", None) is SpanProcessor._on_ending:
        return None
    return hook


def tracer_metrics(meter_provider: Any) -> Any:
    """What counts spans for ``otel.sdk.span.*``, or ``None`` while the user has not asked for it.

    Private: the module ``_tracer_metrics``, and the reader of its environment variable.
    """
    from opentelemetry.sdk.environment_variables import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED
    from opentelemetry.sdk.environment_variables._internal import (
        parse_boolean_environment_variable,
    )

    if not parse_boolean_environment_variable(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED):
        return None
    from opentelemetry.sdk.trace._tracer_metrics import create_tracer_metrics

    return create_tracer_metrics(meter_provider, True)


def context_detacher() -> Callable[[Any], None]:
    """What detaches a context, raising where that is not possible (private: ``_RUNTIME_CONTEXT``).

    The public ``detach()`` logs a traceback instead when a generator that was abandoned half-way
    is closed in another context (https://github.com/open-telemetry/opentelemetry-python/issues/2606),
    although there is nothing to restore there.
    """
    from opentelemetry import context

    return context._RUNTIME_CONTEXT.detach
