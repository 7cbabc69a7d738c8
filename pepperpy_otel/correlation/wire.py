"""Baggage on the wire: W3C, for headers that a stranger may have written.

Takes the place of OpenTelemetry's own ``baggage`` propagator, which says a warning with the
offending text for each entry that it cannot read (two hundred lines a request, by whoever wants
that), copies the baggage for each entry of it, and sends to everybody.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import default_getter, default_setter

from pepperpy_otel.correlation import entries, policy
from pepperpy_otel.correlation.propagator import BAGGAGE, may_go, scrub
from pepperpy_otel.errors import guarded, report_internal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.propagators.textmap import CarrierT, Getter, Setter

#: ``baggage-octet`` of the recommendation, and ``+``, which is a space to OpenTelemetry.
_VALUE = re.compile(r"[!#-+\-./0-9:<-\[\]-~]*").fullmatch


class BoundedBaggagePropagator(W3CBaggagePropagator):
    """At most 64 entries and 8192 bytes, in and out; to allowed hosts only."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """A context with the entries of the header that are sound; the others are left out."""
        context = get_current() if context is None else context
        try:
            values = getter.get(carrier, BAGGAGE)
            header: Any = next(iter(values), None) if values else None
            if isinstance(header, bytes):
                header = header.decode("latin-1")
            if not header or not isinstance(header, str) or len(header) > entries.MAX_BYTES:
                return context
            found = dict(_parsed(header))
            return entries.replaced({**entries.of(context), **found}, context) if found else context
        except Exception as error:  # a getter of somebody else's
            report_internal("extracting baggage", error)
            return context

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the entries into the header, as many as there is room for."""
        with guarded("injecting baggage"):
            context = get_current() if context is None else context
            if not may_go(policy.current, context):
                scrub(carrier, (BAGGAGE,))
            elif header := written(entries.of(context)):
                setter.set(carrier, BAGGAGE, header)


def written(baggage: Any) -> str:
    """The header for some baggage."""
    parts: list[str] = []
    size = 0
    for key, value in baggage.items():
        if not entries.is_key(key):
            continue
        part = f"{key}={quote(entries.text(value).encode('utf-8', 'replace'), safe='~:/@')}"
        if len(part) > entries.MAX_VALUE or size + len(part) + 1 > entries.MAX_BYTES:
            continue
        parts.append(part)
        size += len(part) + 1
        if len(parts) == entries.MAX_ENTRIES:
            break
    return ",".join(parts)


def _parsed(header: str) -> Iterator[tuple[str, str]]:
    for item in header.split(",", entries.MAX_ENTRIES)[: entries.MAX_ENTRIES]:
        member = item.partition(";")[0]  # properties have no place in a context
        key, equals, value = member.partition("=")
        key, value = key.strip(" \t"), value.strip(" \t")
        if equals and len(member) <= entries.MAX_VALUE and entries.is_key(key) and _VALUE(value):
            yield _plain(key), unquote_plus(value).strip()


def _plain(key: str) -> str:
    """The key as it was meant: OpenTelemetry for Python encodes keys, too, others do not."""
    decoded = unquote_plus(key)
    return decoded if entries.is_key(decoded) else key
