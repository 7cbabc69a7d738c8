"""PostgreSQL by psycopg's libpq wrapper (``psycopg.pq``), with a deadline for every wait.

``psycopg.connect()`` knows whole seconds only, two at least, and a query has no client-side timeout
at all: with a stopped server it waits for ever. libpq's non-blocking calls give both.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.drivers import need
from pepperpy_otel.health.probes.wording import healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Psycopg:
    """How to open, ask and close a PostgreSQL connection with psycopg.

    Args:
        dsn: Connection string.
        password: Where the string does not hold it.

    Raises:
        ValueError: psycopg is not installed, or the string cannot be used.
    """

    own = True

    def __init__(self, dsn: str, password: str | None = None) -> None:
        psycopg = need("psycopg", "psycopg[binary]")
        conninfo = need("psycopg.conninfo", "psycopg[binary]")
        given = {"password": password} if password else {}
        try:
            self._conninfo = conninfo.make_conninfo(
                dsn, fallback_application_name="pepperpy-otel-health", **given
            )
            words = conninfo.conninfo_to_dict(self._conninfo)
        except psycopg.Error:
            # Not chained and not repeated: libpq's message quotes the string, password and all.
            raise ValueError(
                "probes.postgres() cannot read this DSN; use 'postgresql://user@host/db'"
            ) from None
        hidden = tuple(str(words[key]) for key in ("password", "sslpassword") if key in words)
        self.secrets = (*secrets_of(dsn), *hidden)
        host = words.get("host") or words.get("hostaddr") or "local"
        self.target = f"postgres {shown(dsn) if '://' in dsn else host}"
        self._pq = psycopg.pq
        self._error = psycopg.OperationalError

    def open(self, deadline: Deadline) -> Any:
        """A new connection."""
        connection = self._pq.PGconn.connect_start(self._conninfo.encode())
        try:
            self._connect(connection, deadline)
        except BaseException:
            connection.finish()
            raise
        connection.nonblocking = 1
        return connection

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        """Ask ``SELECT 1``."""
        connection.send_query(b"SELECT 1")
        while connection.flush():
            wait(connection.socket, WRITE, deadline)
        results = []
        while True:
            while connection.is_busy():
                wait(connection.socket, READ, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            results.append(result)
        if not results or results[-1].status != self._pq.ExecStatus.TUPLES_OK:
            raise self._error(self._message(results[-1] if results else connection))
        return healthy("answers", target=self.target)

    def close(self, connection: Any) -> None:
        """End it."""
        connection.finish()

    def _connect(self, connection: Any, deadline: Deadline) -> None:
        polling = self._pq.PollingStatus
        while connection.status != self._pq.ConnStatus.BAD:
            state = connection.connect_poll()
            if state == polling.OK:
                return
            if state == polling.FAILED:
                break
            wait(connection.socket, WRITE if state == polling.WRITING else READ, deadline)
        raise self._error(self._message(connection))

    def _message(self, source: Any) -> str:
        return str(source.error_message.decode("utf-8", "replace"))


def wait(descriptor: int, events: int, deadline: Deadline) -> None:
    """Wait until the socket can be read or written.

    Raises:
        TimeoutError: It could not in the time left.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, events)
        if not selector.select(deadline.left()):
            raise TimeoutError("no answer")
