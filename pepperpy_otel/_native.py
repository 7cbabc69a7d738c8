"""Threads and locks of the operating system, also where gevent has put greenlets in their place.

Two things need them. A signal handler may run in the middle of ``Thread.start()``, with the lock
held that every start of a ``threading.Thread`` takes: it would wait for itself, for ever. And after
``gevent.monkey.patch_all()`` a ``threading.Thread`` is a greenlet: it would starve while the app
computes, a send by gRPC would stop all of the app's greenlets, and a signal handler, which runs in
gevent's hub, could wait for none of them.
"""

from __future__ import annotations

import _thread
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds of one wait. A signal that comes in just before a wait interrupts only the next one.
SLICE = 0.1


class Thread(Protocol):
    """What we need of a thread."""

    def start(self) -> None:
        """Start it.

        Raises:
            RuntimeError: The interpreter ends and starts no more threads.
        """

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, so many seconds at most."""

    def is_alive(self) -> bool:
        """Whether it has been started and has not ended."""
        ...


def is_current(thread: Thread | None) -> bool:
    """Whether this is the thread that we are in; greenlets of it count as it."""
    if isinstance(thread, _Unpatched):
        return bool(thread.ident == _original("get_ident")())
    return thread is threading.current_thread()


def thread(target: Callable[[], object], name: str) -> Thread:
    """A daemon thread that blocks nobody's greenlets; ``target`` does not raise."""
    if _gevent() is None:
        return threading.Thread(target=target, name=name, daemon=True)
    return _Unpatched(target)


def allocate_lock() -> Any:
    """A lock that blocks the thread, not the greenlet."""
    return _original("allocate_lock")()


def start(function: Callable[[], object]) -> Callable[[float], bool]:
    """Call ``function``, which does not raise, in a thread that nobody else knows of.

    Returns:
        Waits so many seconds at most, and says whether the function has returned.

    Raises:
        RuntimeError: The interpreter ends and starts no more threads.
    """
    done = allocate_lock()
    done.acquire()

    def call() -> None:
        try:
            function()
        finally:
            done.release()

    _original("start_new_thread")(call, ())

    def wait(timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > SLICE:
            if done.acquire(timeout=SLICE):
                done.release()
                return True
        if done.acquire(timeout=max(0.0, left)):
            done.release()
            return True
        return False

    return wait


class _Unpatched:
    """A thread that gevent does not know of."""

    def __init__(self, target: Callable[[], object]) -> None:
        self._target = target
        self.ident = 0
        self._wait: Callable[[float], bool] | None = None

    def start(self) -> None:
        self._wait = start(self._run)

    def _run(self) -> None:
        self.ident = _original("get_ident")()
        self._target()

    def join(self, timeout: float | None = None) -> None:
        assert self._wait is not None
        self._wait(threading.TIMEOUT_MAX if timeout is None else timeout)

    def is_alive(self) -> bool:
        return self._wait is not None and not self._wait(0)


def _gevent() -> Any:
    """``gevent.monkey``, if it has replaced threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey if monkey is not None and monkey.is_module_patched("threading") else None


def _original(name: str) -> Any:
    monkey = _gevent()
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)
