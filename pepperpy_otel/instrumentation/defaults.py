"""What each instrumentation is told, where it differs from opentelemetry-instrument.

- No span for each ASGI ``send`` and ``receive`` event (a quarter of the cost of a request, and
  nothing that anybody looks at; there is no variable for it upstream).
- No spans for health checks and scrapes, which come every few seconds: the paths of our health
  endpoints and ``/metrics``. Whoever sets ``OTEL_PYTHON_EXCLUDED_URLS`` (or the variable of one
  framework) decides alone. Only servers are told: a call *to* somebody's ``/healthz`` is a span.
- The logging instrumentation adds no handler: ours is there, and every record would leave twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXCLUDED_URLS = "OTEL_PYTHON_EXCLUDED_URLS"
#: Matches a whole URL (most frameworks) or a path (falcon, tornado); a list is split at commas.
HEALTH_URLS = (
    r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?"
    r"/(?:livez|readyz|startupz|healthz(?:/[^/?#]*)?|metrics)/?(?:[?#].*)?$"
)
ASGI_EVENTS = ("receive", "send")

#: Servers that take the argument ``excluded_urls``, with the middle part of their variable.
_TOLD = {"fastapi": "FASTAPI", "flask": "FLASK", "django": "DJANGO"}
#: Servers that only read their variable.
_READ = {
    "aiohttp-server": "AIOHTTP_SERVER",
    "falcon": "FALCON",
    "pyramid": "PYRAMID",
    "starlette": "STARLETTE",
    "tornado": "TORNADO",
}


def arguments_for(name: str, *, exclude_spans: Sequence[str] = ASGI_EVENTS) -> dict[str, Any]:
    """What ``instrument()`` is called with.

    Args:
        name: The instrumentation, as its entry point has it.
        exclude_spans: ASGI events that make no spans.
    """
    arguments: dict[str, Any] = {}
    if name == "logging":
        arguments["enable_log_auto_instrumentation"] = False
    if name == "fastapi" and exclude_spans:
        arguments["exclude_spans"] = list(exclude_spans)
    if name in _TOLD and not _user_decided(_TOLD[name]):
        arguments["excluded_urls"] = HEALTH_URLS
    return arguments


def set_variables(name: str, record: Callable[[str, Callable[[], None]], None]) -> None:
    """Exclude health URLs from an instrumentation that only reads its variable.

    Args:
        name: The instrumentation, as its entry point has it.
        record: Takes the undoing.
    """
    if name in _READ and not _user_decided(_READ[name]):
        _set_variable(_variable(_READ[name]), HEALTH_URLS, record)


def exclude_everywhere(
    patterns: Sequence[str], record: Callable[[str, Callable[[], None]], None]
) -> None:
    """Make the user's patterns count where they did not come from the environment.

    Args:
        patterns: Regular expressions of URLs without spans, for clients and servers.
        record: Takes the undoing.
    """
    if patterns and EXCLUDED_URLS not in os.environ:
        _set_variable(EXCLUDED_URLS, ",".join(patterns), record)


def _user_decided(framework: str) -> bool:
    return EXCLUDED_URLS in os.environ or _variable(framework) in os.environ


def _variable(framework: str) -> str:
    return f"OTEL_PYTHON_{framework}_EXCLUDED_URLS"


def _set_variable(name: str, value: str, record: Callable[[str, Callable[[], None]], None]) -> None:
    os.environ[name] = value

    def undo() -> None:
        if os.environ.get(name) == value:
            del os.environ[name]

    record(f"environment variable {name}", undo)
