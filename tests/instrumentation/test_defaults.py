"""Health checks make no spans on the server's side, unless the user decides otherwise."""

from __future__ import annotations

import inspect
import os
import re
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.instrumentation import defaults

if TYPE_CHECKING:
    from tests.instrumentation.conftest import Ledger

HOST = "http://shop.example:8080"


@pytest.mark.parametrize("prefix", ["", HOST, "https://[::1]"])
@pytest.mark.parametrize(
    "path",
    [
        *("/livez", "/readyz", "/startupz", "/healthz", "/healthz/database", "/metrics"),
        *("/metrics/", "/healthz/", "/readyz?verbose=1", "/healthz/database?", "/livez#x"),
    ],
)
def test_health_urls(prefix: str, path: str) -> None:
    """As a whole URL or as a path, with or without a query."""
    assert re.search(defaults.HEALTH_URLS, prefix + path)


@pytest.mark.parametrize("prefix", ["", HOST])
@pytest.mark.parametrize(
    "path",
    [
        *("/api/healthzone", "/api/healthz", "/healthzone", "/healthz2", "/livez/x", "/"),
        *("/users/metrics", "/metrics/cpu", "/x?next=/healthz", "/healthz/a/b", "/go/livez"),
    ],
)
def test_other_urls(prefix: str, path: str) -> None:
    """Nothing that merely contains such a word."""
    assert not re.search(defaults.HEALTH_URLS, prefix + path)


def test_the_pattern_survives_being_a_list() -> None:
    """Upstream splits at commas."""
    assert "," not in defaults.HEALTH_URLS


def test_arguments_by_instrumentation() -> None:
    """Only where they are understood."""
    urls = {"excluded_urls": defaults.HEALTH_URLS}
    assert defaults.arguments_for("fastapi") == {"exclude_spans": ["receive", "send"], **urls}
    assert defaults.arguments_for("fastapi", exclude_spans=()) == urls
    assert defaults.arguments_for("flask") == urls
    assert defaults.arguments_for("django") == urls
    assert defaults.arguments_for("logging") == {"enable_log_auto_instrumentation": False}
    for name in ("requests", "httpx", "sqlite3", "starlette"):
        assert defaults.arguments_for(name) == {}


@pytest.mark.parametrize(
    "variable", ["OTEL_PYTHON_EXCLUDED_URLS", "OTEL_PYTHON_FLASK_EXCLUDED_URLS"]
)
@pytest.mark.parametrize("value", ["/private", ""])
def test_the_user_s_variable_counts_alone(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an empty one, which excludes nothing."""
    monkeypatch.setenv(variable, value)
    assert defaults.arguments_for("flask") == {}


def test_variables_for_those_that_only_read_them(
    record: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set, and taken away again; the user's own stay."""
    monkeypatch.setenv("OTEL_PYTHON_TORNADO_EXCLUDED_URLS", "/mine")
    before = dict(os.environ)
    for name in ("starlette", "aiohttp-server", "tornado", "fastapi", "requests"):
        defaults.set_variables(name, record)
    set_now = {name: value for name, value in os.environ.items() if name not in before}
    assert set_now == {
        "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS": defaults.HEALTH_URLS,
        "OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS": defaults.HEALTH_URLS,
    }
    assert record.names[0] == "environment variable OTEL_PYTHON_STARLETTE_EXCLUDED_URLS"
    record.undo()
    assert dict(os.environ) == before


def test_a_variable_that_was_changed_meanwhile_stays(
    record: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the app's now."""
    defaults.set_variables("falcon", record)
    monkeypatch.setenv("OTEL_PYTHON_FALCON_EXCLUDED_URLS", "/theirs")
    record.undo()
    assert os.environ["OTEL_PYTHON_FALCON_EXCLUDED_URLS"] == "/theirs"
    monkeypatch.undo()
    os.environ.pop("OTEL_PYTHON_FALCON_EXCLUDED_URLS", None)


def test_patterns_from_elsewhere(record: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the environment, unless they are from there."""
    monkeypatch.delenv("OTEL_PYTHON_EXCLUDED_URLS", raising=False)
    defaults.exclude_everywhere((), record)
    assert "OTEL_PYTHON_EXCLUDED_URLS" not in os.environ
    defaults.exclude_everywhere(("/a", "/b"), record)
    assert os.environ["OTEL_PYTHON_EXCLUDED_URLS"] == "/a,/b"
    record.undo()
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/c")
    defaults.exclude_everywhere(("/a",), record)
    assert os.environ["OTEL_PYTHON_EXCLUDED_URLS"] == "/c"


def test_upstream_still_takes_what_we_pass() -> None:
    """A rename there would make ours silently useless."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    taken = inspect.signature(FastAPIInstrumentor.instrument_app).parameters
    assert {"exclude_spans", "excluded_urls"} <= set(taken)
    assert "excluded_urls" in inspect.signature(FlaskInstrumentor.instrument_app).parameters
