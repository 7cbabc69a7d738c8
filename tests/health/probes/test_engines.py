"""SQLAlchemy: a pool of the probe's own that connects as the app's does. For real: integration."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health import HealthStatus, probes
from pepperpy_otel.health.probes.engine_limits import ConnectLimits, cut_off, limited
from tests.health.probes.stubs import Calls

if TYPE_CHECKING:
    from pathlib import Path

sqlalchemy = pytest.importorskip("sqlalchemy")


def _engine(path: Path) -> Any:
    return sqlalchemy.create_engine(
        f"sqlite:///{path / 'db'}", poolclass=sqlalchemy.pool.QueuePool, pool_size=1, max_overflow=0
    )


def test_an_engine_is_asked_beside_the_pool_of_the_app(tmp_path: Path) -> None:
    """With the app holding the only connection of its pool."""
    engine = _engine(tmp_path)
    probe = probes.sqlalchemy(engine)
    with engine.connect():
        result: Any = probe()
        assert result.status is HealthStatus.HEALTHY
        assert result.data == {"target": f"sqlite {tmp_path / 'db'}"}
        assert probe().status is HealthStatus.HEALTHY  # type: ignore[union-attr]
        assert engine.pool.checkedout() == 1
    probe.close()
    engine.dispose()


def test_the_probe_connects_as_the_app_does(tmp_path: Path) -> None:
    """Events and arguments of the engine hold; each connection is made once, and closed."""
    engine = _engine(tmp_path)
    connected: list[Any] = []
    closed: list[Any] = []
    sqlalchemy.event.listen(engine, "connect", lambda raw, record: connected.append(raw))
    sqlalchemy.event.listen(engine, "close", lambda raw, record: closed.append(raw))
    probe = probes.sqlalchemy(engine)
    probe()
    probe()
    probe.close()
    assert len(connected) == 1
    engine.dispose()


def test_a_database_that_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    """One line."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'none' / 'db'}")
    result: Any = probes.sqlalchemy(engine)()
    assert result.status is HealthStatus.UNHEALTHY
    assert "unable to open database file" in result.reason


def test_an_async_engine_makes_an_async_probe(tmp_path: Path) -> None:
    """Its driver never blocks the loop."""
    pytest.importorskip("aiosqlite")
    pytest.importorskip("greenlet")
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'db'}")
    probe: Any = probes.sqlalchemy(engine)

    async def main() -> HealthStatus:
        result = await probe()
        await probe.aclose()
        await engine.dispose()
        return result.status  # type: ignore[no-any-return]

    assert asyncio.run(main()) is HealthStatus.HEALTHY


def test_an_address_with_a_port_and_a_password() -> None:
    """The one is shown, the other never."""
    engine = Calls("sqlalchemy.engine")
    url = SimpleNamespace(host="db", port=5432, database="orders", password="hunter2")
    engine.url, engine.dialect, engine.pool = url, SimpleNamespace(name="postgresql"), object()  # type: ignore[attr-defined]
    probe = probes.sqlalchemy(engine)
    assert probe.target == "postgresql db:5432"
    assert probe._connector.secrets == ("hunter2",)


@pytest.mark.parametrize("thing", [5, Calls("sqlalchemy.orm")])
def test_what_is_no_engine_is_refused(thing: object) -> None:
    """A session is not one."""
    with pytest.raises(ValueError, match="give an Engine"):
        probes.sqlalchemy(thing)


def test_time_limits_are_for_connections_of_the_probe_only(tmp_path: Path) -> None:
    """The app's arguments are neither changed nor kept waiting."""
    engine = _engine(tmp_path)
    dialect = SimpleNamespace(driver="pymysql", connect=lambda *args, **words: (args, words))
    given = {"host": "db", "read_timeout": 0.5, "connect_timeout": 30}
    assert limited(dialect, None, (), given) is None
    with ConnectLimits(engine, 2.0):
        _, words = limited(dialect, None, (), given)
        assert words == {
            "host": "db",
            "connect_timeout": 2.0,
            "read_timeout": 0.5,
            "write_timeout": 2.0,
        }
        dialect.driver = "psycopg"
        _, words = limited(dialect, None, (), {"host": "db"})
        assert words == {"host": "db", "connect_timeout": 2}
        dialect.driver = "pysqlite"
        assert limited(dialect, None, (), {}) is None
    assert limited(dialect, None, (), given) is None
    assert given["connect_timeout"] == 30
    with ConnectLimits(engine, 1.0):
        dialect.driver = "pymysql"
        assert limited(dialect, None, (), {})[1]["read_timeout"] == 1.0
    engine.dispose()


def test_a_question_that_takes_too_long_loses_its_socket() -> None:
    """The driver's complaint becomes a timeout; one that came in time stays what it was."""
    near, far = socket.socketpair()
    driver = SimpleNamespace(fileno=near.fileno)
    with near, far:
        with pytest.raises(TimeoutError), cut_off(driver, 0.1):
            assert near.recv(1), "server closed the connection"
        with pytest.raises(LookupError), cut_off(driver, 10):
            raise LookupError
        with cut_off(driver, 10):
            pass
    with open("/dev/null") as other, cut_off(other, 0.01):
        deadline = time.monotonic() + 5
        while threading.active_count() > 1 and time.monotonic() < deadline:
            time.sleep(0.01)  # what is no socket is left alone
