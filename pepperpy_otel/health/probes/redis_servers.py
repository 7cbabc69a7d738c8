"""Redis and Valkey: does the server answer PING? redis-py or valkey-py, sync or async.

Of a client that is given only the way to connect is used (the class and the arguments of its
connections: TLS, sentinels, credential providers), for one connection of the probe's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import healthy, secrets_of

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = "give a URL (redis://host:6379/0) or a client that has a connection_pool"
#: What ties a connection to the pool of the app.
_OF_THE_POOL = (
    "maint_notifications_pool_handler",
    "maint_notifications_config",
    "oss_cluster_maint_notifications_handler",
    "event_dispatcher",
    "himport_registry",
)


def redis(server: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """A probe: Redis answers ``PING``.

    Args:
        server: A URL, or a ``redis.Redis`` or ``redis.asyncio.Redis`` client (the probe is async
            then); sentinels work, a cluster client does not: give the URL of each node.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``redis`` is not installed.
    """
    return _probe("redis", server, timeout)


def valkey(server: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """Experimental: valkey-py was tested against a Redis server only. Valkey answers ``PING``.

    Args:
        server: A URL (``valkey://``), or a client of ``valkey``, sync or async.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``valkey`` is not installed.
    """
    return _probe("valkey", server, timeout)


def _probe(name: str, server: Any, timeout: float) -> Blocking[Any] | Awaiting[Any]:
    if isinstance(server, str):
        secrets = secrets_of(server)
        driver = need(name, name)
        try:
            pool = driver.ConnectionPool.from_url(server)
        except ValueError:
            raise ValueError(f"probes.{name}() cannot read this URL; {TAKES}") from None
        return Blocking(_Ping(name, driver, pool, secrets, timeout), timeout)
    pool = getattr(server, "connection_pool", None)
    package = origin(server)
    if package not in {"redis", "valkey"} or pool is None:
        raise cannot_use(server, name, TAKES)
    driver = need(package, package)
    if ".asyncio" in pool.connection_class.__module__ or ".asyncio" in type(pool).__module__:
        return Awaiting(_AsyncPing(name, driver, pool, (), timeout), timeout)
    return Blocking(_Ping(name, driver, pool, (), timeout), timeout)


class _Ping:
    own = True

    def __init__(
        self, name: str, driver: Any, pool: Any, secrets: tuple[str, ...], timeout: float
    ) -> None:
        kept = {k: v for k, v in pool.connection_kwargs.items() if k not in _OF_THE_POOL}
        self._connect = pool.connection_class
        self._arguments = {
            **kept,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "health_check_interval": 0,
            "retry": self._no_retry(driver),
        }
        password = kept.get("password")
        self.secrets = (*secrets, str(password)) if password else secrets
        where = kept.get("path") or f"{kept.get('host', 'localhost')}:{kept.get('port', 6379)}"
        self.target = f"{name} {where}"

    def open(self, deadline: Deadline) -> Any:
        seconds = deadline.left()
        limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        connection = self._connect(**{**self._arguments, **limits})
        connection.connect()
        return connection

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        connection.send_command("PING")
        if not connection.can_read(timeout=deadline.left()):
            raise TimeoutError("no answer")
        return answered(connection.read_response(), self.target)

    def close(self, connection: Any) -> None:
        connection.disconnect()

    def _no_retry(self, driver: Any) -> Any:
        retries = need(f"{driver.__name__}.retry", driver.__name__)
        backoff = need(f"{driver.__name__}.backoff", driver.__name__)
        return retries.Retry(backoff.NoBackoff(), 0)


class _AsyncPing(_Ping):
    async def open(self, deadline: Deadline) -> Any:
        # redis-py's own limits count time in which the loop stood still; the probe's do not.
        limits = {"socket_timeout": None, "socket_connect_timeout": None}
        connection = self._connect(**{**self._arguments, **limits})
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def ask(  # type: ignore[override]
        self, connection: Any, deadline: Deadline
    ) -> HealthResult:
        await connection.send_command("PING")
        return answered(await connection.read_response(), self.target)

    async def close(  # type: ignore[override]
        self, connection: Any, *, polite: bool
    ) -> None:
        await connection.disconnect(nowait=not polite)

    def _no_retry(self, driver: Any) -> Any:
        retries = need(f"{driver.__name__}.asyncio.retry", driver.__name__)
        backoff = need(f"{driver.__name__}.backoff", driver.__name__)
        return retries.Retry(backoff.NoBackoff(), 0)


def answered(answer: Any, target: str) -> HealthResult:
    """The result for the answer to PING.

    Raises:
        RuntimeError: It is another answer.
    """
    if answer not in (b"PONG", "PONG"):
        raise RuntimeError(f"answered {answer!r} to PING")
    return healthy("answers PING", target=target)
