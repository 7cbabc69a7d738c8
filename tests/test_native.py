"""Threads and locks of the operating system."""

from __future__ import annotations

import _thread
import sys
import threading
from typing import TYPE_CHECKING

from pepperpy_otel import _native

if TYPE_CHECKING:
    import pytest


def test_a_function_runs_in_a_thread_of_its_own() -> None:
    """Its end can be waited for."""
    threads: list[int] = []
    wait = _native.start(lambda: threads.append(threading.get_ident()))
    assert wait(30)
    assert threads != [threading.get_ident()]


def test_nobody_waits_longer_than_the_limit() -> None:
    """A function that hangs is left behind."""
    release = threading.Event()
    wait = _native.start(lambda: release.wait(30))
    assert not wait(0.01)
    assert not wait(-1)
    release.set()
    assert wait(30)


class _Monkey:
    """``gevent.monkey``, as far as it matters."""

    def __init__(self, *, patched: bool) -> None:
        self.asked: list[tuple[str, str]] = []
        self._patched = patched

    def is_module_patched(self, name: str) -> bool:
        return self._patched

    def get_original(self, module: str, name: str) -> object:
        self.asked.append((module, name))
        if name == "start_new_thread":  # coverage sees only threads that threading starts
            return lambda function, _: threading.Thread(target=function).start()
        return getattr(_thread, name)


def _install(monkeypatch: pytest.MonkeyPatch, *, patched: bool) -> _Monkey:
    monkey = _Monkey(patched=patched)
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    return monkey


def test_under_gevent_the_originals_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has replaced it keeps."""
    monkey = _install(monkeypatch, patched=True)
    assert _native.start(bool)(30)
    assert monkey.asked == [("_thread", "allocate_lock"), ("_thread", "start_new_thread")]


def test_gevent_that_is_only_imported_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without monkey-patching a thread is a thread, with a name."""
    monkey = _install(monkeypatch, patched=False)
    thread = _native.thread(bool, "named")
    thread.start()
    thread.join()
    assert isinstance(thread, threading.Thread)
    assert (thread.name, thread.daemon) == ("named", True)
    assert monkey.asked == []


def test_a_thread_that_gevent_does_not_know_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts, is alive and is waited for like any other."""
    _install(monkeypatch, patched=True)
    release = threading.Event()
    thread = _native.thread(lambda: release.wait(30), "unnamed")
    assert not thread.is_alive()
    thread.start()
    assert thread.is_alive()
    thread.join(0.01)
    assert thread.is_alive()
    release.set()
    thread.join()
    assert not thread.is_alive()
    thread.join()


def test_a_thread_knows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that gevent does not know of."""
    answers: list[bool] = []
    for patched in (False, True):
        _install(monkeypatch, patched=patched)
        threads: list[_native.Thread] = []
        threads.append(
            _native.thread(lambda own=threads: answers.append(_native.is_current(own[0])), "own")  # type: ignore[misc]
        )
        threads[0].start()
        threads[0].join()
        assert not _native.is_current(threads[0])
    assert answers == [True, True]
    assert not _native.is_current(None)
