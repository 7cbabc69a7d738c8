"""Each probe that is tested against a real server: which server, which driver, how it is made."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pepperpy_otel.health import probes
from tests.integration.probes.daemons import CERTIFICATES, PASSWORD
from tests.ports import LOOPBACK


@dataclass(frozen=True)
class Target:
    """A probe under test.

    Attributes:
        kind: The server's name in ``daemons.ALL``.
        module: The driver.
        make: Builds the probe for a port, with a timeout in seconds.
        optional: The driver is not in the ``test`` extra.
        kept: The server keeps a connection open between two questions.
        slack: Seconds that a run against a stopped server may take beyond the timeout.
    """

    kind: str
    module: str
    make: Callable[[int, float], Any]
    optional: bool = False
    kept: bool = True
    slack: float = 2.0  # a busy machine; a probe that hangs would take for ever


def postgres_dsn(port: int) -> str:
    return f"postgresql://probe:{PASSWORD}@{LOOPBACK}:{port}/postgres"


def mysql_url(port: int) -> str:
    return f"mysql://probe:{PASSWORD}@{LOOPBACK}:{port}"


def redis_url(port: int) -> str:
    return f"redis://:{PASSWORD}@{LOOPBACK}:{port}/0"


def amqp_url(port: int) -> str:
    return f"amqp://guest:guest@{LOOPBACK}:{port}/%2F"


def _engine(url: str) -> Any:
    import sqlalchemy

    return sqlalchemy.create_engine(url)


def _async_engine(url: str) -> Any:
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(url)


def _async_redis(port: int) -> Any:
    import redis.asyncio

    return redis.asyncio.Redis.from_url(redis_url(port))


def _s3(port: int, timeout: float) -> Any:
    return probes.s3(
        "orders",
        endpoint_url=f"http://{LOOPBACK}:{port}",
        region_name="us-east-1",
        aws_access_key_id="probe",
        aws_secret_access_key=PASSWORD,
        timeout=timeout,
    )


def _tls(port: int, timeout: float) -> Any:
    context = ssl.create_default_context(cafile=str(CERTIFICATES / "good.pem"))
    return probes.tls(LOOPBACK, port, ssl_context=context, timeout=timeout)


TARGETS = {
    "http": Target(
        "http",
        "http",
        lambda port, timeout: probes.http(f"http://{LOOPBACK}:{port}/", timeout=timeout),
        kept=False,
    ),
    "tls": Target("tls", "ssl", _tls, kept=False),
    "dns": Target(
        "dns",
        "socket",
        lambda port, timeout: probes.dns(
            "orders-db.example.", servers=[f"{LOOPBACK}:{port}"], timeout=timeout
        ),
        kept=False,
    ),
    "postgres-psycopg": Target(
        "postgresql",
        "psycopg",
        lambda port, timeout: probes.postgres(postgres_dsn(port), timeout=timeout),
    ),
    "postgres-asyncpg": Target(
        "postgresql",
        "asyncpg",
        lambda port, timeout: probes.postgres(
            postgres_dsn(port), driver="asyncpg", timeout=timeout
        ),
    ),
    "sqlalchemy-psycopg": Target(
        "postgresql",
        "sqlalchemy",
        lambda port, timeout: probes.sqlalchemy(
            _engine(postgres_dsn(port).replace("postgresql:", "postgresql+psycopg:")),
            timeout=timeout,
        ),
        slack=5.0,  # libpq connects for two seconds at least
    ),
    "sqlalchemy-pymysql": Target(
        "mariadb",
        "sqlalchemy",
        lambda port, timeout: probes.sqlalchemy(
            _engine(mysql_url(port).replace("mysql:", "mysql+pymysql:")), timeout=timeout
        ),
    ),
    "sqlalchemy-asyncpg": Target(
        "postgresql",
        "greenlet",
        lambda port, timeout: probes.sqlalchemy(
            _async_engine(postgres_dsn(port).replace("postgresql:", "postgresql+asyncpg:")),
            timeout=timeout,
        ),
    ),
    "mysql-pymysql": Target(
        "mariadb",
        "pymysql",
        lambda port, timeout: probes.mysql(mysql_url(port), timeout=timeout),
    ),
    "redis-sync": Target(
        "redis", "redis", lambda port, timeout: probes.redis(redis_url(port), timeout=timeout)
    ),
    "redis-async": Target(
        "redis", "redis", lambda port, timeout: probes.redis(_async_redis(port), timeout=timeout)
    ),
    "rabbitmq-pika": Target(
        "rabbitmq",
        "pika",
        lambda port, timeout: probes.rabbitmq(amqp_url(port), timeout=timeout),
    ),
    "rabbitmq-aio-pika": Target(
        "rabbitmq",
        "aio_pika",
        lambda port, timeout: probes.rabbitmq(amqp_url(port), driver="aio_pika", timeout=timeout),
    ),
    "nats": Target(
        "nats",
        "nats",
        lambda port, timeout: probes.nats(f"nats://{PASSWORD}@{LOOPBACK}:{port}", timeout=timeout),
        optional=True,
    ),
    # Making the client takes long on a busy machine.
    "s3": Target("s3", "boto3", _s3, optional=True, kept=False, slack=4.0),
}
