"""Time limits for blocking database drivers that SQLAlchemy calls for us.

The arguments of a connection are hidden in the engine. Its ``do_connect`` event shows them just
before the driver is called; they are changed for connections of the probe only. A question that is
under way is ended by shutting its socket down, where the driver shows the socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.deadline import Patience
from pepperpy_otel.health.probes.drivers import need

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Driver (in SQLAlchemy's words) → its arguments for time limits in seconds, and the least value.
#: https://www.postgresql.org/docs/current/libpq-connect.html: less than two seconds is two.
LIMITS: dict[str, tuple[tuple[str, ...], float]] = {
    "psycopg": (("connect_timeout",), 2),
    "psycopg2": (("connect_timeout",), 2),
    "pymysql": (("connect_timeout", "read_timeout", "write_timeout"), 0.0),
    "mysqldb": (("connect_timeout", "read_timeout", "write_timeout"), 1),
}
_ours = threading.local()


class ConnectLimits:
    """While it is entered, connections that this thread makes with the engine have time limits."""

    def __init__(self, engine: Any, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        self._event = need("sqlalchemy", "sqlalchemy").event

    def __enter__(self) -> None:
        _ours.seconds = self._seconds
        if not self._event.contains(self._engine, "do_connect", limited):
            # Stays there: taking it away while the app connects would disturb that.
            self._event.listen(self._engine, "do_connect", limited)

    def __exit__(self, *exception: object) -> None:
        _ours.seconds = None


def limited(dialect: Any, record: Any, arguments: Any, keywords: dict[str, Any]) -> Any:
    """For the event ``do_connect``: shorter limits for a probe's connection; never longer ones.

    The mapping is the engine's own: a limit written into it would stay for the app's connections,
    so that the driver is called here, with a copy.
    """
    seconds = getattr(_ours, "seconds", None)
    if seconds is None or dialect.driver not in LIMITS:
        return None
    names, least = LIMITS[dialect.driver]
    most = max(seconds, least)
    most = round(most) if least else most
    limits = {name: min(float(keywords.get(name) or most), most) for name in names}
    if least:
        limits = {name: int(value) for name, value in limits.items()}
    return dialect.connect(*arguments, **{**keywords, **limits})


@contextlib.contextmanager
def cut_off(driver_connection: Any, seconds: float) -> Iterator[None]:
    """While inside, the connection's socket is shut down when the time is over.

    Raises:
        TimeoutError: That has happened, and the driver complained.
    """
    fileno = getattr(driver_connection, "fileno", None)
    if fileno is None:
        yield
        return
    done, over = threading.Event(), threading.Event()
    watch = threading.Thread(
        target=_watch,
        args=(fileno(), seconds, done, over),
        name="pepperpy-otel-probe-limit",
        daemon=True,
    )
    watch.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError("no answer") from error
        raise
    finally:
        done.set()
        watch.join()


def _watch(descriptor: int, seconds: float, done: threading.Event, over: threading.Event) -> None:
    """Shut the socket down, unless the work is done in time."""
    patience = Patience(seconds)
    while slot := patience.slot():
        if done.wait(slot):
            return
        patience.waited()
    over.set()
    with contextlib.suppress(OSError):
        with socket.socket(fileno=os.dup(descriptor)) as other:
            other.shutdown(socket.SHUT_RDWR)
