"""What every test starts from and leaves behind: no settings, no telemetry, no handlers of ours."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context

import pepperpy_otel
from pepperpy_otel import _current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the settings of the machine, and none leaves telemetry running."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "PEPPERPY_OTEL_")) and name != "PEPPERPY_OTEL_REQUIRE_SERVERS":
            monkeypatch.delenv(name)
    handlers = logging.getLogger().handlers[:]
    before = context.get_current()
    yield
    # A span left current, one that is not recorded at that, would be the next test's parent.
    after = context.get_current()
    if after != before:
        context.attach(before)
    assert after == before, "the test left a context attached"
    left = _current.last()
    if left is not None:
        left.rollback()
    assert left is None, "the test left telemetry running: roll it back"
    ours = [
        handler
        for handler in logging.getLogger().handlers
        if handler not in handlers and type(handler).__module__.startswith("pepperpy_otel")
    ]
    assert ours == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real OTLP/HTTP receiver on the loopback interface."""
    from pepperpy_otel.demo.receiver import Receiver

    with Receiver() as running:
        yield running


@pytest.fixture
def configure(receiver: Receiver) -> Iterator[Callable[..., Telemetry]]:
    """A call of configure() towards the receiver, without instrumentation; rolled back."""

    def call(**arguments: Any) -> Telemetry:
        given = {"endpoint": receiver.endpoint, "instrument": False, **arguments}
        return pepperpy_otel.configure(**given)

    yield call
    pepperpy_otel.rollback()


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a process of its own, which may set OpenTelemetry's globals as it likes."""

    def run(
        code: str, *, env: dict[str, str] | None = None, cwd: Any = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def own_threads() -> Callable[[], list[str]]:
    """Names of the threads of ours that run now."""
    return lambda: [
        thread.name for thread in threading.enumerate() if thread.name.startswith("pepperpy-otel")
    ]
