"""Any value as an OTLP ``AnyValue``: none is refused, and none raises.

https://opentelemetry.io/docs/specs/otel/common/#mapping-arbitrary-data-to-otlp-anyvalue

What has no place in OTLP becomes text: integers of more than 64 bits, other objects (``str``), and
``<unprintable TYPE>`` where that fails. Subclasses are asked for what their base type holds, so
that an override does not decide what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Rational, Real
from operator import index
from struct import Struct
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.otlp.wire import MORE, SMALL, VARINTS, delimited, varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Containers inside of one another that a value may have: with the attributes themselves 32. One
#: more level of maps, and receivers that allow 100 levels of messages (protobuf's default in
#: Python, Java and C++) refuse the whole request.
MAX_DEPTH = 31
#: Members of all containers of one value together: a list that holds another twice, and so on, is
#: small in memory and has no end on the wire.
MAX_MEMBERS = 100_000

TOO_DEEP = "<nested too deep>"
TOO_MANY = "<too many members>"
RECURSION = "<recursion>"

_SURROGATES = re.compile("[\ud800-\udfff]")
_WRAP = 1 << 64
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1
#: What stands before a short string.
_STRINGS = tuple(b"\x0a" + size for size in VARINTS[:512])
_SHORT = len(_STRINGS)
_double = Struct("<cd").pack


def utf8(text: str) -> bytes:
    """UTF-8, which has no surrogates: each becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def text_of(value: object) -> str:
    """``str(value)`` as a plain string; never raises."""
    if type(value) is str:
        return value
    try:
        return str.__str__(value if isinstance(value, str) else str(value))
    except Exception:
        return unprintable(value)


def unprintable(value: object) -> str:
    """What stands for an object that cannot say what it is."""
    # Not type(value).__name__: a metaclass may raise there, too.
    return f"<unprintable {type.__dict__['__name__'].__get__(type(value))}>"


def any_value(value: Any) -> bytes:
    """The ``AnyValue`` message of any object."""
    encode = SCALARS.get(type(value))
    return _Walk().container(value, 0) if encode is None else encode(value)


def _string(value: str) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = utf8(value)
    size = len(data)
    return _STRINGS[size] + data if size < _SHORT else b"\x0a%b%b" % (varint(size), data)


def _bool(value: bool) -> bytes:
    return b"\x10\x01" if value else b"\x10\x00"


def integer(value: int) -> bytes:
    """An integer; its text beyond 64 bits."""
    if 0 <= value < SMALL:
        return b"\x18" + VARINTS[value]
    if value > _MAX_INT64 or value < _MIN_INT64:
        return _string(text_of(value))
    if value < 0:
        value += _WRAP
    encoded = b"\x18"
    while value >= SMALL:  # varint(), without the call
        encoded += MORE[value & 127]
        value >>= 7
    return encoded + VARINTS[value]


def _float(value: float) -> bytes:
    return _double(b"\x21", value)


def _bytes(value: bytes) -> bytes:
    return delimited(b"\x3a", value)


def _none(value: None) -> bytes:
    return b""


#: By exact type, which is the quickest question that Python can answer.
SCALARS: dict[type, Callable[[Any], bytes]] = {
    str: _string,
    bool: _bool,
    int: integer,
    float: _float,
    bytes: _bytes,
    type(None): _none,
}


class _Walk:
    """The way through one value: which containers it is inside of, and how much it has seen."""

    __slots__ = ("_inside", "_left")

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._left = MAX_MEMBERS

    def container(self, value: Any, depth: int) -> bytes:
        """The ``AnyValue`` of what is not plainly a scalar."""
        try:
            kind = type(value)
            if kind is dict:
                return self._nested(value, depth, self._map)
            if kind is list or kind is tuple:
                return self._nested(value, depth, self._array)
            return self._other(value, depth)
        except Exception:
            return _string(unprintable(value))

    def _value(self, value: Any, depth: int) -> bytes:
        encode = SCALARS.get(type(value))
        return self.container(value, depth) if encode is None else encode(value)

    def _nested(self, value: Any, depth: int, encode: Callable[[Any, int], bytes]) -> bytes:
        identity = id(value)
        if identity in self._inside:
            return _string(RECURSION)
        if depth >= MAX_DEPTH:
            return _string(TOO_DEEP)
        self._inside.add(identity)
        try:
            return encode(value, depth + 1)
        finally:
            self._inside.discard(identity)

    def _array(self, value: Iterable[Any], depth: int) -> bytes:
        parts = []
        for member in self._counted(value, TOO_MANY):
            data = self._value(member, depth)
            parts.append(delimited(b"\x0a", data))
        return delimited(b"\x2a", b"".join(parts))

    def _map(self, value: Mapping[Any, Any], depth: int) -> bytes:
        # A copy, since another thread may be at it; by text, since 1 and "1" may both be keys.
        members = value.copy() if type(value) is dict else value
        fields = {}
        for key, member in self._counted(members.items(), (TOO_MANY, None)):
            name = utf8(text_of(key))
            fields[name] = key_value(name, self._value(member, depth))
        return delimited(b"\x32", b"".join([delimited(b"\x0a", data) for data in fields.values()]))

    def _counted(self, members: Iterable[Any], end: Any) -> Iterator[Any]:
        for member in members:
            if self._left <= 0:
                yield end
                return
            self._left -= 1
            yield member

    def _other(self, value: Any, depth: int) -> bytes:
        if isinstance(value, (str, int, float, bytes)):
            return _base(value)
        if isinstance(value, (bytearray, memoryview)):
            return _bytes(bytes(value))
        if isinstance(value, Mapping):
            return self._nested(value, depth, self._map)
        if isinstance(value, Sequence):
            return self._nested(value, depth, self._array)
        return _number(value) or _string(text_of(value))


def key_value(name: bytes, data: bytes) -> bytes:
    """The ``KeyValue`` message of a UTF-8 key and an ``AnyValue``."""
    return b"\x0a%b%b\x12%b%b" % (varint(len(name)), name, varint(len(data)), data)


def _base(value: Any) -> bytes:
    """What an instance of a subclass (``IntEnum``, numpy's ``float64``) holds."""
    if isinstance(value, str):
        return _string(str.__str__(value))
    if isinstance(value, int):
        return integer(int.__int__(value))
    if isinstance(value, float):
        return _float(float.__float__(value))
    return _bytes(bytes.__getitem__(value, slice(None)))


def _number(value: Any) -> bytes:
    """Numbers that are no subclass of Python's, such as numpy's ``int64`` and ``float32``.

    Fractions, decimals and complex numbers would lose something; their text does not.
    """
    try:
        if isinstance(value, Integral):
            return integer(index(value))
        if isinstance(value, Real) and not isinstance(value, Rational):
            return _float(float(value))
    except Exception:
        return b""
    return b""
