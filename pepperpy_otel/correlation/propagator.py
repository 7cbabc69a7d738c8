"""``CorrelationPropagator``: the id in a header of its own, beside trace context and baggage.

Under the name ``correlation`` in ``OTEL_PROPAGATORS``; configure() adds it to the default ones.
The id lies in the baggage, which other services of OpenTelemetry read. The header is for all else:
gateways, browsers, scripts, log files of proxies.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter

from pepperpy_otel.correlation import entries, ids, policy
from pepperpy_otel.correlation.current import correlation_id
from pepperpy_otel.errors import guarded, report_internal

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.propagators.textmap import CarrierT, Getter, Setter

BAGGAGE = "baggage"


class CorrelationPropagator(TextMapPropagator):
    """Takes the id of a request from its headers, makes one by setting, and sends it on.

    Nothing that a carrier holds makes it raise, and an id that is too long or has other characters
    than ids have is not taken.
    """

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """A context with the id of the carrier, in a header or in the baggage read before."""
        context = Context() if context is None else context
        now = policy.current
        if now.mode == "off":
            return context
        found = None
        if now.mode != "replace":
            try:
                found = _found(now, carrier, getter)
            except Exception as error:  # a getter of somebody else's
                report_internal("extracting a correlation id", error)
            found = found or correlation_id(context)
        if found is None and now.mode != "accept":
            found = ids.made()
        return _with(found, context)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Put the id into the carrier, if its receiver may have it.

        For one that may not, what is there already goes: clients copy the headers of a request
        when they follow a redirection to another host.
        """
        now = policy.current
        with guarded("injecting a correlation id"):
            context = get_current() if context is None else context
            if not may_go(now, context):
                scrub(carrier, now.headers)
            elif now.mode != "off" and (found := correlation_id(context)) is not None:
                setter.set(carrier, now.headers[0], found)

    @property
    def fields(self) -> set[str]:
        """The header that ``inject()`` sets."""
        return {policy.current.headers[0]}


def may_go(now: policy.Policy, context: Context) -> bool:
    """Whether baggage and id may be sent to whom this context speaks to."""
    return now.hosts is None or now.hosts.allow_from(context)


def scrub(carrier: Any, names: Collection[str]) -> None:
    """Take headers out of a mapping or a list of pairs, whatever the case of their names."""
    if isinstance(carrier, MutableMapping):
        for key in [key for key in carrier if _name(key) in names]:
            del carrier[key]
    elif isinstance(carrier, list):
        carrier[:] = [pair for pair in carrier if not (pair and _name(pair[0]) in names)]


def _name(key: object) -> str:
    return (key.decode("latin-1") if isinstance(key, bytes) else str(key)).lower()


def _found(now: policy.Policy, carrier: CarrierT, getter: Getter[CarrierT]) -> str | None:
    for name in now.headers:
        values = getter.get(carrier, name)
        found = ids.valid(next(iter(values), None)) if values else None
        if found is not None:
            return found
    return None


def _with(found: str | None, context: Context) -> Context:
    before = entries.of(context)
    if before.get(ids.KEY) == found:
        return context
    kept = {key: value for key, value in before.items() if key != ids.KEY}
    return entries.replaced(kept if found is None else {**kept, ids.KEY: found}, context)
