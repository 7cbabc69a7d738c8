"""Which span an exception was raised in, for whoever meets it when that span has ended.

An exception that nobody catches leaves all its spans before a hook hears of it. Spans tell here
what they record; kept are ids and a place in the code, never the exception, whose frames would
live on with it. Nothing is kept while nobody wants to know.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import CodeType


class _Failed(NamedTuple):
    """An exception, by what tells it from a later one at the same address."""

    identity: int
    kind: type
    place: tuple[CodeType, int] | None
    span: Any


class _Last(threading.local):
    failed: _Failed | None = None


_last = _Last()
#: Read by every span that records an exception.
wanted = False


def want(yes: bool) -> None:
    """Say whether anybody wants to know."""
    global wanted
    wanted = yes


def remember(error: Any, span: Any) -> None:
    """Note that ``error`` was recorded by ``span``; the innermost span, which is first, counts."""
    if not issubclass(type(error), BaseException):
        return
    seen = _described(error, span)
    before = _last.failed
    if before is None or before[:3] != seen[:3]:
        _last.failed = seen


def span_of(error: BaseException) -> Any:
    """The span in which ``error`` was recorded first, if it was the last one in this thread."""
    failed = _last.failed
    if failed is None or failed[:3] != _described(error, None)[:3]:
        return None
    return failed.span


def _described(error: BaseException, span: Any) -> _Failed:
    place = None
    trace = error.__traceback__
    while trace is not None:
        place = (trace.tb_frame.f_code, trace.tb_lineno)
        trace = trace.tb_next
    return _Failed(id(error), type(error), place, span)
