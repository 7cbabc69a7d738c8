"""Values from the app, made fit for a span: whatever they are, nothing here raises.

The SDK calls ``str()`` on values, iterates them and formats them into its warnings, partly while
it holds the span's lock: an object whose ``__str__`` raises, touches the span or contains itself
would raise into the app or hang it. So everything but plain types is turned into plain types here,
before the SDK sees it, and in the same way in which the SDK does it for values that behave.
"""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

#: Types that the SDK stores as they are; a subclass is not among them, it may do anything.
PLAIN = frozenset((str, int, float, bool, bytes, type(None)))
_STRING = frozenset((str,))
_DICTS = (dict, MappingProxyType)
#: Deeper containers, and more members in all, are cut off: nothing may go on for ever.
MAX_DEPTH = 32
MAX_MEMBERS = 100_000
#: More links than any limit lets stay.
MAX_LINKS = 10_000

#: OTLP carries nanoseconds in 64 bits without a sign.
_END_OF_TIME = 1 << 64

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(value: object) -> Any:
    """``value`` in plain types: containers as tuples and dicts, other objects as their text."""
    if type(value) in PLAIN:
        return value
    try:
        return _Cleaner().clean(value, 0)
    except Exception:
        return unprintable(value)


def plain_attributes(attributes: Any) -> Mapping[str, Any]:
    """Attributes in plain types; without those that have no usable name, empty for no mapping."""
    try:
        if (
            type(attributes) in _DICTS
            and PLAIN.issuperset(map(type, attributes.values()))
            and _STRING.issuperset(map(type, attributes))
        ):
            return attributes  # type: ignore[no-any-return]
        if not isinstance(attributes, Mapping):
            return {}
        # A copy: another thread may be changing the app's dictionary.
        return _Cleaner().items(dict(islice(attributes.items(), MAX_MEMBERS)))
    except Exception:
        return {}


def plain_links(links: Iterable[Any]) -> list[Link]:
    """Those links that are links, with plain attributes."""
    plain: list[Link] = []
    with contextlib.suppress(Exception):  # what came before it raised stays
        plain.extend(
            Link(link.context, plain_attributes(link.attributes))
            for link in islice(links, MAX_LINKS)
            if isinstance(link, Link) and is_span_context(link.context)
        )
    return plain


def is_a(value: object, kind: type[T]) -> TypeGuard[T]:
    """``isinstance()``, which raises for an object whose ``__class__`` does."""
    try:
        return isinstance(value, kind)
    except Exception:
        return False


def is_span_context(value: object) -> TypeGuard[SpanContext]:
    """Whether it is a span context with ids that are ids."""
    if type(value) is not SpanContext:
        return False
    trace_id, span_id = value.trace_id, value.span_id
    return (
        type(trace_id) is int
        and type(span_id) is int
        and type(value.is_remote) is bool
        and type(value.trace_flags) in (TraceFlags, int)
        and type(value.trace_state) is TraceState
        and 0 <= trace_id < 1 << 128
        and 0 <= span_id < 1 << 64
    )


def key(name: object) -> str:
    """An attribute's name as the SDK would take it; empty for one that it would drop."""
    if type(name) is str:
        return name
    try:
        return str.__str__(clean(name) or "") if isinstance(name, str) else ""
    except Exception:
        return ""


def time(value: object) -> int | None:
    """Nanoseconds, or ``None`` (which the SDK reads as now) for what OTLP cannot carry."""
    return value if type(value) is int and 0 <= value < _END_OF_TIME else None


def text(value: object) -> str:
    """``value`` as a string that can be encoded as UTF-8."""
    cleaned = clean(value)
    if type(cleaned) is not str:
        try:
            cleaned = str(cleaned)
        except ValueError:  # an integer of more digits than Python prints
            cleaned = unprintable(cleaned)
    return cleaned if cleaned.isascii() else _SURROGATES.sub("\ufffd", cleaned)


def unprintable(value: object) -> str:
    """What stands for an object that cannot say what it is."""
    return f"<unprintable {_of_type('__qualname__', value)}>"


def described(exception: object) -> str:
    """Type and message of an exception, as the SDK puts them into a span's status."""
    return f"{_of_type('__name__', exception)}: {message(exception)}"


def message(exception: object) -> str:
    """What an exception says, also when it cannot."""
    try:
        return text(str(exception))
    except Exception:
        return unprintable(exception)


def exception_attributes(exception: object, *, escaped: bool) -> dict[str, str]:
    """The attributes of an exception event, for what the SDK cannot record."""
    module, name = _of_type("__module__", exception), _of_type("__qualname__", exception)
    return {
        "exception.type": name if module in ("", "builtins") else f"{module}.{name}",
        "exception.message": message(exception),
        "exception.stacktrace": _stacktrace(exception),
        "exception.escaped": text(escaped),
    }


def _stacktrace(exception: object) -> str:
    """Where it was raised, without its own words."""
    try:
        return text("".join(traceback.format_tb(getattr(exception, "__traceback__", None))))
    except Exception:
        return ""


def _of_type(name: str, value: object) -> str:
    """``__qualname__``, for example, of the value's type, whatever its metaclass says."""
    found = type.__dict__[name].__get__(type(value))
    return text(found) if isinstance(found, str) else ""


class _Cleaner:
    """One value's cleaning: knows which containers it is inside of, and how much it has seen."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._left = MAX_MEMBERS

    def clean(self, value: Any, depth: int) -> Any:
        if type(value) in PLAIN:
            return value
        if isinstance(value, (str, int, float, bytes)):
            return _base_value(value)
        if isinstance(value, Sequence):
            return self._container(value, depth, self._members)
        if isinstance(value, Mapping):
            return self._container(value, depth, self.items)
        return str.__str__(str(value)) if _says_something(value) else None

    def _container(self, value: object, depth: int, take: Any) -> Any:
        if id(value) in self._inside:
            return f"<recursion on {_of_type('__qualname__', value)}>"
        if depth >= MAX_DEPTH:
            return f"<nested too deeply: {_of_type('__qualname__', value)}>"
        self._inside.add(id(value))
        try:
            return take(value, depth + 1)
        finally:
            self._inside.discard(id(value))

    def _members(self, value: Sequence[object], depth: int) -> tuple[Any, ...]:
        return tuple(self._member(member, depth) for member in self._counted(value))

    def items(self, value: Mapping[object, object], depth: int = 0) -> dict[str, Any]:
        cleaned = {}
        for name, member in self._counted(value.items()):
            known = key(name) or _key_text(name)
            if known:
                cleaned[known] = self._member(member, depth)
        return cleaned

    def _counted(self, members: Iterable[Any]) -> Iterator[Any]:
        for member in members:
            if self._left <= 0:
                return
            self._left -= 1
            yield member

    def _member(self, value: object, depth: int) -> Any:
        """One broken member does not cost its neighbours."""
        try:
            return self.clean(value, depth)
        except Exception:
            return unprintable(value)


def _key_text(name: Any) -> str:
    """In a mapping the SDK takes the text of names that are no strings, but for empty ones."""
    try:
        return str.__str__(str(name)) if name and _says_something(name) else ""
    except Exception:
        return ""


def _base_value(value: Any) -> Any:
    """What an instance of a subclass (``IntEnum``, numpy's floats) holds, without its methods."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return bytes.__getitem__(value, slice(None))


def _says_something(value: object) -> bool:
    """Whether its text is more than type and address; that text the SDK leaves out."""
    kind = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
