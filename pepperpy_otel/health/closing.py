"""Probes keep a connection of their own; it is closed when nobody asks through it any more."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds for all probes together: the end of a process does not wait for a dead server.
PATIENCE = 1.0


def close_probes(checks: Iterable[Any], timeout: float = PATIENCE) -> None:
    """Close those that are probes, side by side; a closed one connects again when it is asked.

    Args:
        checks: A probe is one with ``close()`` and ``local``; any other is the application's own.
        timeout: Seconds for all of them; what takes longer is left behind.
    """
    deadline = time.monotonic() + timeout
    threads = []
    for check in checks:
        if hasattr(check, "local") and callable(getattr(check, "close", None)):
            thread = threading.Thread(
                target=_close, args=(check,), name="pepperpy-otel-health-close", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter ends and starts no more: so does the connection
                return
            threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _close(probe: Any) -> None:
    with guarded("closing a health probe"):
        probe.close()
