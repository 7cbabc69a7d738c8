"""PostgreSQL by asyncpg: a connection of the probe's own, or the user's pool or connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.wording import degraded, healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

QUESTION = "SELECT 1"


class OwnAsyncpg:
    """A connection of the probe's own.

    Args:
        asyncpg: The driver's module.
        dsn: Connection string.
    """

    own = True

    def __init__(self, asyncpg: Any, dsn: str) -> None:
        self._connect = asyncpg.connect
        self._dsn = dsn
        self.secrets = secrets_of(dsn)
        self.target = f"postgres {shown(dsn)}"

    async def open(self, deadline: Deadline) -> Any:
        """A new connection."""
        # Its own limits (60 s for connecting) count time in which the loop stood still; the probe's
        # does not. And a limit on a question makes it ask a silent server, by a second connection,
        # to cancel.
        settings = {"application_name": "pepperpy-otel-health"}
        return await self._connect(self._dsn, server_settings=settings)

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        """Ask ``SELECT 1``."""
        await connection.fetchval(QUESTION)
        return healthy("answers", target=self.target)

    async def close(self, connection: Any, *, polite: bool) -> None:
        """End it."""
        if polite:
            await connection.close()
        else:
            connection.terminate()


class GivenAsyncpg:
    """The user's pool, as long as it has a connection to spare, or a connection of the user's."""

    own = False
    secrets: tuple[str, ...] = ()
    target = "postgres"

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_pool = hasattr(client, "acquire")

    async def open(self, deadline: Deadline) -> Any:
        """A new connection."""
        return self._client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        """Ask ``SELECT 1``."""
        if not self._is_pool:
            await connection.fetchval(QUESTION)
            return healthy("answers")
        size = connection.get_size()
        if connection.get_idle_size() == 0 and size >= connection.get_max_size():
            # Waiting would put the probe in the app's queue and call a busy pool a dead server.
            return degraded(f"all {size} connections of the pool are in use", size=size)
        async with connection.acquire() as borrowed:
            await borrowed.fetchval(QUESTION)
        return healthy("answers")

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""
