"""Spans without secrets: name, attributes, events, links, status, trace state, resource, scope.

Called inside of the app's ``end()``. A span in which nothing is found goes on as it is; else a
copy does, since the app's own processors hold the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, Status

from pepperpy_otel import _compat
from pepperpy_otel.redaction.records import Headers, bounded, context_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.redaction.redactor import Redactor


class SpanRedactor:
    """Makes spans fit to leave.

    Args:
        redactor: Looks at texts and attributes.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._headers = Headers(redactor)

    def __call__(self, span: ReadableSpan) -> ReadableSpan | None:
        """The span itself, or a copy without secrets; ``None`` if it cannot be looked through."""
        try:
            return self._redacted(span)
        except Exception as error:  # what it says may quote the span
            self._redactor.failed("a span", error)
            return None

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        context, parent, name, attributes, events, links, status, dropped = _contents(span)
        redactor = self._redactor
        shown_name = redactor.text(name, "span.name")
        shown = redactor.attributes(attributes)
        resource, scope = span.resource, span.instrumentation_scope
        shown_resource = self._headers.resource(resource)
        shown_scope = self._headers.scope(scope)
        shown_context = context_of(context, redactor)
        shown_parent = parent if parent is None else context_of(parent, redactor)
        shown_status = self._status(status)
        shown_events = self._events(events) if events else None
        shown_links = self._links(links) if links else None
        if (
            shown is attributes
            and shown_name == name
            and shown_resource is resource
            and shown_scope is scope
            and shown_context is context
            and shown_parent is parent
            and shown_status is status
            and shown_events is None
            and shown_links is None
        ):
            return span
        return ReadableSpan(
            name=shown_name,
            context=shown_context,
            parent=shown_parent,
            resource=shown_resource,
            attributes=bounded(shown, dropped[0]),
            events=_list(events if shown_events is None else shown_events, dropped[1]),
            links=_list(links if shown_links is None else shown_links, dropped[2]),
            kind=span.kind,
            status=shown_status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=shown_scope,
        )

    def _status(self, status: Any) -> Any:
        description = None if status is None else status.description
        if not description:
            return status
        shown = self._redactor.text(description, "status.description")
        return status if shown == description else Status(status.status_code, shown)

    def _events(self, events: Iterable[Any]) -> list[Any] | None:
        """``None`` if there is nothing to take out."""
        found, same = [], True
        for event in list(events):
            name = self._redactor.text(event.name, "event.name")
            attributes = plain(event.attributes)
            shown = self._redactor.attributes(attributes)
            if name == event.name and shown is attributes:
                found.append(event)
                continue
            same = False
            dropped = getattr(event, "dropped_attributes", 0)
            found.append(Event(name, bounded(shown, dropped), event.timestamp))
        return None if same else found

    def _links(self, links: Iterable[Any]) -> list[Any] | None:
        found, same = [], True
        for link in list(links):
            attributes = plain(link.attributes)
            shown = self._redactor.attributes(attributes)
            context = context_of(link.context, self._redactor)
            if shown is attributes and context is link.context:
                found.append(link)
                continue
            same = False
            dropped = getattr(link, "dropped_attributes", 0)
            found.append(Link(context, bounded(shown, dropped)))
        return None if same else found


def _contents(span: Any) -> tuple[Any, ...]:
    """The SDK's own, finished spans by one look at each field; those of others as they show it."""
    if type(span) is ReadableSpan:
        try:
            found = _compat.span_contents(span)
        except AttributeError:  # it was put together by hand
            pass
        else:
            context, parent, name, _, _, _, attributes, events, links, status, *dropped = found
            return context, parent, name, attributes, events, links, status, dropped
    return (
        span.context,
        span.parent,
        span.name,
        dict(span.attributes or {}),
        span.events,
        span.links,
        span.status,
        (span.dropped_attributes, span.dropped_events, span.dropped_links),
    )


def _list(items: Iterable[Any], dropped: int) -> Any:
    kept: Any = BoundedList.from_seq(None, list(items))
    kept.dropped = dropped
    return kept
