"""Kafka: does a broker answer a metadata request? With confluent-kafka or aiokafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import healthy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

TAKES = (
    "give bootstrap servers (host:9092,host:9092), a confluent-kafka configuration or client, "
    "or an aiokafka producer, consumer or admin client"
)


def kafka(server: Any, *, timeout: float = 1.0) -> Blocking[Any] | Awaiting[Any]:
    """Experimental: tested against librdkafka's mock cluster. A probe: a broker sends metadata.

    Args:
        server: Bootstrap servers or a configuration mapping (with confluent-kafka, of which the
            probe makes an admin client with a thread of librdkafka's, ended by ``close()``); a
            producer, consumer or admin client of confluent-kafka; or a started producer, consumer
            or admin client of aiokafka (the probe is async then).
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``confluent-kafka`` is not installed.
    """
    if isinstance(server, str):
        return Blocking(_Own({"bootstrap.servers": server}), timeout)
    if isinstance(server, dict):
        return Blocking(_Own(server), timeout)
    package = origin(server)
    if (package in {"confluent_kafka", "cimpl"}) and hasattr(server, "list_topics"):
        return Blocking(_Given(server), timeout)
    if package == "aiokafka":
        return Awaiting(_AsyncGiven(server), timeout)
    raise cannot_use(server, "kafka", TAKES)


class _Given:
    own = False
    secrets: tuple[str, ...] = ()
    target = "kafka"

    def __init__(self, client: Any) -> None:
        self._client = client

    def open(self, deadline: Deadline) -> Any:
        return self._client

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        # A topic that is named keeps the answer small; of an unknown one the broker says so.
        brokers = len(connection.list_topics(timeout=deadline.left()).brokers)
        if not brokers:
            raise ConnectionError("no broker in the metadata")
        return healthy(f"{brokers} brokers", target=self.target, brokers=brokers)

    def close(self, connection: Any) -> None:
        """It is the user's."""


class _Own(_Given):
    own = True

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        super().__init__(None)
        self._admin = need("confluent_kafka.admin", "confluent-kafka").AdminClient
        self._configuration = configuration
        self.secrets = tuple(
            str(value)
            for key, value in configuration.items()
            if key.endswith(("password", "secret", "key.pem"))
        )
        self.target = f"kafka {configuration.get('bootstrap.servers', '')}".rstrip()

    def open(self, deadline: Deadline) -> Any:
        quiet = {"log_level": 0, "client.id": "pepperpy-otel-health"}
        return self._admin({**quiet, **self._configuration})

    def close(self, connection: Any) -> None:
        """Ended by letting go of it: an admin client of confluent-kafka has no other way."""


class _AsyncGiven:
    own = False
    secrets: tuple[str, ...] = ()
    target = "kafka"

    def __init__(self, client: Any) -> None:
        self._client = client

    async def open(self, deadline: Deadline) -> Any:
        return self._client

    async def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        if hasattr(connection, "describe_cluster"):  # the admin client
            brokers = len((await connection.describe_cluster())["brokers"])
        else:
            brokers = len((await connection.client.fetch_all_metadata()).brokers())
        if not brokers:
            raise ConnectionError("no broker in the metadata")
        return healthy(f"{brokers} brokers", brokers=brokers)

    async def close(self, connection: Any, *, polite: bool) -> None:
        """It is the user's."""
