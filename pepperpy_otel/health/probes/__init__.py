"""Ready-made checks of what an app depends on and of the process itself.

    from pepperpy_otel.health import probes

    health.register("orders-db", probes.postgres("postgresql://probe@db/orders"))
    health.register("disk", probes.disk("/var/lib/app"), critical=False)

Each factory gives a callable object for ``health.register``; it reads only, keeps one connection of
its own (never one of the app's pool), has its own timeout, never raises, and has ``close()``. The
modules, and the drivers that they need, are imported when a factory is first used; a driver that is
not installed is a ``ValueError`` that names the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.amqp import rabbitmq
    from pepperpy_otel.health.probes.buckets import s3
    from pepperpy_otel.health.probes.certificate import tls
    from pepperpy_otel.health.probes.cgroup_memory import memory
    from pepperpy_otel.health.probes.descriptors import file_descriptors
    from pepperpy_otel.health.probes.documents import mongo
    from pepperpy_otel.health.probes.engines import sqlalchemy
    from pepperpy_otel.health.probes.filesystem import disk
    from pepperpy_otel.health.probes.kafka_brokers import kafka
    from pepperpy_otel.health.probes.loops import event_loop
    from pepperpy_otel.health.probes.mysql_servers import mysql
    from pepperpy_otel.health.probes.names import dns
    from pepperpy_otel.health.probes.nats_servers import nats
    from pepperpy_otel.health.probes.pipeline import telemetry_pipeline
    from pepperpy_otel.health.probes.port import tcp
    from pepperpy_otel.health.probes.postgresql import postgres
    from pepperpy_otel.health.probes.redis_servers import redis, valkey
    from pepperpy_otel.health.probes.remote_procedures import grpc
    from pepperpy_otel.health.probes.stalls import process_stall
    from pepperpy_otel.health.probes.throttling import cpu_throttling
    from pepperpy_otel.health.probes.web import http as http
    from pepperpy_otel.health.probes.workers import celery, celery_heartbeat

#: Factory → module; a module is never named like a factory, which it would hide once imported.
_HOME = {
    "celery": "workers",
    "celery_heartbeat": "workers",
    "cpu_throttling": "throttling",
    "disk": "filesystem",
    "dns": "names",
    "event_loop": "loops",
    "file_descriptors": "descriptors",
    "grpc": "remote_procedures",
    "http": "web",
    "kafka": "kafka_brokers",
    "memory": "cgroup_memory",
    "mongo": "documents",
    "mysql": "mysql_servers",
    "nats": "nats_servers",
    "postgres": "postgresql",
    "process_stall": "stalls",
    "rabbitmq": "amqp",
    "redis": "redis_servers",
    "s3": "buckets",
    "sqlalchemy": "engines",
    "tcp": "port",
    "telemetry_pipeline": "pipeline",
    "tls": "certificate",
    "valkey": "redis_servers",
}

__all__ = [
    "celery",
    "celery_heartbeat",
    "cpu_throttling",
    "disk",
    "dns",
    "event_loop",
    "file_descriptors",
    "grpc",
    "http",
    "kafka",
    "memory",
    "mongo",
    "mysql",
    "nats",
    "postgres",
    "process_stall",
    "rabbitmq",
    "redis",
    "s3",
    "sqlalchemy",
    "tcp",
    "telemetry_pipeline",
    "tls",
    "valkey",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no probe {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
