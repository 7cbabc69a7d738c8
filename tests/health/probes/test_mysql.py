"""MySQL with stub drivers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.stubs import Calls, Slowly, missing, module


def _pymysql(monkeypatch: pytest.MonkeyPatch, connection: Calls) -> list[dict[str, Any]]:
    opened: list[dict[str, Any]] = []

    def connect(**arguments: Any) -> Calls:
        opened.append(arguments)
        return connection

    module(monkeypatch, "pymysql", connect=connect)
    return opened


def test_a_url_becomes_arguments_of_pymysql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded, with time limits, and with what stands in the query."""
    connection = Calls(ping=None, close=None)
    opened = _pymysql(monkeypatch, connection)
    probe = probes.mysql("mysql+pymysql://app:p%40ss@db:3307/orders?charset=utf8mb4", timeout=2.0)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    assert result.data == {"target": "mysql db:3307"}
    assert connection.calls == [("ping", (), {"reconnect": False})]
    arguments = opened[0]
    assert {key: arguments[key] for key in ("host", "port", "user", "password", "database")} == {
        "host": "db",
        "port": 3307,
        "user": "app",
        "password": "p@ss",
        "database": "orders",
    }
    assert arguments["charset"] == "utf8mb4"
    for limit in ("connect_timeout", "read_timeout", "write_timeout"):
        assert arguments[limit] == pytest.approx(2.0, abs=0.1)
    probe.close()
    assert connection.names[-1] == "close"


def test_a_short_url_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """No user, no database, the usual port."""
    opened = _pymysql(monkeypatch, Calls(ping=None))
    probes.mysql("mariadb://")()
    assert (opened[0]["host"], opened[0]["port"], opened[0]["user"]) == ("localhost", 3306, None)


@pytest.mark.parametrize("password", ["hunter2", b"hunter2"])
def test_arguments_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch, password: str | bytes
) -> None:
    """The password is not shown."""
    _pymysql(monkeypatch, Calls(ping=OSError("access denied for hunter2")))
    result: Any = probes.mysql({"unix_socket": "/run/mysql.sock", "password": password})()
    assert result.reason == "mysql /run/mysql.sock: OSError: access denied for ***"


@pytest.mark.parametrize("url", ["postgresql://db/x", "mysql://u:hunter2@db:port/"])
def test_a_url_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match=r"probes\.mysql\(\)") as error:
        probes.mysql(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("home", "arguments"),
    [("pymysql.connections", {"reconnect": False}), ("MySQLdb.connections", {})],
)
def test_a_connection_of_the_users_is_asked_and_kept(home: str, arguments: dict[str, Any]) -> None:
    """Never reconnected behind the user's back."""
    connection = Calls(home, ping=None, close=None)
    probe = probes.mysql(connection)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    probe.close()
    assert connection.calls == [("ping", (), arguments)]


class _Pool(Calls):
    def __init__(self, home: str, *, free: int, size: int) -> None:
        super().__init__(home)
        self.freesize, self.size, self.maxsize = free, size, 2
        self.borrowed = Calls(ping=Slowly())

    def acquire(self) -> _Pool:
        return self

    async def __aenter__(self) -> Calls:
        return self.borrowed

    async def __aexit__(self, *exception: object) -> None:
        self.calls.append(("release", (), {}))


@pytest.mark.parametrize(
    ("free", "size", "status"),
    [
        (1, 2, HealthStatus.HEALTHY),
        (0, 1, HealthStatus.HEALTHY),
        (0, 2, HealthStatus.DEGRADED),
    ],
)
def test_an_async_pool_is_asked_while_it_has_a_connection_to_spare(
    free: int, size: int, status: HealthStatus
) -> None:
    """A busy one is degraded, and the probe does not join its queue."""
    pool = _Pool("asyncmy.pool", free=free, size=size)
    probe: Any = probes.mysql(pool)
    assert asyncio.run(probe()).status is status
    assert bool(pool.calls) is (status is HealthStatus.HEALTHY)


def test_an_async_connection_of_the_users_is_asked() -> None:
    """Never reconnected."""
    connection = Calls("aiomysql.connection", ping=Slowly())
    probe: Any = probes.mysql(connection)

    async def main() -> Any:
        result = await probe()
        await probe.aclose()
        return result

    assert asyncio.run(main()).status is HealthStatus.HEALTHY
    assert connection.calls == [("ping", (), {"reconnect": False})]


def test_what_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of something else; no driver."""
    with pytest.raises(ValueError, match=r"cannot use a builtins.int"):
        probes.mysql(5)
    missing(monkeypatch, "pymysql")
    with pytest.raises(ValueError, match="pip install 'pymysql'"):
        probes.mysql("mysql://db/")
