"""Which modules an instrumentation waits for: the import names of what it instruments.

An instrumentation's distribution says what it instruments (``Requires-Dist: fastapi~=0.92;
extra == 'instruments'``) in names of distributions, which mostly are the names of modules too.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from pepperpy_otel.instrumentation import catalog
from pepperpy_otel.instrumentation.catalog import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.instrumentation.catalog import Candidate

_OURS = "opentelemetry.instrumentation."

#: By the instrumentation's module, where its metadata does not say it: those of the standard
#: library, and (empty) those that wait for nothing since they observe the process.
_WAITS_FOR: dict[str, tuple[str, ...]] = {
    f"{_OURS}asyncio": ("asyncio",),
    f"{_OURS}aws_lambda": (),
    f"{_OURS}exceptions": (),
    f"{_OURS}sqlite3": ("sqlite3",),
    f"{_OURS}system_metrics": (),
    f"{_OURS}threading": ("threading",),
    f"{_OURS}tortoiseorm": ("tortoise",),
    f"{_OURS}urllib": ("urllib.request",),
}

#: By distribution, where the module is called otherwise.
_MODULES: dict[str, tuple[str, ...]] = {
    "cassandra_driver": ("cassandra",),
    "google_cloud_aiplatform": ("vertexai", "google.cloud.aiplatform"),
    "google_genai": ("google.genai",),
    "grpcio": ("grpc",),
    "haystack_ai": ("haystack",),
    "kafka_python": ("kafka",),
    "kafka_python_ng": ("kafka",),
    "mysql_connector_python": ("mysql.connector",),
    "mysqlclient": ("MySQLdb",),
    "opensearch_py": ("opensearchpy",),
    "psycopg2_binary": ("psycopg2",),
    "scylla_driver": ("cassandra",),
    "tortoise_orm": ("tortoise",),
}

#: Does nothing without its handler (which we leave out) unless the user asks for more.
_LOGGING = f"{_OURS}logging"

_INSTRUMENTS = re.compile(
    r"^Requires-Dist:\s*([A-Za-z0-9][A-Za-z0-9._-]*)[^;\n]*;"
    r"[^\n]*\bextra\s*==\s*['\"]instruments([-_]any)?['\"]",
    re.MULTILINE,
)


def modules_of(candidate: Candidate) -> tuple[str, ...]:
    """The modules whose first import lets an instrumentation run; none of them: it runs at once."""
    if candidate.module == _LOGGING:
        return _logging()
    known = _WAITS_FOR.get(candidate.module)
    if known is not None:
        return known
    modules: list[str] = []
    for library in libraries_of(candidate):
        found = _modules_of_library(library)
        if not found:
            return ()  # not to be found out, so it is loaded as upstream does it
        modules.extend(found)
    return tuple(dict.fromkeys(modules))


def _logging() -> tuple[str, ...]:
    """At once if ids are to be put into records; else when the app imports it by hand.

    It must have run by then: the app's own ``instrument()`` would add the second handler.
    """
    asked = os.environ.get("OTEL_PYTHON_LOG_CORRELATION", "").strip().lower() == "true"
    return () if asked else (_LOGGING,)


def libraries_of(candidate: Candidate) -> list[str]:
    """The distributions that it says it instruments, in normalized names."""
    found = _INSTRUMENTS.findall(candidate.metadata())
    libraries = [normalized(name) for name, _ in found]
    alternatives = [normalized(name) for name, either in found if either]
    # One distribution may hold an instrumentation for each alternative (httpx, httpx2).
    own = normalized(candidate.name)
    return [own] if own in alternatives else libraries


def _modules_of_library(library: str) -> tuple[str, ...]:
    if library in _MODULES:
        return _MODULES[library]
    return (library,) if _can_be_imported(library) else _look_up(library)


def _can_be_imported(name: str) -> bool:
    from importlib.machinery import PathFinder

    return name in sys.modules or PathFinder.find_spec(name) is not None


def _look_up(library: str) -> tuple[str, ...]:
    """What an installed distribution of that name contains; not installed: the name itself."""
    if not catalog.is_plain():
        return ()
    directory = catalog.directory_of(library)
    if directory is None:
        return (library,)
    top_level = catalog.read(directory, "top_level.txt").split()
    return tuple(top_level) or tuple(sorted(set(_top_level(catalog.read(directory, "RECORD")))))


def _top_level(record: str) -> Iterator[str]:
    """The first part of each Python file in a ``RECORD``, as modules are called."""
    for line in record.splitlines():
        path = line.partition(",")[0]
        name = path.partition("/")[0].partition(".")[0]
        if path.endswith(".py") and name.isidentifier():
            yield name
