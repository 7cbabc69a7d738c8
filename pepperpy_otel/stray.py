"""A child that was forked in a thread, and that nobody ends.

``os.fork()`` leaves the child with the one thread that called it. If that is not the main thread
and its function returns, there is no main program to end, and so no exit hook; the process ends
because its last thread has. Threads of ours in it would keep it for ever.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = "pepperpy-otel"


class Delivers(Protocol):
    """What is to be delivered before."""

    def deliver(self) -> object:
        """Deliver what can be delivered within the configured limit."""


def end_with_thread(telemetry: Delivers, leave: Callable[[int], object] = os._exit) -> None:
    """End this process when all threads but ours have ended, as it would end without us.

    Args:
        telemetry: Delivers before.
        leave: Ends the process with a status.
    """
    threads = [threading.current_thread()]

    def wait() -> None:
        while threads:
            for thread in threads:
                try:
                    thread.join()
                except RuntimeError:  # one that Python has not started knows no end
                    return
            threads[:] = [thread for thread in threading.enumerate() if not _is_ours(thread)]
        with guarded("the end of a child that was forked in a thread"):
            telemetry.deliver()
        leave(0)

    with guarded("a child that was forked in a thread"):
        threading.Thread(target=wait, name=f"{_OURS}-stray", daemon=True).start()


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith(_OURS)
