"""NATS: does the server answer a PING? With nats-py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import healthy, secrets_of, shown

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

PATIENT = 10
TAKES = "give a URL (nats://host:4222), a list of URLs, or a nats-py client"


def nats(server: Any, *, timeout: float = 1.0, **options: Any) -> Awaiting[Any]:
    """An async probe: NATS answers a PING.

    Args:
        server: A URL, URLs of one cluster, or a connected nats-py client.
        timeout: Seconds for a run.
        options: For ``nats.connect()``: ``user_credentials``, ``tls`` …

    Raises:
        ValueError: The server cannot be used, or ``nats-py`` is not installed.
    """
    if isinstance(server, str):
        return Awaiting(_Own([server], options), timeout)
    if isinstance(server, Sequence) and server and all(isinstance(each, str) for each in server):
        return Awaiting(_Own(list(server), options), timeout)
    if origin(server) == "nats":
        return Awaiting(_Given(server), timeout)
    raise cannot_use(server, "nats", TAKES)


async def _pinged(client: Any, deadline: Deadline) -> None:
    # flush() of a client whose reading task has ended returns without having asked anybody.
    if not client.is_connected:
        raise ConnectionError("not connected")
    # Longer than the probe waits: a limit of nats-py's counts time in which the loop stood still.
    await client.flush(timeout=PATIENT * deadline.left())


class _Own:
    own = True

    def __init__(self, servers: list[str], options: dict[str, Any]) -> None:
        self._client = need("nats.aio.client", "nats-py").Client
        self._servers = servers
        self._options = options
        self.secrets = tuple(secret for url in servers for secret in secrets_of(url)) + tuple(
            str(options[key]) for key in ("password", "token") if options.get(key)
        )
        self.target = f"nats {', '.join(map(shown, servers))}"

    async def open(self, deadline: Deadline) -> Any:
        limits = {
            "connect_timeout": PATIENT * deadline.left(),
            "allow_reconnect": False,  # the probe makes its own new connection
            # Without these a refused connection is tried 60 times, every two seconds; 0 is "ever".
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.01,
            "error_cb": _nothing,  # nats-py would log each failure with a traceback
            "name": "pepperpy-otel-health",
        }
        client = self._client()
        try:
            await client.connect(self._servers, **{**self._options, **limits})
        except BaseException:
            await client.close()  # nats-py leaves the socket of an attempt that was cut short
            raise
        return client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        await _pinged(connection, deadline)
        return healthy("answers PING", target=self.target)

    async def close(self, connection: Any, *, polite: bool) -> None:
        await connection.close()


class _Given:
    own = False
    secrets: tuple[str, ...] = ()
    target = "nats"

    def __init__(self, client: Any) -> None:
        self._client = client

    async def open(self, deadline: Deadline) -> Any:
        return self._client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        await _pinged(connection, deadline)
        return healthy("answers PING")

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""


async def _nothing(error: Exception) -> None:
    """The probe's result says it."""
