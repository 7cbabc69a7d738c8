"""When the handle must act by itself: at the end of the process, and in a forked child.

One ``atexit`` hook for everything: the SDK's three providers each bring one, which run in the
reverse order of registration (logs before metrics before traces) and without a common limit, so
that what the last flush itself says is lost and a dead collector costs its timeout three times
(https://github.com/open-telemetry/opentelemetry-python/issues/4043).

What ends past it has modules of its own: by a signal ``signals``, a child process ``children``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

from pepperpy_otel import _forks, children, signals
from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.ledger import Ledger


class Handle(signals.Delivers, Protocol):
    """What lives as long as the process."""

    def shutdown(self) -> object:
        """Deliver what can be delivered within the configured limit, then stop."""

    def become_child(self) -> None:
        """Be another instance from now on: this is a fork of the process that made the handle."""


def attend(telemetry: Handle, ledger: Ledger, *, signal_handlers: bool) -> None:
    """Have ``telemetry`` act at every end of the process and of its children.

    Args:
        telemetry: The handle.
        ledger: Takes every change to the process.
        signal_handlers: Whether to act on signals too.
    """
    end_with_process(telemetry, ledger.record)
    ends = children.Ends(telemetry)
    ends.attend()
    ledger.record_inert("", ends.forget)
    follow_forks(telemetry, ends, ledger.record_inert)
    handlers = signals.install(telemetry, ledger.record) if signal_handlers else None
    if handlers is not None:
        ends.begin, ends.inherit = handlers.watch, handlers.forget_watch
    ends.join()


def end_with_process(telemetry: Handle, record: Callable[[str, Callable[[], None]], None]) -> None:
    """Shut ``telemetry`` down when the interpreter exits.

    Args:
        telemetry: The handle.
        record: Takes the undoing.
    """

    def at_exit() -> None:
        with guarded("shutdown at exit"):
            telemetry.shutdown()
        _keep_exit_status()

    atexit.register(at_exit)
    record("exit hook", lambda: atexit.unregister(at_exit))


def _keep_exit_status() -> None:
    """Let a process that KeyboardInterrupt has ended die of SIGINT still, as without us.

    Python remembers the unhandled interrupt until the next text that is run as code, and each
    namedtuple that an import defines is one (``run_eval_code_obj()`` in CPython's pythonrun.c); so
    what we import or call last would turn the end by signal into an exit status of 1.
    """
    traceback = getattr(sys, "last_traceback", None)
    if (
        getattr(sys, "last_type", None) is KeyboardInterrupt
        and traceback is not None
        and traceback.tb_frame.f_back is None  # it has ended the program, not a cell of a notebook
        and not hasattr(sys, "ps1")
    ):
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")


def follow_forks(
    telemetry: Handle, ends: children.Ends, record_inert: Callable[[str], None]
) -> None:
    """Tell ``telemetry`` when it wakes up in a forked child.

    Args:
        telemetry: The handle; it is not kept alive by the hook.
        ends: How the child may end; not kept alive either.
        record_inert: Takes note of the hook, which Python has no way to remove.
    """
    if not hasattr(os, "register_at_fork"):  # pragma: no cover (Windows)
        return
    its_telemetry, its_ends = weakref.ref(telemetry), weakref.ref(ends)

    def in_child() -> None:
        handle, ways = its_telemetry(), its_ends()
        if handle is not None:
            with guarded("after fork"):
                handle.become_child()
        if ways is not None:
            with guarded("after fork"):
                ways.inherit()
                ways.attend()

    os.register_at_fork(after_in_child=in_child)
    record_inert("fork hook")


def begin(function: Callable[[], object], where: str) -> Callable[[float], None]:
    """Call what is not ours beside us, so that it can be left behind.

    The SDK's own processors and exporters ignore the limit that they are given
    (https://github.com/open-telemetry/opentelemetry-python/issues/4568).

    Args:
        function: Called once, in a thread of its own where one can still be started.
        where: Names it, should it fail.

    Returns:
        Waits for its end, so many seconds at most.
    """

    def call() -> None:
        with guarded(where):
            function()

    thread = threading.Thread(target=call, name="pepperpy-otel-bounded", daemon=True)
    try:
        _forks.start(thread)
    except RuntimeError:  # the interpreter ends and starts no more threads
        call()
        return lambda timeout: None
    return thread.join


def call_within(timeout: float, function: Callable[[], object], where: str) -> None:
    """Call what is not ours and wait for it no longer than ``timeout`` seconds.

    Args:
        timeout: Seconds.
        function: Called once, as ``begin()`` does.
        where: Names it, should it fail.
    """
    begin(function, where)(timeout)
