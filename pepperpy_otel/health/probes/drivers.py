"""Drivers of others: found when a probe is made, never when this package is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any


def need(module: str, package: str) -> Any:
    """The driver's module.

    Args:
        module: What to import.
        package: What to install to have it.

    Raises:
        ValueError: It cannot be imported; names the package.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"this probe needs {module!r}, which cannot be imported ({error}); "
            f"install it: pip install '{package}'"
        ) from error


def has(module: str) -> bool:
    """Whether a top-level module could be imported, found out without importing it."""
    if module in sys.modules:
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def origin(thing: object) -> str:
    """The top-level package that a client's class, or one of its bases, comes from.

    A subclass of the app's own (a traced connection, say) is still its driver's client.
    """
    for kind in type(thing).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in KNOWN:
            return package
    return type(thing).__module__.partition(".")[0]


KNOWN = frozenset(
    {
        "aio_pika",
        "aiokafka",
        "aiomysql",
        "asyncmy",
        "asyncpg",
        "confluent_kafka",
        "grpc",
        "MySQLdb",
        "nats",
        "pika",
        "psycopg",
        "psycopg_pool",
        "pymongo",
        "pymysql",
        "redis",
        "sqlalchemy",
        "valkey",
    }
)


def cannot_use(thing: object, probe: str, takes: str) -> ValueError:
    """The error for a client that a probe does not know; never shows the client, only its type."""
    kind = type(thing)
    return ValueError(f"probes.{probe}() cannot use a {kind.__module__}.{kind.__name__}; {takes}")
