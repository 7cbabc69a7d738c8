"""A checker for each test, stopped afterwards, and a loop like that of an application."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthChecker
from tests.health.helpers import Loop, until

if TYPE_CHECKING:
    from collections.abc import Iterator


def _threads() -> list[threading.Thread]:
    return [
        thread for thread in threading.enumerate() if thread.name.startswith("pepperpy-otel-health")
    ]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets checks that hang go at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def checker(release: threading.Event) -> Iterator[HealthChecker]:
    """A fresh checker that leaves no thread behind."""
    before = _threads()
    fresh = HealthChecker()
    yield fresh
    release.set()
    fresh.stop()
    until(lambda: not set(_threads()) - set(before), "a thread was left behind")


@pytest.fixture
def app_loop() -> Iterator[Loop]:
    """An event loop that runs in another thread."""
    loop = Loop()
    yield loop
    loop.close()
