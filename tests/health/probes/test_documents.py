"""MongoDB, Kafka, NATS and S3 with stub drivers."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.stubs import Calls, Slowly, module


def _run(probe: Any) -> Any:
    async def main() -> Any:
        result = await probe()
        await probe.aclose()
        return result

    return asyncio.run(main())


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The limits that pymongo was given."""
    given: list[float] = []

    @contextlib.contextmanager
    def timeout(seconds: float) -> Any:
        given.append(seconds)
        yield

    made: list[Any] = []

    def client(url: str, **options: Any) -> Any:
        made.append(Calls(close=None))
        made[-1].admin = Calls(command={"ok": 1})
        made[-1].options = options
        return made[-1]

    module(monkeypatch, "pymongo", timeout=timeout, MongoClient=client, made=made)
    return given


def test_mongo_by_url_pings_with_a_client_of_its_own(limits: list[float]) -> None:
    """One connection, short limits, closed at the end."""
    import pymongo

    probe = probes.mongo("mongodb://app:hunter2@db:27017", timeout=2.0)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    assert result.data == {"target": "mongodb db:27017"}
    probe.close()
    (client,) = pymongo.made  # type: ignore[attr-defined]
    assert client.admin.calls == [("command", ("ping",), {})]
    assert client.options["maxPoolSize"] == 1
    assert client.options["serverSelectionTimeoutMS"] == pytest.approx(2000, abs=100)
    assert client.names == ["close"]
    assert limits == [pytest.approx(2.0, abs=0.1)]


def test_mongo_clients_of_the_users_are_asked_and_kept(limits: list[float]) -> None:
    """Sync and async."""
    client = Calls("pymongo.synchronous.mongo_client", close=None)
    client.admin = Calls(command={"ok": 1})  # type: ignore[attr-defined]
    probe = probes.mongo(client)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    probe.close()
    assert client.calls == []
    client = Calls("pymongo.asynchronous.mongo_client", close=None)
    client.admin = Calls(command=Slowly({"ok": 1}))  # type: ignore[attr-defined]
    assert _run(probes.mongo(client)).status is HealthStatus.HEALTHY
    with pytest.raises(ValueError, match=r"builtins\.int"):
        probes.mongo(5)


def _metadata(brokers: int) -> Any:
    return SimpleNamespace(brokers=dict.fromkeys(range(brokers)))


def test_kafka_with_servers_or_a_configuration_makes_an_admin_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked for metadata, and let go of by close()."""
    made: list[Any] = []

    def admin(configuration: dict[str, Any]) -> Calls:
        made.append(configuration)
        return Calls(list_topics=_metadata(3))

    module(monkeypatch, "confluent_kafka.admin", AdminClient=admin)
    probe = probes.kafka("a:9092,b:9092")
    result: Any = probe()
    assert result.reason == "3 brokers"
    assert result.data == {"target": "kafka a:9092,b:9092", "brokers": 3}
    probe.close()
    configuration = {"bootstrap.servers": "a:9092", "sasl.password": "hunter2"}
    probe = probes.kafka(configuration)
    assert probe._connector.secrets == ("hunter2",)
    probe()
    assert made[1]["sasl.password"] == "hunter2"


@pytest.mark.parametrize("home", ["confluent_kafka", "cimpl"])
def test_kafka_clients_of_confluent_are_asked_and_kept(home: str) -> None:
    """Those written in C say that they come from cimpl."""
    client = Calls(home, list_topics=_metadata(1))
    probe = probes.kafka(client)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    assert client.calls[0][2]["timeout"] > 0
    probe.close()
    empty: Any = probes.kafka(Calls(home, list_topics=_metadata(0)))()
    assert empty.reason == "kafka: ConnectionError: no broker in the metadata"


@pytest.mark.parametrize(("brokers", "status"), [(2, "healthy"), (0, "unhealthy")])
def test_kafka_clients_of_aiokafka_are_asked_and_kept(brokers: int, status: str) -> None:
    """A producer by its cluster, an admin client by its own question."""
    admin = Calls("aiokafka.admin", describe_cluster=Slowly({"brokers": [1] * brokers}))
    assert _run(probes.kafka(admin)).status.value == status
    producer = Calls("aiokafka.producer")
    cluster = Calls(brokers=[1] * brokers)
    producer.client = Calls(fetch_all_metadata=Slowly(cluster))  # type: ignore[attr-defined]
    assert _run(probes.kafka(producer)).status.value == status
    with pytest.raises(ValueError, match=r"builtins\.int"):
        probes.kafka(5)


def _nats(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> list[Calls]:
    made: list[Calls] = []

    def client() -> Calls:
        made.append(Calls("nats.aio.client", **answers))
        made[-1].is_connected = True  # type: ignore[attr-defined]
        return made[-1]

    module(monkeypatch, "nats.aio.client", Client=client)
    return made


def test_nats_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One server or several, over a client that does not reconnect by itself."""
    made = _nats(monkeypatch, connect=Slowly(), flush=Slowly(), close=Slowly())
    result = _run(probes.nats(["nats://t0ken@a:4222", "nats://b:4222"], token="t1", user="x"))
    assert result.data == {"target": "nats a:4222, b:4222"}
    assert made[0].names == ["connect", "flush", "close"]
    options = made[0].calls[0][2]
    assert options["allow_reconnect"] is False
    assert options["token"] == "t1"
    assert asyncio.run(options["error_cb"](OSError())) is None


