"""The private names of the SDK that traces lean on are where they were."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor

from pepperpy_otel import _compat

if TYPE_CHECKING:
    from collections.abc import Callable


class Ending(SpanProcessor):
    def _on_ending(self, span: Any) -> None:
        raise RuntimeError(span)


def test_the_hook_of_a_processor_is_found_where_it_does_something() -> None:
    """A processor that inherits it, or has none, is not called for nothing."""
    assert _compat.ending_hook(SpanProcessor()) is None
    assert _compat.ending_hook(object()) is None
    ending = Ending()
    assert _compat.ending_hook(ending) == ending._on_ending


def test_span_metrics_are_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the SDK."""
    from opentelemetry.metrics import NoOpMeterProvider

    assert _compat.tracer_metrics(NoOpMeterProvider()) is None
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    assert callable(_compat.tracer_metrics(NoOpMeterProvider()).start_span)


def test_a_context_is_detached_or_it_raises() -> None:
    """The public function swallows and logs."""
    detach = _compat.context_detacher()
    token = context_api.attach(Context({"key": "value"}))
    detach(token)
    assert context_api.get_value("key") is None
    with pytest.raises(RuntimeError):
        detach(token)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_sdk_s_fork_hook_can_be_silenced(
    run_python: Callable[..., Any],
) -> None:
    """With it a user's ``service.instance.id`` is overwritten; that is why."""
    code = """
        import os
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from pepperpy_otel import _compat

        class Silenced(TracerProvider):
            def __init__(self, **arguments):
                _compat.silence_fork_hook(self)
                super().__init__(**arguments)

        resource = Resource({"service.instance.id": "pod-1"})
        theirs = TracerProvider(resource=resource, shutdown_on_exit=False)
        ours = Silenced(resource=resource, shutdown_on_exit=False)
        child = os.fork()
        if child == 0:
            same = [p.resource.attributes["service.instance.id"] == "pod-1" for p in (theirs, ours)]
            os.write(1, repr(same).encode())
            os._exit(0)
        os.waitpid(child, 0)
    """
    done = run_python(code)
    assert done.stdout == "[False, True]", done.stderr


def test_the_constructor_of_spans_is_what_we_call() -> None:
    """Our tracer makes spans by keyword; a new required argument would show here."""
    import inspect

    parameters = inspect.signature(sdk_trace.Span.__init__).parameters
    required = [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    assert required == ["self", "name", "context"]
    assert {"record_end_metrics", "instrumentation_scope", "limits"} <= set(parameters)
    assert Resource.get_empty().attributes == {}
