"""Clients of the app's, real servers: the app's pools and transactions stay as they are."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pepperpy_otel.health import HealthChecker, HealthStatus, probes
from tests.integration.probes.daemon import Daemon
from tests.integration.probes.daemons import PASSWORD
from tests.integration.probes.targets import amqp_url, mysql_url, postgres_dsn, redis_url
from tests.ports import LOOPBACK

pytestmark = pytest.mark.integration

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED


def _until(probe: Any, status: HealthStatus, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while (result := probe()).status is not status:
        assert time.monotonic() < end, result
        time.sleep(0.05)


@pytest.fixture
def postgresql(daemon: Callable[[str], Daemon], driver: Callable[..., None]) -> Daemon:
    driver("psycopg")
    running = daemon("postgresql")
    probe = probes.postgres(postgres_dsn(running.port))
    _until(probe, HEALTHY)
    probe.close()
    return running


def test_a_psycopg_connection_in_a_transaction_is_left_alone(postgresql: Daemon) -> None:
    """Its parameters are enough; also while it is in a failed transaction of the app's."""
    import psycopg

    with psycopg.connect(postgres_dsn(postgresql.port)) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT nonsense")
        state = connection.info.transaction_status
        probe = probes.postgres(connection)
        assert probe().status is HEALTHY  # type: ignore[union-attr]
        assert connection.info.transaction_status == state
        probe.close()


def test_a_busy_asyncpg_pool_is_degraded_and_a_free_one_healthy(
    postgresql: Daemon, driver: Callable[..., None]
) -> None:
    """With all connections taken, at once and without waiting in the queue."""
    driver("asyncpg")
    import asyncpg

    async def main() -> list[HealthStatus]:
        dsn = postgres_dsn(postgresql.port)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            probe: Any = probes.postgres(pool)
            found = [(await probe()).status]
            async with pool.acquire(), pool.acquire():
                started = time.monotonic()
                found.append((await probe()).status)
                assert time.monotonic() - started < 0.5
            found.append((await probe()).status)
        return found

    assert asyncio.run(main()) == [HEALTHY, DEGRADED, HEALTHY]


