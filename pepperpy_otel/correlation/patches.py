"""The standard library's own threads, executors and processes, by setting (``context_patches``).

For code that one cannot change: each of these is patched where it is defined, so that whatever the
name under which somebody has imported the class, it takes the context along; ``rollback()`` puts
back what was there. Nothing is patched unless the setting names it.

- ``threads``: ``Thread.start`` and ``ThreadPoolExecutor.submit`` (so ``loop.run_in_executor`` too).
- ``processes``: ``Process.start`` and ``ProcessPoolExecutor.submit``; a spawned child is configured
  as its parent is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach, get_current

from pepperpy_otel.correlation.current import detach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Record = Callable[[str, Callable[[], None]], None]

#: Threads that serve telemetry live longer than whatever was current when they were started.
_OURS = "pepperpy-otel"
#: Processes that do what others tell them later: configured, but of nobody's context.
_POOLS = ("multiprocessing.pool", "concurrent.futures.process")


def install(names: Sequence[str], record: Record) -> None:
    """Patch what the setting names.

    Args:
        names: ``threads``, ``processes``.
        record: Takes each change and its undoing.
    """
    if "threads" in names:
        import threading
        from concurrent.futures import ThreadPoolExecutor

        _patch(threading.Thread, "start", _start_thread, record)
        _patch(ThreadPoolExecutor, "submit", _submit_to_thread, record)
    if "processes" in names:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing.process import BaseProcess

        _patch(BaseProcess, "start", _start_process, record)
        _patch(ProcessPoolExecutor, "submit", _submit_to_process, record)


def _patch(cls: Any, name: str, replacement: Callable[..., Any], record: Record) -> None:
    original = getattr(cls, name)
    active = True

    @functools.wraps(original)
    def patched(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not active:  # somebody has wrapped this, and still calls it after the rollback
            return original(self, *args, **kwargs)
        return replacement(original, self, *args, **kwargs)

    def undo() -> None:
        nonlocal active
        active = False
        if getattr(cls, name) is patched:
            setattr(cls, name, original)

    setattr(cls, name, patched)
    record(f"{cls.__module__}.{cls.__qualname__}.{name}", undo)


def _start_thread(start: Callable[[Any], None], thread: Any) -> None:
    context = get_current()
    if not context or thread.name.startswith(_OURS) or thread.ident is not None:
        start(thread)
        return
    run, had = thread.run, thread.__dict__.get("run")

    def restore() -> None:
        if had is None:
            thread.__dict__.pop("run", None)  # else thread and function hold each other
        else:
            thread.run = had

    def run_in_context() -> None:
        restore()
        token = attach(context)
        try:
            run()
        finally:
            detach(token)

    thread.run = run_in_context
    try:
        start(thread)
    except BaseException:
        restore()
        raise


def _submit_to_thread(submit: Callable[..., Any], pool: Any, /, *args: Any, **kwargs: Any) -> Any:
    if not args:
        return submit(pool, *args, **kwargs)  # which says what is missing
    call = _InContext(get_current(), args[0])
    # A thread that the pool starts now is not this task's alone.
    token = attach(Context())
    try:
        return submit(pool, call, *args[1:], **kwargs)
    finally:
        detach(token)


class _InContext:
    """A function to be called in a context, in another thread."""

    __slots__ = ("_context", "_function")

    def __init__(self, context: Context, function: Callable[..., Any]) -> None:
        self._context = context
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return self._function(*args, **kwargs)
        finally:
            detach(token)


def _start_process(start: Callable[[Any], None], process: Any) -> None:
    from pepperpy_otel.correlation.arrival import Arrival

    target = getattr(process, "_target", None)
    pooled = getattr(target, "__module__", "") in _POOLS
    process._pepperpy_otel = Arrival(pooled=pooled)
    try:
        start(process)
    finally:
        del process._pepperpy_otel


def _submit_to_process(submit: Callable[..., Any], pool: Any, /, *args: Any, **kwargs: Any) -> Any:
    from pepperpy_otel.correlation.carrying import carry

    if not args:
        return submit(pool, *args, **kwargs)
    return submit(pool, carry(args[0]), *args[1:], **kwargs)
