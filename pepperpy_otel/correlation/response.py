"""The correlation id in the response, so that who called can quote it.

Through OpenTelemetry's global response propagator, which the instrumentations of ASGI (FastAPI,
Starlette), Flask and Django call for each response: one place for all of them, nothing in the
app's code and no middleware whose position in the stack matters. One that the app has set is called
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation import propagators as _untyped

from pepperpy_otel.correlation import policy
from pepperpy_otel.correlation.current import correlation_id
from pepperpy_otel.correlation.ids import KEY, known
from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

propagators: Any = _untyped
#: Messages of ASGI that have headers.
_STARTS = ("http.response.start", "websocket.accept")


class CorrelationResponsePropagator(_untyped.ResponsePropagator):
    """Sets the header in a response.

    Args:
        before: What the app had set, or ``None``.
    """

    def __init__(self, before: Any = None) -> None:
        self._before = before

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        """Set the header, if the request has an id; never raises for a reason of ours."""
        setter = propagators.default_setter if setter is None else setter
        if self._before is not None:
            self._before.inject(carrier, context=context, setter=setter)
        if isinstance(carrier, dict) and carrier.get("type", _STARTS[0]) not in _STARTS:
            return  # the body of a response of ASGI, which has no headers
        with guarded("the correlation id in a response"):
            header = policy.current.headers[0]
            found = _id_of(context)
            if found is not None and not _has(carrier, header):
                setter.set(carrier, header, found)


def _id_of(context: Context | None) -> str | None:
    """The id of the request; ASGI's instrumentation gives a context with nothing but its span."""
    found = correlation_id(context) or correlation_id()
    if found is None:
        from opentelemetry.trace import get_current_span

        value = (getattr(get_current_span(context), "attributes", None) or {}).get(KEY)
        return known(value)
    return found


def _has(carrier: Any, header: str) -> bool:
    """Whether the app has set the header itself."""
    headers: Any = carrier.get("headers") if isinstance(carrier, dict) else carrier
    if hasattr(headers, "has_header"):  # Django's response
        return bool(headers.has_header(header))
    if not isinstance(headers, list):
        return False
    names = (pair[0] for pair in headers if pair)
    return any(
        (name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower() == header
        for name in names
    )


def install(record: Callable[[str, Callable[[], None]], None]) -> None:
    """Make it the global one until the undoing, which ``record`` takes."""
    before = propagators.get_global_response_propagator()
    ours = CorrelationResponsePropagator(before)
    propagators.set_global_response_propagator(ours)

    def undo() -> None:
        if propagators.get_global_response_propagator() is ours:
            propagators.set_global_response_propagator(before)

    record("global response propagator", undo)
