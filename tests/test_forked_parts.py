"""The parts that a fork may find in the middle of something, one by one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from pepperpy_otel import _current, _forks, bootstrap, stray
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


class Held:
    """Another thread holds a lock."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self._ready, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def _hold(self) -> None:
        with self._lock:
            self._ready.set()
            self._go_on.wait(20)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def _locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks of the process come back."""
    monkeypatch.setattr(bootstrap, "_lock", threading.RLock())
    monkeypatch.setattr(bootstrap, "_unfinished", None)
    monkeypatch.setattr(_current, "_lock", threading.RLock())


def test_a_configure_of_another_thread_is_undone() -> None:
    """It never comes to its end in the child."""
    undone: list[str] = []
    ledger = Ledger()
    ledger.record("something", lambda: undone.append("something"))
    bootstrap._unfinished = ledger
    with Held(bootstrap._lock), Held(ledger._lock):
        bootstrap._after_fork()
        assert bootstrap._lock.acquire(blocking=False)
        bootstrap._lock.release()
    assert undone == ["something"]
    assert bootstrap._unfinished is None


def test_a_shutdown_of_another_thread_leaves_the_lock_free() -> None:
    """There is nothing half made."""
    lock = bootstrap._lock
    with Held(lock):
        bootstrap._after_fork()
    assert bootstrap._lock is not lock


def test_a_configure_of_the_thread_that_forks_goes_on() -> None:
    """A resource detector of the app's may fork."""
    bootstrap._unfinished = ledger = Ledger()
    with bootstrap._lock:
        bootstrap._after_fork()
        assert bootstrap._unfinished is ledger
    bootstrap._after_fork()


def test_the_facades_lock_is_free() -> None:
    """It is held while the SDK is imported, which takes a tenth of a second."""
    with Held(_current._lock):
        _current._after_fork()
        assert _current._lock.acquire(blocking=False)
        _current._lock.release()


def test_a_handle_that_was_ending_is_not_ended(configure: Callable[..., Telemetry]) -> None:
    """The end is the parent's; one that was over, is."""
    telemetry = configure()
    with Held(telemetry._lock), Held(telemetry.ledger._lock):
        telemetry._ended = True
        telemetry.become_child()
        assert not telemetry._ended
        assert telemetry.ledger.entries
        trace.get_tracer("x").start_span("childs").end()
        assert telemetry.force_flush()
    telemetry.shutdown()
    telemetry.become_child()
    assert telemetry._ended


def test_a_child_of_a_thread_ends_with_it(
    configure: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our threads do not keep it alive."""
    watched: list[object] = []
    monkeypatch.setattr(stray, "end_with_thread", watched.append)
    telemetry = configure()
    telemetry.become_child()
    assert watched == []
    monkeypatch.setattr(_forks, "is_stray", lambda: True)
    telemetry.become_child()
    assert watched == [telemetry]
