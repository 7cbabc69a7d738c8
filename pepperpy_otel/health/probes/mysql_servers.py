"""MySQL and MariaDB: does the server answer a ping? With PyMySQL, or a client of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import degraded, healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = (
    "give a URL, a mapping of arguments of pymysql.connect(), a connection of pymysql or "
    "mysqlclient that nothing else uses, or an asyncmy or aiomysql pool or connection"
)


def mysql(server: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """A probe: MySQL or MariaDB answers a ping.

    Args:
        server: A URL (``mysql://user:password@host:3306/db?ssl_ca=/path``: what stands in the query
            goes to ``pymysql.connect()``) or a mapping of its arguments; or a connection of PyMySQL
            or mysqlclient (experimental) that nothing else uses, whose own timeouts hold then;
            or an asyncmy or aiomysql (experimental) pool, asked only while it has a connection to
            spare, or connection that nothing else uses (the probe is async then).
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``pymysql`` is not installed.
    """
    if isinstance(server, str):
        return Blocking(_OwnPyMySQL(_arguments(server), secrets_of(server), shown(server)), timeout)
    if isinstance(server, dict):
        host = str(server.get("unix_socket") or server.get("host") or "localhost")
        secret = server.get("password") or server.get("passwd") or ""
        secret = secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret)
        return Blocking(_OwnPyMySQL(server, (secret,), host), timeout)
    package = origin(server)
    if package in {"pymysql", "MySQLdb"}:
        return Blocking(_Given(server), timeout)
    if package in {"asyncmy", "aiomysql"}:
        return Awaiting(_AsyncGiven(server), timeout)
    raise cannot_use(server, "mysql", TAKES)


def _arguments(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise ValueError(
            "probes.mysql() cannot read this URL; use 'mysql://user@host/db'"
        ) from None
    scheme = parts.scheme.partition("+")[0]
    if scheme not in {"mysql", "mariadb"}:
        raise ValueError(f"probes.mysql(): scheme {scheme!r} in the URL; {TAKES}")
    return {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.strip("/")) or None,
        **dict(parse_qsl(parts.query)),
    }


class _OwnPyMySQL:
    own = True

    def __init__(self, arguments: dict[str, Any], secrets: tuple[str, ...], host: str) -> None:
        self._driver = need("pymysql", "pymysql")
        self._arguments = dict(arguments)
        self.secrets = secrets
        self.target = f"mysql {host}"

    def open(self, deadline: Deadline) -> Any:
        seconds = deadline.left()
        limits = {"connect_timeout": seconds, "read_timeout": seconds, "write_timeout": seconds}
        return self._driver.connect(**{**self._arguments, **limits})

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        # Read timeouts of a PyMySQL connection are fixed when it is made.
        connection.ping(reconnect=False)
        return healthy("answers a ping", target=self.target)

    def close(self, connection: Any) -> None:
        connection.close()


class _Given:
    """A connection of PyMySQL or mysqlclient that the user keeps for the probe."""

    own = False
    secrets: tuple[str, ...] = ()
    target = "mysql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        # PyMySQL's ping() reconnects by default, mysqlclient's has no such argument any more.
        self._arguments = {"reconnect": False} if origin(connection) == "pymysql" else {}

    def open(self, deadline: Deadline) -> Any:
        return self._connection

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        connection.ping(**self._arguments)
        return healthy("answers a ping")

    def close(self, connection: Any) -> None:
        """It is the user's."""


class _AsyncGiven:
    """An asyncmy or aiomysql pool or connection of the user's."""

    own = False
    secrets: tuple[str, ...] = ()
    target = "mysql"

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_pool = hasattr(client, "acquire")

    async def open(self, deadline: Deadline) -> Any:
        return self._client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        if not self._is_pool:
            await connection.ping(reconnect=False)
        elif connection.freesize == 0 and connection.size >= connection.maxsize:
            size = connection.size
            return degraded(f"all {size} connections of the pool are in use", size=size)
        else:
            async with connection.acquire() as borrowed:
                await borrowed.ping(reconnect=False)
        return healthy("answers a ping")

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""
