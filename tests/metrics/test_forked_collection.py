"""What a fork may find in the middle of a collection."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    import pytest

    from tests.metrics.conftest import Armed


def test_who_waits_for_callbacks_goes_on_without(
    armed: Armed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signal handler forked in the middle of the wait: nobody calls them any more."""
    entered, go_on = threading.Event(), threading.Event()

    def callback(_: object) -> list[Observation]:
        entered.set()
        go_on.wait(20)
        return [Observation(1)]

    armed.meter.create_observable_gauge("slow", [callback])
    armed.meter.create_counter("c").add(5)
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(armed.collect()))
    started = time.monotonic()
    thread.start()
    assert entered.wait(10)
    armed.provider.restart_in_child()
    thread.join(4)
    assert not thread.is_alive()
    assert time.monotonic() - started < 4
    assert seen == [None]  # the values of the parent are not the child's
    assert capsys.readouterr().err == ""
    go_on.set()


def test_nobody_waits(armed: Armed) -> None:
    """The usual case."""
    armed.provider.restart_in_child()
    armed.meter.create_counter("c").add(1)
    assert armed.collect() is not None


def test_a_reader_that_is_removed_meanwhile_gets_nothing(armed: Armed) -> None:
    """Between the callbacks and the collection."""

    def callback(_: object) -> list[Observation]:
        armed.provider.disarm()
        return [Observation(1)]

    armed.meter.create_observable_gauge("last", [callback])
    assert armed.collect() is None
