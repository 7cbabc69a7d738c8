"""The tests' own Docker engine with the images of the stack, or one line that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import NEEDED, REQUIRED, require, required
from tests.integration.locate import Unavailable
from tests.integration.stack import engine as engines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def docker(pytestconfig: pytest.Config) -> Iterator[engines.Engine]:
    """An engine that is gone, with all that it had, when the session ends.

    Where ``PEPPERPY_OTEL_REQUIRE_SERVERS`` is set the binaries are required, and the engine too
    if Docker's daemon is installed: whoever installed it expects it to run.
    """
    require(pytestconfig, NEEDED["docker"])
    lacking = engines.missing()
    if lacking is not None:
        pytest.skip(f"no Docker engine of the tests' own: {lacking}")
    engine = engines.Engine()
    try:
        engine.start()
    except Unavailable as reason:
        if required():
            pytest.fail(f"{REQUIRED} is set, but {reason}", pytrace=False)
        pytest.skip(str(reason))
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def stack_images(docker: engines.Engine) -> dict[str, str]:
    """The images of the stack, as the variables that make the compose file use them."""
    return docker.build()
