"""The correlation id and the baggage of the current context: read, and set for a block.

As everything that the app calls, none of it raises: a bad value is made to fit or left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach

from pepperpy_otel import _compat
from pepperpy_otel.correlation import entries, ids
from pepperpy_otel.errors import guarded, report_internal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from opentelemetry.context import Context

_detach_or_raise = _compat.context_detacher()


def correlation_id(context: Context | None = None) -> str | None:
    """The correlation id that is current, or ``None``.

    Args:
        context: The OpenTelemetry context to look in; the current one by default.
    """
    return ids.known(entries.of(context).get(ids.KEY))


class _Block:
    """A context that is current in a ``with`` block; to be entered once at a time."""

    __slots__ = ("_token",)

    def _attach(self, context: Context) -> None:
        self._token: Any = attach(context)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        detach(self._token)


class use_correlation_id(_Block):
    """Have a correlation id in a block, and in all that the block calls, starts and sends.

    Example::

        with use_correlation_id("order-4711") as correlation_id:
            charge(order)  # its spans, logs and requests carry the id

    Args:
        value: The id; ``None`` makes a new one. It has at most 128 characters: letters, digits
            and ``. _ : / + = @ ~ # -``; any other becomes ``_``.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object = None) -> None:
        self._value = value

    def __enter__(self) -> str:
        value = ids.made() if self._value is None else ids.cleaned(self._value)
        self._attach(entries.replaced({**entries.of(), ids.KEY: value}))
        return value


class bind(_Block):
    """Have baggage in a block: it goes wherever the context goes, to other services too.

    Those keys that the setting ``baggage_attributes`` allows become attributes of spans and logs.

    Example::

        with bind({"order.id": 4711}, tenant="acme"):
            ...

    Args:
        values: Entries whose keys are no Python names.
        **baggage: Entries; values become text.
    """

    __slots__ = ("_added",)

    def __init__(self, values: Mapping[str, object] | None = None, /, **baggage: object) -> None:
        self._added: dict[Any, Any] = dict(baggage)
        with guarded("bind()"):
            self._added = {**(values or {}), **baggage}

    def __enter__(self) -> None:
        try:
            context = entries.replaced(entries.merged(entries.of(), self._added))
        except Exception as error:
            report_internal("bind()", error)
            context = entries.replaced(entries.of())
        self._attach(context)


def detach(token: Any) -> None:
    """Make the context before current again, unless this is not where it was left."""
    try:  # noqa: SIM105 - suppress() costs more than everything else that leaving does
        _detach_or_raise(token)
    except Exception:
        pass
