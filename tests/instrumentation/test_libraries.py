"""An instrumentation's metadata says which modules it waits for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.instrumentation import catalog, libraries
from pepperpy_otel.instrumentation.catalog import Candidate

if TYPE_CHECKING:
    from tests.instrumentation.conftest import Site


def _candidate(
    *requires: str, name: str = "x", module: str = "some.module", extra: str = "instruments"
) -> Candidate:
    lines = [f"Requires-Dist: {line}; extra == '{extra}'" for line in requires]
    metadata = "\n".join(["Name: x", "Requires-Dist: opentelemetry-api~=1.5", *lines, "", "Text"])
    return Candidate(
        "opentelemetry_instrumentor",
        name,
        f"{module}:Instrumentor",
        lambda: None,
        lambda: metadata,
        lambda: None,
    )


@pytest.mark.parametrize(
    ("requires", "modules"),
    [
        (["fastapi~=0.92"], ("fastapi",)),
        (["Django>=2.0"], ("django",)),
        (["aio-pika<11.0.0,>=7.2.0"], ("aio_pika",)),
        (["PyMySQL<2"], ("pymysql",)),
        (["mysql-connector-python>=8.0"], ("mysql.connector",)),
        (["mysqlclient<3"], ("MySQLdb",)),
        (["grpcio>=1.42.0"], ("grpc",)),
        (["kafka-python<4.0,>=2.0"], ("kafka",)),
        (["confluent-kafka<3.0.0,>=1.8.2"], ("confluent_kafka",)),
        (["celery"], ("celery",)),
        ([], ()),
    ],
    ids=str,
)
def test_libraries_by_their_names(requires: list[str], modules: tuple[str, ...]) -> None:
    """Also of those that are not installed: they may come to the path later."""
    assert libraries.modules_of(_candidate(*requires)) == modules


def test_either_of_two_libraries() -> None:
    """Two distributions for one module, or one module each."""
    either = _candidate("psycopg2>=2.7", "psycopg2-binary>=2.7", extra="instruments-any")
    assert libraries.modules_of(either) == ("psycopg2",)
    both = ("botocore~=1.0", "aiobotocore>=2.0")
    assert libraries.modules_of(_candidate(*both, extra="instruments_any")) == (
        "botocore",
        "aiobotocore",
    )


def test_one_instrumentation_for_each_of_two_libraries() -> None:
    """``httpx`` and ``httpx2`` come in one distribution, and wait for their own."""
    both = ("httpx>=0.18.0", "httpx2>=2.0.0")
    for name in ("httpx", "httpx2"):
        found = libraries.modules_of(_candidate(*both, name=name, extra="instruments-any"))
        assert found == (name,)


@pytest.mark.parametrize(
    ("module", "modules"),
    [
        ("sqlite3", ("sqlite3",)),
        ("urllib", ("urllib.request",)),
        ("asyncio", ("asyncio",)),
        ("threading", ("threading",)),
        ("system_metrics", ()),
        ("exceptions", ()),
        ("tortoiseorm", ("tortoise",)),
    ],
)
def test_those_whose_metadata_does_not_say_it(module: str, modules: tuple[str, ...]) -> None:
    """The standard library's, and those that observe the process from its start."""
    candidate = _candidate("psutil>=5", module=f"opentelemetry.instrumentation.{module}")
    assert libraries.modules_of(candidate) == modules


def test_logging_waits_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing to do without its handler, until the app imports it by hand."""
    logging = _candidate(module="opentelemetry.instrumentation.logging")
    assert libraries.modules_of(logging) == ("opentelemetry.instrumentation.logging",)
    monkeypatch.setenv("OTEL_PYTHON_LOG_CORRELATION", "True")
    assert libraries.modules_of(logging) == ()


def test_a_library_whose_modules_are_called_otherwise(site: Site) -> None:
    """Its own list of names, or its files, say what they are called."""
    site.distribution("Odd_Name", **{"top_level.txt": "oddly\nnamed\n"})
    record = "files_of/__init__.py,,\nfiles_of/x.py,,\nsingle.py,,\nx-1.dist-info/METADATA,,\n"
    site.distribution("with_files", RECORD=record + "../../bin/tool.py,,\nnotes.txt,,\n")
    site.distribution("without")
    catalog.installed()
    assert libraries.modules_of(_candidate("odd.name")) == ("oddly", "named")
    assert libraries.modules_of(_candidate("with-files")) == ("files_of", "single")
    assert libraries.modules_of(_candidate("celery", "without")) == ()


def test_a_library_that_cannot_be_looked_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among zip files nobody knows; it is loaded at once, as upstream does it."""
    monkeypatch.setattr(catalog, "is_plain", lambda: False)
    assert libraries.modules_of(_candidate("no-such-library")) == ()


def test_modules_that_are_there_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they came."""
    monkeypatch.setitem(sys.modules, "made_in_memory", sys)
    assert libraries.modules_of(_candidate("made-in-memory")) == ("made_in_memory",)


def test_every_installed_instrumentation_is_understood() -> None:
    """Those of this environment wait for a module each, but for those of the process."""
    found = {one.name: libraries.modules_of(one) for one in catalog.installed()}
    at_once = {name for name, modules in found.items() if not modules}
    assert at_once <= {"system_metrics", "exceptions", "aws-lambda"}
    assert found["fastapi"] == ("fastapi",)
    assert found["flask"] == ("flask",)
