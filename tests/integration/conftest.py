"""The session's stack of real servers, or one line that says why there is none."""

import contextlib
import os
from collections.abc import Generator, Iterator

import pytest

from tests.integration.locate import IMAGES, locate
from tests.integration.servers import Stack, Unavailable

REQUIRED = "PEPPERPY_OTEL_REQUIRE_SERVERS"


UNAVAILABLE = pytest.StashKey[str]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find the servers before the first test that needs them, or remember why there are none.

    Here and not in the fixture: a build takes longer than a test may, and shows its progress.
    """
    config = session.config
    wanted = any("servers" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or config.option.collectonly:
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            for name in IMAGES:
                locate(name)
    except Unavailable as reason:
        config.stash[UNAVAILABLE] = str(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all tests without servers one place, which makes one line in the summary."""
    report = yield
    reason = item.config.stash.get(UNAVAILABLE, None)
    if reason and report.skipped and reason in str(report.longrepr):
        report.longrepr = (__file__, 1, f"Skipped: {reason}")
    return report


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> None:
    """The Collector, Jaeger, Prometheus and promtool can be run on this machine."""
    reason = pytestconfig.stash.get(UNAVAILABLE, None)
    if reason is None:
        return
    if os.environ.get(REQUIRED, "0") not in ("", "0"):
        pytest.fail(f"{REQUIRED} is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def stack(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Collector with Jaeger and Prometheus behind it, shared by the session."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
