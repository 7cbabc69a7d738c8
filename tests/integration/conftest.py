"""The session's stack of real servers, or one line that says why there is none."""

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence

import pytest

from tests.integration.locate import locate
from tests.integration.servers import Stack, Unavailable

REQUIRED = "PEPPERPY_OTEL_REQUIRE_SERVERS"

#: Which programs the tests need that ask for a fixture.
NEEDED = {
    "servers": ("collector", "jaeger", "prometheus", "promtool"),
    "all_servers": ("collector", "jaeger", "prometheus", "promtool", "loki"),
    "docker": ("collector", "jaeger", "prometheus", "promtool", "loki", "compose"),
}
UNAVAILABLE = pytest.StashKey[dict[str, str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find the servers before the first test that needs them, or remember why there are none.

    Here and not in the fixture: a build takes longer than a test may, and shows its progress.
    """
    config = session.config
    reasons = config.stash.setdefault(UNAVAILABLE, {})
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    wanted = dict.fromkeys(name for each in NEEDED if each in used for name in NEEDED[each])
    if not wanted or config.option.collectonly:
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        for name in wanted:
            try:
                locate(name)
            except Unavailable as reason:
                reasons[name] = str(reason)


def required() -> bool:
    """Whether a missing server is a failure."""
    return os.environ.get(REQUIRED, "0") not in ("", "0")


def require(config: pytest.Config, names: Sequence[str]) -> None:
    """Skip with one line if one of the programs cannot be had, or fail where they are required."""
    reasons = config.stash.get(UNAVAILABLE, {})
    reason = next((reasons[name] for name in names if name in reasons), None)
    if reason is None:
        return
    if required():
        pytest.fail(f"{REQUIRED} is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give all tests without servers one place, which makes one line in the summary."""
    report = yield
    for reason in item.config.stash.get(UNAVAILABLE, {}).values():
        if report.skipped and reason in str(report.longrepr):
            report.longrepr = (__file__, 1, f"Skipped: {reason}")
    return report


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> None:
    """The Collector, Jaeger, Prometheus and promtool can be run on this machine."""
    require(pytestconfig, NEEDED["servers"])


@pytest.fixture(scope="session")
def all_servers(pytestconfig: pytest.Config) -> None:
    """These and Loki can be run on this machine."""
    require(pytestconfig, NEEDED["all_servers"])


@pytest.fixture(scope="session")
def stack(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Collector with Jaeger and Prometheus behind it, shared by the session."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
