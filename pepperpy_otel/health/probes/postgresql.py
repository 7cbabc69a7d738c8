"""PostgreSQL: does the server answer ``SELECT 1``? With psycopg (blocking) or asyncpg."""

from __future__ import annotations

from typing import Any

from pepperpy_otel.health.probes.asyncpg_driver import GivenAsyncpg, OwnAsyncpg
from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, has, need, origin
from pepperpy_otel.health.probes.psycopg_driver import Psycopg

TAKES = (
    "give a DSN, a psycopg connection (its parameters are used, not itself), "
    "an asyncpg pool, or an asyncpg connection of the probe's own"
)


def postgres(
    server: Any, *, driver: str | None = None, timeout: float = 1.0
) -> Blocking[Any] | Awaiting[Any]:
    """A probe: PostgreSQL answers ``SELECT 1``.

    Args:
        server: A DSN (``postgresql://user:password@host/db`` or ``key=value`` words); or a
            psycopg connection, sync or async, of which only the parameters are used; or an asyncpg
            pool (asked only while it has a connection to spare: a busy pool is DEGRADED) or an
            asyncpg connection that nothing else uses.
        driver: ``"psycopg"`` (a blocking probe) or ``"asyncpg"`` (an async one) for a DSN; by
            default the one that is installed, psycopg first.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server or the driver cannot be used, or its package is not installed.
    """
    if isinstance(server, str):
        return _by_dsn(server.replace("+psycopg:", ":").replace("+asyncpg:", ":"), driver, timeout)
    kind = origin(server)
    if kind == "psycopg":
        info = server.info
        return Blocking(Psycopg(info.dsn, password=info.password), timeout)
    if kind == "asyncpg":
        return Awaiting(GivenAsyncpg(server), timeout)
    raise cannot_use(server, "postgres", TAKES)


def _by_dsn(dsn: str, driver: str | None, timeout: float) -> Blocking[Any] | Awaiting[Any]:
    if driver is None:
        driver = "asyncpg" if has("asyncpg") and not has("psycopg") else "psycopg"
    if driver == "psycopg":
        return Blocking(Psycopg(dsn), timeout)
    if driver == "asyncpg":
        return Awaiting(OwnAsyncpg(need("asyncpg", "asyncpg"), dsn), timeout)
    raise ValueError(f"driver={driver!r} is not known; use 'psycopg' or 'asyncpg'")
