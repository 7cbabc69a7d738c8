"""The settings of correlation: what is good, and the line for what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pepperpy_otel.errors import Problems
from pepperpy_otel.settings import Settings

NOWHERE = Path("/no/such/directory")


def _resolved(**arguments: Any) -> tuple[Settings, list[str]]:
    problems = Problems()
    settings = Settings.resolve(arguments, environ={}, directory=NOWHERE, problems=problems)
    return settings, list(map(str, problems.errors))


def test_the_defaults() -> None:
    """Ids of requests are taken, none is made, nothing is patched, everybody is sent it."""
    settings, _ = _resolved()
    assert settings.correlation_id == "accept"
    assert settings.correlation_headers == ("x-correlation-id", "x-request-id")
    assert settings.correlation_response is False
    assert settings.baggage_attributes == ()
    assert settings.propagation_hosts is None
    assert settings.context_patches == ()
    assert settings.given == {}


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com.",
        "*.example.com",
        "localhost:8080",
        "my_service",
        "10.0.0.1",
        "10.0.0.0/8",
        "::1",
        "[::1]",
        "[::1]:8080",
        "fd00::/8",
        "@messaging",
    ],
)
def test_hosts_of_every_kind(host: str) -> None:
    """Names, domains, addresses, networks, with and without port."""
    settings, problems = _resolved(propagation_hosts=[host.upper()])
    assert settings.propagation_hosts == (host.lower(),)
    assert problems == []


@pytest.mark.parametrize(
    "host",
    [
        "http://example.com",
        "exa mple.com",
        "example.com/path",
        "*example.com",
        "a.*.com",
        "user@example.com",
        "-a.com",
        "example.com:port",
        "1::2::3",
        "[::1]:port",
        "[::1",
        "10.0.0.0/99",
    ],
)
def test_what_is_no_host_is_one_line_and_the_list_stays_closed(host: str) -> None:
    """The others count; with none left the list is not a list, and that is said too."""
    settings, problems = _resolved(propagation_hosts=[host, "good.com"])
    assert settings.propagation_hosts == ("good.com",)
    assert len(problems) == 1
    assert "is no host" in problems[0]


def test_a_list_of_which_nothing_can_be_used_is_nobody() -> None:
    """A list with a typing error must not open the door to everybody."""
    settings, problems = _resolved(propagation_hosts="http://example.com")
    assert settings.propagation_hosts == ()
    assert len(problems) == 1


def test_everybody_and_nobody_have_words() -> None:
    """``*`` and ``none``."""
    assert _resolved(propagation_hosts="*")[0].propagation_hosts is None
    assert _resolved(propagation_hosts="None")[0].propagation_hosts == ()


def test_headers_and_keys_are_tokens() -> None:
    """As HTTP and W3C have them."""
    settings, problems = _resolved(
        correlation_headers=["X-Trace", "bad header"], baggage_attributes=["a.*", "b c"]
    )
    assert settings.correlation_headers == ("x-trace",)
    assert settings.baggage_attributes == ("a.*",)
    assert len(problems) == 2
    settings, problems = _resolved(correlation_headers="bad header")
    assert settings.correlation_headers == ("x-correlation-id", "x-request-id")
    assert len(problems) == 1


def test_only_what_can_be_patched() -> None:
    """A word that is meant otherwise is one line."""
    settings, problems = _resolved(context_patches="threads,proceses")
    assert settings.context_patches == ("threads",)
    assert "did you mean" in problems[0] or "use 'processes'" in problems[0]
    assert _resolved(context_patches="None")[0].context_patches == ()
    settings, problems = _resolved(context_patches="everything")
    assert settings.context_patches == ()
    assert len(problems) == 1


def test_what_was_given_is_remembered_as_it_was_given() -> None:
    """For children, which are configured with the same."""
    settings, _ = _resolved(service_name="s", traces=False, log_level="info")
    assert settings.given == {"service_name": "s", "traces": False, "log_level": "info"}


def test_without_ports_all_else_is_the_same() -> None:
    """As a child process has it."""
    settings, _ = _resolved(prometheus_port=1, health_port=2, service_name="s")
    child = settings.without_ports()
    assert (child.prometheus_port, child.health_port) == (None, None)
    assert (child.service_name, settings.prometheus_port) == ("s", 1)
