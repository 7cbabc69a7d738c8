"""Private fields of ended spans, read where every nanosecond is paid by the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container

#: Place of the trace flags in a ``SpanContext``, which is a tuple, and the flag "sampled".
_TRACE_FLAGS = 3
_SAMPLED = 1


def span_intake(
    append: Callable[[Any, int], None],
    *,
    base: int,
    per_attribute: int,
    large: int,
    flat: Container[type],
    weigh: Callable[[Any], int],
    otherwise: Callable[[Any], None],
) -> Callable[[Any], None]:
    """Make an ``on_end`` that costs as little as counting bytes can.

    Private: ``_context`` (and the order of its fields), ``_attributes._dict``, ``_events._dq`` and
    ``_links._dq`` of the SDK's ``ReadableSpan``. Its public properties copy all of them, which
    made reading dearer than all the rest.

    Args:
        append: Takes a sampled span and its estimated bytes.
        base: Bytes of a span without its contents.
        per_attribute: Bytes of an attribute without the text in its value.
        flat: Types whose values are no larger than that.
        weigh: Gives the bytes of a value of any other type but ``str``.
        large: Bytes from which on a span is to be counted with care.
        otherwise: Takes such a span, one with events, links or a long name, and what is none.
    """

    def on_end(span: Any) -> None:
        try:
            if not span._context[_TRACE_FLAGS] & _SAMPLED:
                return
            values = span._attributes._dict.values()
            size = base + per_attribute * len(values)
            for value in values:
                if type(value) is str:
                    size += len(value)
                elif type(value) not in flat:
                    size += weigh(value)
            if size > large or span._events._dq or span._links._dq or len(span._name) > base:
                otherwise(span)
            else:
                append(span, size)
        except Exception:
            otherwise(span)

    return on_end
