"""One real server of each kind for the session; a test starts with it up and answering."""

import importlib.util
import os
from collections.abc import Callable, Iterator

import pytest

from tests.integration.probes.daemon import Daemon, Missing
from tests.integration.probes.daemons import ALL

REQUIRED = "PEPPERPY_OTEL_REQUIRE_SERVERS"
#: Not in Debian: wanted only where they are installed, even in CI.
OPTIONAL = ("nats", "s3")


@pytest.fixture(scope="session")
def daemons() -> Iterator[dict[str, Daemon]]:
    """Those that were started so far; all gone at the end."""
    started: dict[str, Daemon] = {}
    yield started
    for daemon in started.values():
        daemon.end()


@pytest.fixture
def daemon(daemons: dict[str, Daemon]) -> Callable[[str], Daemon]:
    """Start a kind of server, or go on with the one that runs."""

    def started(kind: str) -> Daemon:
        if kind not in daemons:
            try:
                daemons[kind] = ALL[kind]()
            except Missing as reason:
                unavailable(str(reason), optional=kind in OPTIONAL)
        daemons[kind].start()
        return daemons[kind]

    return started


@pytest.fixture
def driver() -> Callable[[str], None]:
    """A driver that the test needs is installed."""

    def needed(module: str, *, optional: bool = False) -> None:
        if importlib.util.find_spec(module) is None:
            unavailable(f"{module} is not installed", optional=optional)

    return needed


def unavailable(reason: str, *, optional: bool) -> None:
    """Skip; fail where servers are required."""
    if os.environ.get(REQUIRED, "0") not in ("", "0") and not optional:
        pytest.fail(f"{REQUIRED} is set, but {reason}", pytrace=False)
    pytest.skip(reason)
