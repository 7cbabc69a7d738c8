"""Redis and Valkey with stub drivers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.stubs import Calls, Slowly, missing, module


class _Connection:
    """A connection of redis-py; what PING is answered is set on the class by the test."""

    __module__ = "redis.connection"
    answer: Any = b"PONG"
    readable = True
    made: list[_Connection]

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.calls: list[str] = []
        type(self).made.append(self)

    def connect(self) -> None:
        self.calls.append("connect")

    def send_command(self, command: str) -> None:
        self.calls.append(command)

    def can_read(self, timeout: float) -> bool:
        assert timeout > 0
        return type(self).readable

    def read_response(self) -> Any:
        return type(self).answer

    def disconnect(self) -> None:
        self.calls.append("disconnect")


class _AsyncConnection(_Connection):
    __module__ = "redis.asyncio.connection"
    refuses = False

    async def connect(self) -> None:  # type: ignore[override]
        if type(self).refuses:
            raise ConnectionRefusedError("refused")

    async def send_command(self, command: str) -> None:  # type: ignore[override]
        self.calls.append(command)

    async def read_response(self) -> Any:
        return type(self).answer

    async def disconnect(self, *, nowait: bool) -> None:  # type: ignore[override]
        self.calls.append(f"disconnect nowait={nowait}")


@pytest.fixture
def kind() -> type[_Connection]:
    return type("Connection", (_Connection,), {"made": [], "__module__": "redis.connection"})


@pytest.fixture
def async_kind() -> type[_AsyncConnection]:
    home = "redis.asyncio.connection"
    return type("Connection", (_AsyncConnection,), {"made": [], "__module__": home})


@pytest.fixture(autouse=True)
def _driver(monkeypatch: pytest.MonkeyPatch, kind: type[_Connection]) -> None:
    for name in ("redis", "valkey"):

        def from_url(url: str) -> Any:
            if not url.startswith(("redis://", "valkey://")):
                raise ValueError(f"bad {url}")
            words = {"host": "cache", "port": 6379, "password": "hunter2"}
            return SimpleNamespace(connection_class=kind, connection_kwargs=words)

        pool = SimpleNamespace(from_url=from_url)
        module(monkeypatch, name, ConnectionPool=pool)
        module(monkeypatch, f"{name}.backoff", NoBackoff=lambda: "none")
        module(monkeypatch, f"{name}.retry", Retry=lambda backoff, times: (backoff, times))
        module(monkeypatch, f"{name}.asyncio.retry", Retry=lambda backoff, times: (backoff, times))


def _client(kind: type, home: str = "redis.client", **words: Any) -> Calls:
    client = Calls(home, ping=RuntimeError("not to be touched"))
    client.connection_pool = SimpleNamespace(  # type: ignore[attr-defined]
        connection_class=kind, connection_kwargs={"password": None, **words}
    )
    return client


@pytest.mark.parametrize("name", ["redis", "valkey"])
def test_a_url_is_asked_over_one_connection(name: str, kind: type[_Connection]) -> None:
    """With time limits, without retries, disconnected by close()."""
    probe = getattr(probes, name)(f"{name}://:hunter2@cache:6379/0", timeout=3.0)
    assert probe().status is HealthStatus.HEALTHY
    assert probe().data == {"target": f"{name} cache:6379"}
    probe.close()
    (connection,) = kind.made
    assert connection.calls == ["connect", "PING", "PING", "disconnect"]
    assert connection.arguments["retry"] == ("none", 0)
    assert connection.arguments["socket_timeout"] == pytest.approx(3.0, abs=0.1)


def test_of_a_client_only_the_way_to_connect_is_used(kind: type[_Connection]) -> None:
    """Nothing that ties the connection to the app's pool."""
    client = _client(kind, path="/run/redis.sock", maint_notifications_config=object(), db=3)
    probe = probes.redis(client)
    result: Any = probe()
    assert result.data == {"target": "redis /run/redis.sock"}
    arguments = kind.made[0].arguments
    assert arguments["db"] == 3
    assert "maint_notifications_config" not in arguments
    assert client.calls == []


def test_another_answer_or_none_is_unhealthy(kind: type[_Connection]) -> None:
    """Never a false green."""
    kind.answer = b"QUEUED"
    result: Any = probes.redis("redis://x")()
    assert result.reason.endswith("RuntimeError: answered b'QUEUED' to PING")
    kind.readable = False
    result = probes.redis("redis://x")()
    assert result.reason.endswith("no answer within 1 s")


def test_an_async_client_makes_an_async_probe(async_kind: type[_AsyncConnection]) -> None:
    """Asked, ended politely, and let go of at once when it failed."""
    probe: Any = probes.redis(_client(async_kind, "redis.asyncio.client"))

    async def main() -> None:
        assert (await probe()).status is HealthStatus.HEALTHY
        await probe.aclose()
        assert async_kind.made[0].calls == ["PING", "disconnect nowait=False"]
        async_kind.refuses = True
        result = await probe()
        assert result.reason == "redis localhost:6379: ConnectionRefusedError: refused"
        assert async_kind.made[1].calls == ["disconnect nowait=True"]

    asyncio.run(main())


def test_what_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL without repeating it, a cluster client, a client of something else, no driver."""
    with pytest.raises(ValueError, match="cannot read this URL") as error:
        probes.redis("rediss//:hunter2@x")
    assert "hunter2" not in str(error.value)
    with pytest.raises(ValueError, match=r"redis\.cluster"):
        probes.redis(Calls("redis.cluster", ping=Slowly()))
    with pytest.raises(ValueError, match=r"builtins\.int"):
        probes.valkey(5)
    missing(monkeypatch, "valkey")
    with pytest.raises(ValueError, match="pip install 'valkey'"):
        probes.valkey("valkey://x")
