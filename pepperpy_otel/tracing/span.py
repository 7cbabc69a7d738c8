"""A span of ours: the SDK's, except that no value makes it raise or hang.

Everything is the SDK's own code; what is not of a plain type is cleaned before the SDK takes the
span's lock. Plain values, which is what instrumentations pass, go through with one look at their
type, so that a span costs what the SDK's costs.

A span that is open over a fork goes on in both processes. Another thread may have been in the
middle of setting an attribute of it, and then its lock stays locked in the child; nothing leads
from the fork to the span, so it is the span that sees, when it is used, that it is in a child.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

from pepperpy_otel import _compat, _failing, _forks
from pepperpy_otel.tracing import values
from pepperpy_otel.tracing.values import PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from opentelemetry.util.types import AnyValue, Attributes

_set_attribute = SdkSpan.set_attribute  # a global is found faster than super()
_end = SdkSpan.end
#: How many forks lie between this process and the one that began.
_forked = 0


@_forks.renewing()
def _after_fork() -> None:
    global _forked
    _forked += 1


class Span(SdkSpan):
    """What our TracerProvider makes; see `opentelemetry.trace.Span`."""

    _born = 0

    def stamp(self) -> None:
        """Remember the process; called once the span is made, and in a child that goes on."""
        if _forked:
            self._born = _forked

    def _move_in(self) -> None:
        """Go on in a forked child."""
        _compat.renew_span_locks(self)
        self.stamp()

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute; a value of another kind is turned into text."""
        if self._born != _forked:
            self._move_in()
        if type(value) not in PLAIN or type(key) is not str:
            key, value = values.key(key), values.clean(value)
        _set_attribute(self, key, value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several at once."""
        if self._born != _forked:
            self._move_in()
        super().set_attributes(values.plain_attributes(attributes))

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        """Note that something happened, now unless said otherwise."""
        if self._born != _forked:
            self._move_in()
        super().add_event(
            values.text(name), values.plain_attributes(attributes), values.time(timestamp)
        )

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Link to another span; what is no span context is no link."""
        if self._born != _forked:
            self._move_in()
        if values.is_span_context(context):
            super().add_link(context, values.plain_attributes(attributes))

    def update_name(self, name: str) -> None:
        """Give it another name."""
        if self._born != _forked:
            self._move_in()
        super().update_name(values.text(name))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Say how it went; after OK nothing changes it."""
        if self._born != _forked:
            self._move_in()
        if values.is_a(status, StatusCode):
            told = None if description is None else values.text(description)
            super().set_status(Status(status, told))
        elif values.is_a(status, Status):
            told = status.description
            if told is not None and not (type(told) is str and told.isascii()):
                status = Status(status.status_code, values.text(told))
            super().set_status(status)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Note an exception, also one that cannot be printed."""
        if _failing.wanted:
            _failing.remember(exception, self)
        more = values.plain_attributes(attributes)
        try:
            super().record_exception(exception, more, timestamp, escaped)
        except Exception:  # no exception at all, or one that cannot say what it is
            recorded = values.exception_attributes(exception, escaped=escaped)
            self.add_event("exception", {**recorded, **more}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End it, now unless said otherwise, and hand it to the processors."""
        if self._born != _forked:
            self._move_in()
        if end_time is not None:
            end_time = values.time(end_time)
        _end(self, end_time)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(exc_type, exc_val, exc_tb)
        except Exception:  # the SDK formats the exception, which may raise again
            self.set_status(Status(StatusCode.ERROR, values.described(exc_val)))
            self.end()
