"""What spans and log records share: attributes, trace state, resources and scopes.

Resources and scopes are looked through once and remembered by their identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.redaction.redactor import Redactor

#: Resources and scopes that are remembered.
_KEPT = 64


class Headers:
    """Looks through resources and scopes.

    Args:
        redactor: Looks at their texts.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._kept: dict[int, tuple[object, Any]] = {}

    def resource(self, resource: Any) -> Any:
        """The same resource, or one without secrets."""
        return self._of(resource, self._resource)

    def scope(self, scope: Any) -> Any:
        """The same instrumentation scope, or one without secrets."""
        return self._of(scope, self._scope)

    def _of(self, thing: Any, look: Callable[[Any], Any]) -> Any:
        kept = self._kept.get(id(thing))
        if kept is not None and kept[0] is thing:
            return kept[1]
        found = look(thing)
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[id(thing)] = (thing, found)  # held, so that its id remains its own
        return found

    def _resource(self, resource: Any) -> Any:
        if resource is None:
            return None
        url = self._redactor.text(resource.schema_url or "", "resource.schema_url")
        attributes = plain(resource.attributes)
        shown = self._redactor.attributes(attributes)
        if shown is attributes and url == (resource.schema_url or ""):
            return resource
        return Resource(dict(shown), url)

    def _scope(self, scope: Any) -> Any:
        if scope is None:
            return None
        text = self._redactor.text
        name = text(scope.name or "", "scope.name")
        version = None if scope.version is None else text(scope.version, "scope.version")
        url = None if scope.schema_url is None else text(scope.schema_url, "scope.schema_url")
        attributes = plain(getattr(scope, "attributes", None))
        shown = self._redactor.attributes(attributes)
        if (name, version, url) == (scope.name, scope.version, scope.schema_url) and (
            shown is attributes
        ):
            return scope
        return InstrumentationScope(name, version, url, dict(shown))


def plain(attributes: Any) -> Mapping[Any, Any]:
    """Attributes as a mapping of which nobody else has the keys; what is no mapping has none."""
    if type(attributes) is dict:
        return attributes
    if not attributes:
        return {}
    copy: Callable[[], Mapping[Any, Any]] | None = getattr(attributes, "copy", None)
    return dict(attributes) if copy is None else copy()


def bounded(attributes: Mapping[Any, Any], dropped: int) -> BoundedAttributes:
    """Attributes as the SDK keeps them."""
    kept = BoundedAttributes(attributes=dict(attributes))
    kept.dropped = dropped
    return kept


def context_of(context: Any, redactor: Redactor) -> Any:
    """A span context, without those members of its trace state that hold a secret."""
    state = None if context is None else context.trace_state
    if not state:
        return context
    kept = [(key, value) for key, value in state.items() if _is_ordinary(key, value, redactor)]
    if len(kept) == len(state):
        return context
    return SpanContext(
        context.trace_id,
        context.span_id,
        context.is_remote,
        context.trace_flags,
        TraceState(kept),
    )


def _is_ordinary(key: str, value: str, redactor: Redactor) -> bool:
    return redactor.value(value, key) == value and redactor.text(key) == key
