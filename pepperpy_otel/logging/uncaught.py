"""Warnings and exceptions that nobody caught, as log records; chained to what was there.

Each hook tells telemetry first and then calls the hook before it, so that what is printed stays as
it was. ``rollback()`` puts the hooks back; one over which somebody else has put theirs stays, and
does nothing but call on.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import set_span_in_context

from pepperpy_otel import _failing
from pepperpy_otel.errors import guarded
from pepperpy_otel.logging.emission import emit
from pepperpy_otel.logging.values import class_name, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Takes what was changed, in words, and its undoing, which says whether that was possible.
    Record = Callable[[str, Callable[[], bool]], None]

#: Loggers under which the records appear.
WARNINGS, UNCAUGHT = "py.warnings", "pepperpy.uncaught"
#: Ends of a program or of a thread that are no failures.
_ENDS = (SystemExit, KeyboardInterrupt, GeneratorExit)


class _Hook:
    """One place in the process that calls a function when something happens.

    Args:
        owner: The module or class that holds the function.
        name: Under which it does.
        tell: Gets what the function is called with, first.
    """

    def __init__(self, owner: Any, name: str, tell: Callable[..., None]) -> None:
        self._owner, self._name = owner, name
        self._active = True
        before = self._before = getattr(owner, name)

        def hook(*args: Any, **kwargs: Any) -> Any:
            if self._active:
                with guarded(f"{name}, to telemetry"):
                    tell(*args, **kwargs)
            return before(*args, **kwargs)

        hook.__name__ = name
        self._hook = hook
        setattr(owner, name, hook)

    def undo(self) -> bool:
        """Put back what was there; where another one was put over ours, ours only calls on."""
        self._active = False
        if getattr(self._owner, self._name) is not self._hook:
            return False
        setattr(self._owner, self._name, self._before)
        return True


def capture_warnings(record: Record) -> None:
    """Have what is shown of ``warnings.warn()`` become log records.

    Args:
        record: Takes what was changed and its undoing.
    """
    before = warnings.showwarning
    if getattr(before, "__module__", "") == "logging":  # captureWarnings(): it logs them itself
        return
    record("warnings.showwarning", _Hook(warnings, "showwarning", _tell_warning).undo)


def capture_exceptions(record: Record) -> None:
    """Have exceptions that nobody caught become log records.

    Those of the program, of threads, and what asyncio's own event loops report; a loop of another
    make calls the app's handlers only.

    Args:
        record: Takes what was changed and its undoing.
    """
    _failing.want(True)
    record("", _forget)
    record("sys.excepthook", _Hook(sys, "excepthook", _tell_exception).undo)
    record("threading.excepthook", _Hook(threading, "excepthook", _tell_thread).undo)
    loop = _Hook(asyncio.BaseEventLoop, "call_exception_handler", _tell_loop)
    record("exception handler of asyncio loops", loop.undo)


def _forget() -> bool:
    _failing.want(False)
    return True


def _tell_warning(
    message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    if file is not None:  # somebody wants it there and nowhere else
        return
    kind = class_name(category)
    emit(
        logger=WARNINGS,
        level=logging.WARNING,
        message=safe_text(message),
        event=f"{kind}: {safe_text(message)}",
        fields={
            "warning.category": kind,
            "code.file.path": filename,
            "code.line.number": lineno,
        },
    )


def _tell_exception(kind: Any, error: Any, trace: Any) -> None:
    _tell(error, "uncaught exception", {"thread.name": threading.current_thread().name})


def _tell_thread(args: Any) -> None:
    name = None if args.thread is None else args.thread.name
    _tell(args.exc_value, "uncaught exception in a thread", {"thread.name": name})


def _tell_loop(loop: Any, context: dict[str, Any]) -> None:
    error = context.get("exception")
    message = safe_text(context.get("message") or "unhandled exception in an asyncio loop")
    task = context.get("task") or context.get("future")
    name = getattr(task, "get_name", str)()
    fields = {"asyncio.task.name": name} if name else {}
    if error is None:
        emit(logger=UNCAUGHT, level=logging.ERROR, message=message, event=message, fields=fields)
    else:
        _tell(error, message, fields, level=logging.ERROR)


def _tell(
    error: Any, message: str, fields: dict[str, Any], *, level: int = logging.CRITICAL
) -> None:
    if error is None or isinstance(error, _ENDS):
        return
    span = _failing.span_of(error)
    emit(
        logger=UNCAUGHT,
        level=level,
        message=message,
        event=f"{message}: {class_name(type(error))}",
        fields=fields,
        error=error,
        context=None if span is None else set_span_in_context(span),
    )
