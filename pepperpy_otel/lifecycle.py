"""When the handle must act by itself: at the end of the process, and in a forked child.

One ``atexit`` hook for everything: the SDK's three providers each bring one, which run in the
reverse order of registration (logs before metrics before traces) and without a common limit, so
that what the last flush itself says is lost and a dead collector costs its timeout three times
(https://github.com/open-telemetry/opentelemetry-python/issues/4043).
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


class Handle(Protocol):
    """What lives as long as the process."""

    def shutdown(self) -> object:
        """Deliver what can be delivered within the configured limit, then stop."""

    def become_child(self) -> None:
        """Be another instance from now on: this is a fork of the process that made the handle."""


def end_with_process(telemetry: Handle, record: Callable[[str, Callable[[], None]], None]) -> None:
    """Shut ``telemetry`` down when the interpreter exits.

    Args:
        telemetry: The handle.
        record: Takes the undoing.
    """

    def at_exit() -> None:
        with guarded("shutdown at exit"):
            telemetry.shutdown()

    atexit.register(at_exit)
    record("exit hook", lambda: atexit.unregister(at_exit))


def follow_forks(telemetry: Handle, record_inert: Callable[[str], None]) -> None:
    """Tell ``telemetry`` when it wakes up in a forked child.

    Args:
        telemetry: The handle; it is not kept alive by the hook.
        record_inert: Takes note of the hook, which Python has no way to remove.
    """
    if not hasattr(os, "register_at_fork"):  # pragma: no cover (Windows)
        return
    reference = weakref.ref(telemetry)

    def in_child() -> None:
        handle = reference()
        if handle is not None:
            with guarded("after fork"):
                handle.become_child()

    os.register_at_fork(after_in_child=in_child)
    record_inert("fork hook")


def call_within(timeout: float, function: Callable[[], object], where: str) -> None:
    """Call what is not ours and wait for it no longer than ``timeout`` seconds.

    The SDK's own processors and exporters ignore the limit that they are given, hence the thread
    (https://github.com/open-telemetry/opentelemetry-python/issues/4568); what takes longer is left
    behind.

    Args:
        timeout: Seconds.
        function: Called once, in a thread of its own where one can still be started.
        where: Names it, should it fail.
    """

    def call() -> None:
        with guarded(where):
            function()

    thread = threading.Thread(target=call, name="pepperpy-otel-bounded", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter ends and starts no more threads
        call()
    else:
        thread.join(timeout)
