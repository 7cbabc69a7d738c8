"""One flag for each thread: this thread is inside our handling of a record.

A record that is made while another one is handled (by a user's processor, by the ``__str__`` of a
logged object, by a destructor that the garbage collector runs) is not taken: taking it could go on
without end (https://github.com/open-telemetry/opentelemetry-python/issues/3858). The aggregator
raises the same flag while it shows an event to the app's handlers that it has already recorded.
"""

from __future__ import annotations

import threading


class _Handling(threading.local):
    busy = False
    #: Logger and event of what structlog has handed over and the standard library is about to get.
    bridged: tuple[str, str] | None = None


handling = _Handling()