def test_a_full_sqlalchemy_pool_does_not_keep_the_probe_waiting(
    postgresql: Daemon, driver: Callable[..., None]
) -> None:
    """It has a pool of its own, and leaves no transaction open."""
    driver("sqlalchemy")
    import psycopg
    import sqlalchemy

    url = postgres_dsn(postgresql.port)
    engine = sqlalchemy.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), pool_size=1, max_overflow=0
    )
    probe = probes.sqlalchemy(engine)
    with engine.connect():
        assert probe().status is HEALTHY  # type: ignore[union-attr]
    with psycopg.connect(url, autocommit=True) as watcher:
        states = watcher.execute(
            "SELECT state FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchall()
    assert ("idle in transaction",) not in states
    probe.close()
    engine.dispose()


def test_a_wrong_password_is_told_without_the_password(
    postgresql: Daemon, daemon: Callable[[str], Daemon], driver: Callable[..., None]
) -> None:
    """By each driver, in one line."""
    for module in ("pymysql", "redis"):
        driver(module)
    made = {
        "postgres": probes.postgres(postgres_dsn(postgresql.port).replace(PASSWORD, "wr0ng-p4ss")),
        "mysql": probes.mysql(mysql_url(daemon("mariadb").port).replace(PASSWORD, "wr0ng-p4ss")),
        "redis": probes.redis(redis_url(daemon("redis").port).replace(PASSWORD, "wr0ng-p4ss")),
    }
    for name, probe in made.items():
        result: Any = probe()
        assert result.status is HealthStatus.UNHEALTHY, name
        assert "wr0ng" not in str(result)
        assert "\n" not in result.reason
        probe.close()


def test_an_asyncmy_pool(daemon: Callable[[str], Daemon], driver: Callable[..., None]) -> None:
    """Asked while it has a connection to spare."""
    driver("asyncmy", optional=True)
    import asyncmy

    port = daemon("mariadb").port

    async def main() -> list[HealthStatus]:
        words = {"host": LOOPBACK, "port": port, "user": "probe", "password": PASSWORD}
        async with asyncmy.create_pool(**words, minsize=1, maxsize=1) as pool:
            probe: Any = probes.mysql(pool)
            found = [(await probe()).status]
            async with pool.acquire() as connection:
                found.append((await probe()).status)
                single: Any = probes.mysql(connection)
                found.append((await single()).status)
        return found

    assert asyncio.run(main()) == [HEALTHY, DEGRADED, HEALTHY]


def test_a_connection_of_aio_pika(
    daemon: Callable[[str], Daemon], driver: Callable[..., None]
) -> None:
    """It has as many channels after the probe as before."""
    driver("aio_pika")
    import aio_pika

    url = amqp_url(daemon("rabbitmq").port)

    async def main() -> HealthStatus:
        end = time.monotonic() + 30
        while True:
            try:
                connection = await aio_pika.connect(url)
                break
            except OSError:
                assert time.monotonic() < end
                await asyncio.sleep(0.1)
        async with connection:
            probe: Any = probes.rabbitmq(connection)
            result = await probe()
            return result.status  # type: ignore[no-any-return]

    assert asyncio.run(main()) is HEALTHY


def test_kafka_against_the_mock_cluster_of_librdkafka(driver: Callable[..., None]) -> None:
    """A stand-in, not a broker: the probe stays experimental. Real driver, real sockets."""
    driver("confluent_kafka", optional=True)
    from confluent_kafka import Producer

    cluster = Producer({"bootstrap.servers": "none:1", "test.mock.num.brokers": 3, "log_level": 0})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    given: Any = probes.kafka(cluster)()
    assert given.data["brokers"] == 3
    probe = probes.kafka(servers, timeout=5.0)
    result: Any = probe()
    assert result.reason == "3 brokers", result
    probe.close()
    dead: Any = probes.kafka(f"{LOOPBACK}:1", timeout=0.5)
    started = time.monotonic()
    assert dead().status is HealthStatus.UNHEALTHY
    assert time.monotonic() - started < 2
    dead.close()


WORKER = """
import celery
from pepperpy_otel.health import probes
app = celery.Celery("app", broker={url!r})
app.conf.broker_connection_retry_on_startup = True
probes.celery_heartbeat({beat!r})
"""


def test_a_celery_worker_by_its_heartbeat(
    daemon: Callable[[str], Daemon], driver: Callable[..., None], tmp_path: Path
) -> None:
    """Alive, stopped (SIGSTOP), continued; the broker is Redis."""
    driver("celery", optional=True)
    driver("redis")
    beat = tmp_path / "beat"
    url = redis_url(daemon("redis").port)
    (tmp_path / "shop_worker.py").write_text(WORKER.format(url=url, beat=str(beat)))
    probe = probes.celery(beat, max_age=5)
    assert probe().status is HealthStatus.UNHEALTHY
    arguments = ["-A", "shop_worker", "worker", "--pool=solo", "--loglevel=error"]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=log,
            stderr=log,
        )
    try:
        _until(probe, HEALTHY)
        worker.send_signal(signal.SIGSTOP)
        _until(probe, HealthStatus.UNHEALTHY)
        worker.send_signal(signal.SIGCONT)
        _until(probe, HEALTHY)
    finally:
        worker.kill()
        worker.wait(20)


def test_a_killed_database_shows_in_the_checker_and_comes_back(postgresql: Daemon) -> None:
    """Interval 1 s: suspect within 2 s, then unhealthy, and healthy after the restart."""
    checker = HealthChecker()
    probe = probes.postgres(postgres_dsn(postgresql.port), timeout=0.4)
    checker.register("orders-db", probe, interval=1.0, timeout=0.5)
    checker.start()
    try:

        def reached(status: HealthStatus, seconds: float) -> float:
            started = time.monotonic()
            while checker.check_component("orders-db") is not status:
                assert time.monotonic() - started < seconds, checker.get_details("orders-db")
                time.sleep(0.02)
            return time.monotonic() - started

        reached(HEALTHY, 5)
        postgresql.kill()
        reached(DEGRADED, 2)
        reached(HealthStatus.UNHEALTHY, 5)
        postgresql.start()
        reached(HEALTHY, 15)
    finally:
        checker.stop()
        probe.close()
