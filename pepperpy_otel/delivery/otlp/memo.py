"""What comes again and again, encoded once: names, and attributes with short values.

Bounded by entries, each of bounded bytes, so that no sum has to be kept: a full table is emptied,
which is cheaper than to know what was used last. Every step is one operation on a dictionary, so
that several threads may share a table; at worst two of them encode the same thing.
"""

from __future__ import annotations

import struct
from itertools import islice
from operator import getitem
from random import Random
from typing import Any

from opentelemetry.attributes import BoundedAttributes

from pepperpy_otel.delivery.otlp.values import (
    MAX_MEMBERS,
    SCALARS,
    any_value,
    integer,
    text_of,
    utf8,
)
from pepperpy_otel.delivery.otlp.wire import LENGTH, delimited, tag, varint

#: Bytes of a key or name, and of a value, that may be kept.
KEPT_NAME = 128
KEPT_VALUE = 64
#: The share of new values that are kept. Ids and paths never come again, and what does come again
#: is soon among the kept.
ADMITTED = 0.125
#: Types that can be looked for without running code of the app or going deep.
_FLAT = frozenset((str, int, bool, float, bytes, type(None)))
_pack_double = struct.Struct("<d").pack


class TextTable(dict[Any, bytes]):
    """A text field of a message: ``table[text]`` is its bytes.

    Args:
        field: The field's number.
        limit: Texts to keep.
    """

    def __init__(self, field: int, limit: int = 1024) -> None:
        self._tag = tag(field, LENGTH)
        self._limit = limit

    def __missing__(self, text: str) -> bytes:
        encoded = delimited(self._tag, utf8(text))
        if len(encoded) <= KEPT_NAME:
            if len(self) >= self._limit:
                self.clear()
            self[text] = encoded
        return encoded

    def of(self, text: Any) -> bytes:
        """The field with any object's text; nothing for ``None``."""
        if type(text) is str:
            return self[text]
        if text is None:
            return b""
        if isinstance(text, bytes):  # protobuf takes it, too
            return self[bytes.decode(text, "utf-8", "replace")]
        return self[text_of(text)]


class AttributeTable(dict[str, "_Attribute"]):
    """A repeated ``KeyValue`` field of a message: ``table[key][value]`` is the bytes of one.

    Args:
        field: The field's number.
        limit: Entries to keep, which are keys, values and sizes of values.
    """

    def __init__(self, field: int, limit: int = 4096) -> None:
        self.tag = tag(field, LENGTH)
        self.draw = Random(0).random
        self._limit = limit
        self._entries = 0

    def fields(self, attributes: Any) -> list[bytes]:
        """Each attribute's field; never raises."""
        try:
            # A copy, since another thread may be at it; and the SDK's mappings are slow otherwise.
            plain = attributes.copy()
            if type(attributes) is BoundedAttributes or _FLAT.issuperset(map(type, plain.values())):
                return self.clean_fields(plain)
        except Exception:  # no mapping, or one of a kind that has no copy()
            return self._carefully(attributes)
        return self._carefully(plain)

    def clean_fields(self, attributes: Any) -> list[bytes]:
        """The same for a dictionary that has been through the SDK.

        Its values are hashed, and to hash a tuple that is nested a hundred thousand times ends the
        process.
        """
        try:
            return list(map(getitem, map(self.__getitem__, attributes), attributes.values()))
        except Exception:
            return self._carefully(attributes)

    def _carefully(self, attributes: Any) -> list[bytes]:
        """The same for values without a hash, keys that are no strings, and worse."""
        fields: dict[str, bytes] = {}
        try:
            for key, value in islice(attributes.items(), MAX_MEMBERS):
                name = text_of(key)  # 1 and "1" may both be keys
                fields[name] = self[name].__missing__(value)
        except Exception:  # no mapping, or one that breaks: what came before that stays
            return list(fields.values())
        return list(fields.values())

    def __missing__(self, key: str) -> _Attribute:
        if type(key) is not str:
            raise TypeError("the key is no plain string")
        name = utf8(key)
        attribute = _Attribute(self, delimited(b"\x0a", name) + b"\x12")
        if len(name) <= KEPT_NAME:
            self.keep(self, key, attribute)
        return attribute

    def keep(self, table: dict[Any, Any], key: Any, content: Any) -> None:
        """Put something into ``table``, which is this one or belongs to it."""
        self._entries += 1
        if self._entries > self._limit:
            self._entries = 1
            self.clear()
        table[key] = content


class _Attribute(dict[Any, bytes]):
    """The field of one key by its value.

    As a dictionary it holds those of strings. Integers are in one of their own, since ``True == 1
    == 1.0``; of other types nothing is kept but what stands before a value of some size.
    """

    __slots__ = ("_name", "_numbers", "_starts", "_table", "_text_starts")

    def __init__(self, table: AttributeTable, name: bytes) -> None:
        self._table = table
        self._name = name
        self._numbers: dict[int, bytes] = {}
        self._text_starts: dict[int, bytes] = {}
        self._starts: dict[int, bytes] = {}

    def __missing__(self, value: Any) -> bytes:
        kind = type(value)
        if kind is str:
            try:
                data = value.encode()
            except UnicodeEncodeError:
                data = utf8(value)
            size = len(data)
            start = self._text_starts.get(size)
            if start is None:
                start = self._start(self._text_starts, size, b"\x0a" + varint(size))
            encoded: bytes = start + data
            if self._table.draw() < ADMITTED and size <= KEPT_VALUE:
                self._table.keep(self, value, encoded)
            return encoded
        if kind is int:
            return self._numbers.get(value) or self._number(value)
        data = SCALARS.get(kind, any_value)(value)
        start = self._starts.get(len(data))
        return (self._start(self._starts, len(data), b"") if start is None else start) + data

    def _number(self, value: int) -> bytes:
        data = integer(value)
        size = len(data)
        start = self._starts.get(size)
        encoded = (self._start(self._starts, size, b"") if start is None else start) + data
        if self._table.draw() < ADMITTED and size <= KEPT_VALUE:
            self._table.keep(self._numbers, value, encoded)
        return encoded

    def _start(self, starts: dict[int, bytes], size: int, own: bytes) -> bytes:
        """What stands before ``size`` bytes of a value, of which the last are its ``own``."""
        value = len(own) + size
        inner = b"%b%b%b" % (self._name, varint(value), own)
        start = self._table.tag + varint(len(inner) + size) + inner
        if size <= KEPT_VALUE and len(inner) <= 2 * KEPT_NAME:
            self._table.keep(starts, size, start)
        return start
