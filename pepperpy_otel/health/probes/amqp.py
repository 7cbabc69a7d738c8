"""RabbitMQ and other AMQP 0-9-1 brokers: does the broker open a channel? With pika or aio-pika."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, has, need, origin
from pepperpy_otel.health.probes.pika_driver import Pika
from pepperpy_otel.health.probes.wording import healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = (
    "give a URL (amqp://user:password@host/vhost), pika parameters, or an aio-pika connection; "
    "a pika connection belongs to the thread that made it"
)


def rabbitmq(
    server: Any, *, driver: str | None = None, timeout: float = 1.0
) -> Blocking[Any] | Awaiting[Any]:
    """A probe: the broker lets us open a channel.

    Args:
        server: A URL, ``pika.ConnectionParameters`` (or ``URLParameters``), or a connection of
            aio-pika (the probe is async then and opens a channel on it for a moment).
        driver: ``"pika"`` (a blocking probe) or ``"aio_pika"`` (an async one) for a URL; by default
            the one that is installed, pika first.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server or the driver cannot be used, or its package is not installed.
    """
    if isinstance(server, str):
        return _by_url(server, driver, timeout)
    package = origin(server)
    if package == "pika" and hasattr(server, "credentials"):
        where = f"{server.host}:{server.port}"
        secret = str(getattr(server.credentials, "password", ""))
        return Blocking(Pika(server, (secret,), where), timeout)
    if package == "aio_pika" and hasattr(server, "channel"):
        return Awaiting(_Given(server), timeout)
    raise cannot_use(server, "rabbitmq", TAKES)


def _by_url(url: str, driver: str | None, timeout: float) -> Blocking[Any] | Awaiting[Any]:
    if driver is None:
        driver = "aio_pika" if has("aio_pika") and not has("pika") else "pika"
    if driver == "aio_pika":
        return Awaiting(_AioPika(need("aio_pika", "aio-pika"), url), timeout)
    if driver != "pika":
        raise ValueError(f"driver={driver!r} is not known; use 'pika' or 'aio_pika'")
    pika = need("pika", "pika")
    try:
        parameters = pika.URLParameters(url)
    except Exception:
        # Not chained: what pika complains about may be a part of the password.
        raise ValueError(
            "probes.rabbitmq() cannot read this URL; use 'amqp://user@host:5672/vhost'"
        ) from None
    return Blocking(Pika(parameters, secrets_of(url), shown(url)), timeout)


async def _channel_opened(connection: Any) -> None:
    channel = await connection.channel()
    await channel.close()


class _AioPika:
    own = True

    def __init__(self, driver: Any, url: str) -> None:
        self._driver = driver
        self._url = url
        self.secrets = secrets_of(url)
        self.target = f"rabbitmq {shown(url)}"

    async def open(self, deadline: Deadline) -> Any:
        return await self._driver.connect(self._url)

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        await _channel_opened(connection)
        return healthy("opens a channel", target=self.target)

    async def close(self, connection: Any, *, polite: bool) -> None:
        await connection.close()


class _Given:
    own = False
    secrets: tuple[str, ...] = ()
    target = "rabbitmq"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def open(self, deadline: Deadline) -> Any:
        return self._connection

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        if connection.is_closed:
            raise ConnectionError("the connection is closed")
        await _channel_opened(connection)
        return healthy("opens a channel")

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""
