"""SQLAlchemy engines: the database behind one answers ``SELECT 1``.

The engine's pool is copied (same way to connect, same events, no connection shared), so that the
probe neither waits for a connection of the app's nor uses one up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.engine_limits import ConnectLimits, cut_off
from pepperpy_otel.health.probes.wording import healthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = "give an Engine of create_engine() or an AsyncEngine of create_async_engine()"


def sqlalchemy(engine: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """A probe: the database of an engine answers ``SELECT 1``, over a connection of the probe's.

    Args:
        engine: An ``Engine``, or an ``AsyncEngine`` (the probe is async then).
        timeout: Seconds for a run. An async engine keeps it whatever its driver. A sync one keeps
            it with PyMySQL; with psycopg and psycopg2 a question keeps it too, while connecting
            may take two seconds, libpq's least; other drivers keep their own timeouts.

    Raises:
        ValueError: It is not an engine.
    """
    if origin(engine) == "sqlalchemy":
        if hasattr(engine, "sync_engine"):
            return Awaiting(_AsyncEngine(engine.sync_engine), timeout)
        if hasattr(engine, "dialect") and hasattr(engine, "pool"):
            return Blocking(_Engine(engine), timeout)
    raise cannot_use(engine, "sqlalchemy", TAKES)


class _Engine:
    own = True

    def __init__(self, engine: Any) -> None:
        self._sqlalchemy = need("sqlalchemy", "sqlalchemy")
        self._engine = engine
        self._question = self._sqlalchemy.select(self._sqlalchemy.literal(1))
        url = engine.url
        self.secrets: tuple[str, ...] = (str(url.password),) if url.password else ()
        port = f":{url.port}" if url.port else ""
        self.target = f"{engine.dialect.name} {url.host or url.database or 'local'}{port}"

    def copied(self) -> Any:
        """An engine with a pool of its own that connects as the app's does."""
        engine = self._engine
        pool = engine.pool.recreate()
        return self._sqlalchemy.engine.Engine(pool, engine.dialect, engine.url)

    def open(self, deadline: Deadline) -> Any:
        with ConnectLimits(self._engine, deadline.left()):
            return self.copied().connect()

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        driver = connection.connection.driver_connection
        with cut_off(driver, deadline.left()):
            connection.execute(self._question).scalar()
            connection.rollback()  # not left idle in a transaction until the next run
        return healthy("answers", target=self.target)

    def close(self, connection: Any) -> None:
        # Not returned to its pool: that would roll back, on a server that may not answer.
        connection.invalidate()
        connection.close()


class _AsyncEngine:
    own = True

    def __init__(self, sync_engine: Any) -> None:
        self._engine = _Engine(sync_engine)
        self._async_engine = need("sqlalchemy.ext.asyncio", "sqlalchemy[asyncio]").AsyncEngine
        self.secrets = self._engine.secrets
        self.target = self._engine.target
        self._question = self._engine._question

    async def open(self, deadline: Deadline) -> Any:
        return await self._async_engine(self._engine.copied()).connect()

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        (await connection.execute(self._question)).scalar()
        await connection.rollback()
        return healthy("answers", target=self.target)

    async def close(self, connection: Any, *, polite: bool) -> None:
        await connection.invalidate()
        await connection.close()
