"""PostgreSQL with stub drivers: what is asked, and what is never shown. For real: integration."""

from __future__ import annotations

import asyncio
import socket
import sys
from enum import IntEnum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from tests.health.probes.stubs import Calls, Slowly, missing, module

if TYPE_CHECKING:
    from collections.abc import Iterator

DSN = "postgresql://app:hunter2@db:5432/orders"


class _Polling(IntEnum):
    FAILED, READING, WRITING, OK = range(4)


class _Libpq:
    """A libpq connection whose answers are lists that the test fills."""

    script: list[_Libpq]

    def __init__(self, *, poll: list[int], results: list[Any], status: int = 0) -> None:
        self.poll, self.results, self.status = poll, results, status
        self.nonblocking = 0
        self.finished = False
        self.flushes = [1, 0]
        self.busy = [1, 0, 0]
        self.error_message = b"connection failed: password=hunter2\nno"
        self._near, self._far = socket.socketpair()
        self._far.sendall(b"x")
        self.socket = self._near.fileno()

    def connect_poll(self) -> int:
        return self.poll.pop(0)

    def send_query(self, query: bytes) -> None:
        assert query == b"SELECT 1"

    def flush(self) -> int:
        return self.flushes.pop(0)

    def is_busy(self) -> int:
        return self.busy.pop(0) if self.busy else 0

    def consume_input(self) -> None:
        self._near.recv(1)

    def get_result(self) -> Any:
        return self.results.pop(0)

    def finish(self) -> None:
        self.finished = True
        self._near.close()
        self._far.close()

    def drain(self) -> None:
        self._near.recv(1)


class _OperationalError(Exception):
    pass


GOOD = SimpleNamespace(status=2, error_message=b"")
BAD = SimpleNamespace(status=7, error_message=b"FATAL: the database system is starting up")


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[_Libpq]]:
    """The connections that psycopg will make, in order; all finished at the end."""
    script: list[_Libpq] = []
    made: list[_Libpq] = []

    class PGconn:
        @staticmethod
        def connect_start(conninfo: bytes) -> _Libpq:
            assert b"pepperpy-otel-health" in conninfo
            made.append(script.pop(0))
            return made[-1]

    def make_conninfo(dsn: str, **words: str) -> str:
        if "broken" in dsn:
            raise _OperationalError(f'missing "=" after "{dsn}"')
        return " ".join([dsn, *(f"{key}={value}" for key, value in words.items())])

    def to_dict(conninfo: str) -> dict[str, str]:
        words = dict(word.split("=", 1) for word in conninfo.split() if "://" not in word)
        return {**({"password": "hunter2"} if "hunter2" in conninfo else {}), **words}

    libpq = SimpleNamespace(
        PGconn=PGconn,
        PollingStatus=_Polling,
        ConnStatus=SimpleNamespace(BAD=1),
        ExecStatus=SimpleNamespace(TUPLES_OK=2),
    )
    module(
        monkeypatch,
        "psycopg",
        pq=libpq,
        Error=_OperationalError,
        OperationalError=_OperationalError,
    )
    module(monkeypatch, "psycopg.conninfo", make_conninfo=make_conninfo, conninfo_to_dict=to_dict)
    yield script
    assert all(each.finished for each in made)


def _opening() -> list[int]:
    return [_Polling.WRITING, _Polling.READING, _Polling.OK]


def test_psycopg_asks_without_blocking(connections: list[_Libpq]) -> None:
    """Connect, write, wait, read; the connection is finished by close()."""
    connections.append(_Libpq(poll=_opening(), results=[GOOD, None]))
    probe = probes.postgres(DSN)
    result: Any = probe()
    assert result.status is HealthStatus.HEALTHY
    assert result.data == {"target": "postgres db:5432"}
    probe.close()


def test_psycopg_tells_what_the_server_said(connections: list[_Libpq]) -> None:
    """An error as the answer, and no answer at all."""
    for results in ([BAD, None], [None]):
        connections.append(_Libpq(poll=[_Polling.OK], results=list(results)))
        result: Any = probes.postgres(DSN)()
        assert result.status is HealthStatus.UNHEALTHY
        assert "hunter2" not in str(result)


@pytest.mark.parametrize(("poll", "status"), [([_Polling.FAILED], 0), ([], 1)])
def test_psycopg_that_cannot_connect_is_unhealthy(
    connections: list[_Libpq], poll: list[int], status: int
) -> None:
    """Libpq's message, masked."""
    connections.append(_Libpq(poll=list(poll), results=[], status=status))
    result: Any = probes.postgres(DSN)()
    assert (
        result.reason == "postgres db:5432: _OperationalError: connection failed: password=*** no"
    )


def test_psycopg_with_a_silent_server_fails_in_time(connections: list[_Libpq]) -> None:
    """Connected, and then nothing."""
    connection = _Libpq(poll=[_Polling.READING], results=[])
    connection.drain()
    connections.append(connection)
    result: Any = probes.postgres(DSN, timeout=0.1)()
    assert result.reason == "postgres db:5432: no answer within 0.1 s"


