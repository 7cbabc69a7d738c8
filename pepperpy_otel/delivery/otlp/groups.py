"""Spans or records of a batch by resource, then by scope, as OTLP wants them."""

from __future__ import annotations

from typing import Any, NamedTuple

from pepperpy_otel.delivery.otlp.memo import AttributeTable, TextTable
from pepperpy_otel.delivery.otlp.wire import delimited

#: Resources and scopes whose bytes are kept. They do not change once they are made.
KEPT = 64


class _Header(NamedTuple):
    """The bytes of a resource or scope, and what makes it equal to another."""

    body: bytes
    schema_url: bytes
    key: tuple[bytes, frozenset[bytes], bytes]


class Headers:
    """Encodes resources and scopes, and keeps what it encoded last."""

    def __init__(self) -> None:
        self._resource_attributes = AttributeTable(1, 256)
        self._scope_attributes = AttributeTable(3, 256)
        self._name = TextTable(1, 256)
        self._version = TextTable(2, 256)
        self._schema_url = TextTable(3, 256)
        self._kept: dict[int, tuple[object, _Header]] = {}

    def resource(self, resource: Any) -> _Header:
        """A ``Resource``; an empty one for ``None``."""
        return self._of(resource, self._encode_resource)

    def scope(self, scope: Any) -> _Header:
        """An ``InstrumentationScope``; an empty one for ``None``."""
        return self._of(scope, self._encode_scope)

    def _of(self, thing: Any, encode: Any) -> _Header:
        kept = self._kept.get(id(thing))
        if kept is not None and kept[0] is thing:
            return kept[1]
        header: _Header = encode(thing)
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[id(thing)] = (thing, header)  # held, so that its id remains its own
        return header

    def _encode_resource(self, resource: Any) -> _Header:
        fields = self._resource_attributes.fields(getattr(resource, "attributes", None))
        return self._header(resource, b"", fields)

    def _encode_scope(self, scope: Any) -> _Header:
        fields = self._scope_attributes.fields(getattr(scope, "attributes", None))
        name = self._name.of(getattr(scope, "name", None) or None)
        version = self._version.of(getattr(scope, "version", None) or None)
        return self._header(scope, name + version, fields)

    def _header(self, thing: Any, start: bytes, fields: list[bytes]) -> _Header:
        schema_url = self._schema_url.of(getattr(thing, "schema_url", None) or None)
        body = delimited(b"\x0a", start + b"".join(fields))
        return _Header(body, schema_url, (start, frozenset(fields), schema_url))


class Groups:
    """One batch's groups, in the order in which each came first.

    What is equal is one group, as in the stock encoder, and what encodes alike is: a version that
    is missing and one that is empty.
    """

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self._resources: dict[Any, tuple[_Header, dict[Any, tuple[_Header, list[bytes]]]]] = {}

    def of(self, resource: Any, scope: Any) -> list[bytes]:
        """The list to which the fields of this resource's and scope's items are added."""
        header = self._headers.resource(resource)
        scopes = self._resources.setdefault(header.key, (header, {}))[1]
        scope_header = self._headers.scope(scope)
        return scopes.setdefault(scope_header.key, (scope_header, []))[1]

    def body(self) -> bytes:
        """The request."""
        resources = []
        for header, scopes in self._resources.values():
            parts = [header.body]
            for scope, items in scopes.values():
                fields = b"".join((scope.body, *items, scope.schema_url))
                parts.append(delimited(b"\x12", fields))
            if scopes:  # none, if the only one could not be encoded
                resources.append(delimited(b"\x0a", b"".join((*parts, header.schema_url))))
        return b"".join(resources)
