"""Any queue: the context of here and now in the headers of a message, and back out of them.

For what has no instrumentation: a pipe, a table of jobs, a file, a broker of one's own. Celery and
the clients of Kafka are instrumented by OpenTelemetry's packages and need none of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import Getter, Setter

from pepperpy_otel.correlation import hosts
from pepperpy_otel.correlation.current import _Block
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def inject(
    carrier: MutableMapping[str, Any] | list[Any] | None = None, *, host: str | None = None
) -> Any:
    """Write trace, baggage and correlation id into the headers of a message.

    Args:
        carrier: A mapping, or a list of ``(name, value)`` pairs as Kafka has it, whose values then
            are bytes; a new dict by default.
        host: Who gets it, ``host`` or ``host:port``: needed where ``propagation_hosts`` is set,
            which else lets only the trace through.

    Returns:
        The carrier.
    """
    carrier = {} if carrier is None else carrier
    try:
        from opentelemetry import propagate

        context = get_current() if host is None else hosts.going_to(host)
        propagate.inject(carrier, context=context, setter=_SETTER)
    except Exception as error:
        report_internal("inject()", error)
    return carrier


class extract(_Block):
    """Go on, in a block, with what ``inject()`` wrote into the headers of a message.

    Example::

        for message in queue:
            with extract(message.headers), tracer.start_span("handle"):
                ...

    Args:
        carrier: A mapping or a list of pairs; values may be bytes. Nothing in it raises.
    """

    __slots__ = ("_carrier",)

    def __init__(self, carrier: Mapping[Any, Any] | Iterable[Any] | None) -> None:
        self._carrier = carrier

    def __enter__(self) -> Context:
        context = Context()
        try:
            from opentelemetry import propagate

            context = propagate.extract(_as_mapping(self._carrier), context, getter=_GETTER)
        except Exception as error:
            report_internal("extract()", error)
        self._attach(context)
        return context


def _as_mapping(carrier: Any) -> dict[str, Any]:
    """Headers by name in lower case; of several the first counts, as in HTTP."""
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier or ()
    headers: dict[str, Any] = {}
    for pair in pairs:
        try:
            name, value = pair
        except (TypeError, ValueError):
            continue
        headers.setdefault(_text(name).lower(), value)
    return headers


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Headers(Getter[Any]):
    def get(self, carrier: Any, key: str) -> list[str] | None:
        value = carrier.get(key.lower())
        if isinstance(value, (list, tuple)):
            value = value[0] if value else None
        return None if value is None else [_text(value)]

    def keys(self, carrier: Any) -> list[str]:
        return list(carrier)


class _Write(Setter[Any]):
    def set(self, carrier: Any, key: str, value: str) -> None:
        if isinstance(carrier, list):
            carrier.append((key, value.encode("utf-8")))
        else:
            carrier[key] = value


_GETTER = _Headers()
_SETTER = _Write()