def test_of_a_psycopg_connection_only_the_parameters_are_used(connections: list[_Libpq]) -> None:
    """Its password is kept apart from its DSN, and not shown either."""
    client = Calls("psycopg.connection", cursor=RuntimeError("not to be touched"))
    client.info = SimpleNamespace(dsn="host=db user=app", password="hunter2")  # type: ignore[attr-defined]
    connections.append(_Libpq(poll=[_Polling.FAILED], results=[]))
    result: Any = probes.postgres(client)()
    assert result.reason.startswith("postgres db: ")
    assert "hunter2" not in str(result)
    assert client.calls == []


def test_a_dsn_that_cannot_be_read_is_refused_without_repeating_it(
    connections: list[_Libpq],
) -> None:
    """Libpq would quote it."""
    with pytest.raises(ValueError, match="cannot read this DSN") as error:
        probes.postgres("broken hunter2")
    assert error.value.__suppress_context__
    assert "hunter2" not in str(error.value)


def _asyncpg(monkeypatch: pytest.MonkeyPatch, connection: Calls) -> list[tuple[Any, ...]]:
    opened: list[tuple[Any, ...]] = []

    async def connect(dsn: str, **options: Any) -> Calls:
        opened.append((dsn, options))
        return connection

    module(monkeypatch, "asyncpg", connect=connect)
    return opened


def test_asyncpg_asks_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a connection of its own; terminated when it failed."""
    connection = Calls(fetchval=Slowly(1), close=Slowly(), terminate=None)
    opened = _asyncpg(monkeypatch, connection)
    probe: Any = probes.postgres(
        DSN.replace("postgresql:", "postgresql+asyncpg:"), driver="asyncpg"
    )

    async def main() -> None:
        assert (await probe()).status is HealthStatus.HEALTHY
        await probe.aclose()
        assert connection.names == ["fetchval", "close"]
        connection.fetchval = connection._method("fetchval", OSError("gone"))  # type: ignore[attr-defined]
        assert (await probe()).status is HealthStatus.UNHEALTHY
        assert connection.names[-1] == "terminate"

    asyncio.run(main())
    assert opened[0][0] == DSN


class _Pool(Calls):
    """An asyncpg pool with connections to spare, or without."""

    def __init__(self, home: str, *, idle: int, size: int) -> None:
        super().__init__(home, get_size=size, get_idle_size=idle, get_max_size=2)
        self.borrowed = Calls(fetchval=Slowly(1))

    def acquire(self) -> _Pool:
        return self

    async def __aenter__(self) -> Calls:
        return self.borrowed

    async def __aexit__(self, *exception: object) -> None:
        self.calls.append(("release", (), {}))


@pytest.mark.parametrize(("idle", "size"), [(1, 2), (0, 1)])
def test_an_asyncpg_pool_is_asked_while_it_has_a_connection_to_spare(idle: int, size: int) -> None:
    """And gets it back."""
    pool = _Pool("asyncpg.pool", idle=idle, size=size)
    probe: Any = probes.postgres(pool)

    async def main() -> Any:
        result = await probe()
        await probe.aclose()
        return result

    assert asyncio.run(main()).status is HealthStatus.HEALTHY
    assert pool.names[-1] == "release"


def test_a_busy_asyncpg_pool_is_degraded_not_dead() -> None:
    """And the probe does not join the queue."""
    pool = _Pool("asyncpg.pool", idle=0, size=2)
    probe: Any = probes.postgres(pool)
    result = asyncio.run(probe())
    assert result.status is HealthStatus.DEGRADED
    assert result.reason == "all 2 connections of the pool are in use"
    assert "release" not in pool.names


def test_an_asyncpg_connection_of_the_users_is_asked() -> None:
    """Without a limit of asyncpg's, which counts time in which the loop stood still."""
    connection = Calls("asyncpg.connection", fetchval=Slowly(1))
    probe: Any = probes.postgres(connection)
    assert asyncio.run(probe()).status is HealthStatus.HEALTHY
    assert connection.calls == [("fetchval", ("SELECT 1",), {})]


def test_the_driver_that_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, connections: list[_Libpq]
) -> None:
    """Psycopg first."""
    _asyncpg(monkeypatch, Calls())
    found = {"psycopg", "asyncpg"}
    monkeypatch.setattr("pepperpy_otel.health.probes.postgresql.has", lambda name: name in found)
    assert type(probes.postgres(DSN)).__name__ == "Blocking"
    found.remove("psycopg")
    assert type(probes.postgres(DSN)).__name__ == "Awaiting"


def test_what_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of something else, an unknown driver, no driver at all."""
    with pytest.raises(ValueError, match=r"cannot use a builtins.int; give a DSN"):
        probes.postgres(5)
    with pytest.raises(ValueError, match="driver='x'"):
        probes.postgres(DSN, driver="x")
    for name in list(sys.modules):
        if name.split(".")[0] == "psycopg":
            missing(monkeypatch, name)
    missing(monkeypatch, "psycopg")
    with pytest.raises(ValueError, match=r"pip install 'psycopg\[binary\]'"):
        probes.postgres(DSN, driver="psycopg")
