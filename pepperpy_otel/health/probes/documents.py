"""MongoDB: does a server answer the ``ping`` command? With PyMongo, sync or async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = "give a URL (mongodb://host:27017), a MongoClient or an AsyncMongoClient"


def mongo(server: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """Experimental: tested against stubs only. A probe: MongoDB answers ``ping``.

    Args:
        server: A URL, a ``MongoClient``, or an ``AsyncMongoClient`` (the probe is async then). A
            client of PyMongo is a pool that knows its servers; one that is given is asked itself.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``pymongo`` is not installed.
    """
    if isinstance(server, str):
        return Blocking(_Own(need("pymongo", "pymongo"), server), timeout)
    if origin(server) == "pymongo" and hasattr(server, "admin"):
        driver = need("pymongo", "pymongo")
        if ".asynchronous" in type(server).__module__:
            return Awaiting(_AsyncGiven(server), timeout)
        return Blocking(_Given(driver, server), timeout)
    raise cannot_use(server, "mongo", TAKES)


class _Given:
    own = False
    secrets: tuple[str, ...] = ()
    target = "mongodb"

    def __init__(self, driver: Any, client: Any) -> None:
        self._driver = driver
        self._client = client

    def open(self, deadline: Deadline) -> Any:
        return self._client

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        # One limit over the choice of a server, the connection and the command.
        with self._driver.timeout(deadline.left()):
            connection.admin.command("ping")
        return healthy("answers ping", target=self.target)

    def close(self, connection: Any) -> None:
        """It is the user's."""


class _Own(_Given):
    own = True

    def __init__(self, driver: Any, url: str) -> None:
        super().__init__(driver, None)
        self._url = url
        self.secrets = secrets_of(url)
        self.target = f"mongodb {shown(url)}"

    def open(self, deadline: Deadline) -> Any:
        milliseconds = int(deadline.left() * 1000)
        return self._driver.MongoClient(
            self._url,
            maxPoolSize=1,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            appname="pepperpy-otel-health",
        )

    def close(self, connection: Any) -> None:
        connection.close()


class _AsyncGiven:
    own = False
    secrets: tuple[str, ...] = ()
    target = "mongodb"

    def __init__(self, client: Any) -> None:
        self._client = client

    async def open(self, deadline: Deadline) -> Any:
        return self._client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        await connection.admin.command("ping")
        return healthy("answers ping")

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""