def test_nats_that_cannot_connect_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is closed, its token not shown."""
    made = _nats(monkeypatch, connect=Slowly(OSError("t0ken refused")), close=Slowly())
    result = _run(probes.nats("nats://t0ken@a:4222"))
    assert result.reason == "nats a:4222: OSError: *** refused"
    assert made[0].names == ["connect", "close"]


def test_a_nats_client_of_the_users_is_asked_and_kept() -> None:
    """One that is not connected would answer without asking anybody."""
    client = Calls("nats.aio.client", flush=Slowly(), close=Slowly())
    client.is_connected = True  # type: ignore[attr-defined]
    assert _run(probes.nats(client)).status is HealthStatus.HEALTHY
    client.is_connected = False  # type: ignore[attr-defined]
    assert _run(probes.nats(client)).reason == "nats: ConnectionError: not connected"
    assert client.names == ["flush"]
    with pytest.raises(ValueError, match=r"builtins\.list"):
        probes.nats([])


class _ClientError(Exception):
    def __init__(self, code: str) -> None:
        self.response = {"Error": {"Code": code}}


def _boto3(monkeypatch: pytest.MonkeyPatch, client: Calls) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    class Config(SimpleNamespace):
        def merge(self, other: Config) -> Config:
            return Config(**{**vars(self), **vars(other)})

    class Session:
        def client(self, service: str, **options: Any) -> Calls:
            assert service == "s3"
            made.append(options)
            return client

    module(monkeypatch, "boto3", session=SimpleNamespace(Session=Session))
    module(monkeypatch, "botocore.exceptions", ClientError=_ClientError)
    module(monkeypatch, "botocore.config", Config=Config)
    return made


def test_s3_asks_for_the_head_of_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a client of its own, short limits and no retries; what the user configured stays."""
    client = Calls(head_bucket={}, close=None)
    made = _boto3(monkeypatch, client)
    probe = probes.s3("orders", timeout=2.0, aws_secret_access_key="hunter2")
    assert probe().status is HealthStatus.HEALTHY
    probe.close()
    assert client.calls == [("head_bucket", (), {"Bucket": "orders"}), ("close", (), {})]
    config = made[0]["config"]
    assert config.connect_timeout == pytest.approx(2.0, abs=0.1)
    assert config.retries == {"total_max_attempts": 1}
    assert probe._connector.secrets == ("hunter2",)
    user = type(config)(signature_version="s3v4")
    probes.s3("orders", config=user)()
    assert made[1]["config"].signature_version == "s3v4"
    assert made[1]["config"].max_pool_connections == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [("404", "no such bucket"), ("403", "access denied"), ("500", "answered 500")],
)
def test_s3_tells_why_it_was_refused(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    """With the user's client, which is kept."""
    client = Calls("botocore.client", head_bucket=_ClientError(code), close=None)
    _boto3(monkeypatch, client)
    probe = probes.s3("orders", client)
    assert probe().reason == f"s3 orders: {said}"
    probe.close()
    assert client.names == ["head_bucket"]
    with pytest.raises(ValueError, match="give a boto3 client"):
        probes.s3("orders", object())
