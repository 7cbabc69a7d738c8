"""The end of the process, and calls into what is not ours."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel import lifecycle
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable


class _Handle:
    def __init__(self, error: Exception | None = None) -> None:
        self.ended = 0
        self._error = error

    def shutdown(self) -> object:
        self.ended += 1
        if self._error is not None:
            raise self._error
        return None

    def become_child(self) -> None:
        self.ended += 100

    def hurry(self) -> None:
        """Nothing is sent here."""

    def deliver(self) -> object:
        return None

    def end_limit(self) -> float:
        return 0.0


def _registered(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    hooks: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", hooks.append)
    monkeypatch.setattr(atexit, "unregister", hooks.remove)
    return hooks


def test_the_handle_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """One exit hook shuts the handle down; the rollback takes the hook back."""
    hooks, ledger, handle = _registered(monkeypatch), Ledger(), _Handle()
    lifecycle.end_with_process(handle, ledger.record)
    hooks[0]()
    assert handle.ended == 1
    assert ledger.undo().restored == ("exit hook",)
    assert hooks == []


def test_an_error_at_the_end_does_not_show_as_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python prints what an exit hook raises; ours raises nothing."""
    hooks = _registered(monkeypatch)
    lifecycle.end_with_process(_Handle(ValueError("at exit")), Ledger().record)
    hooks[0]()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "top", "prompt", "kept"),
    [
        (KeyboardInterrupt, True, False, True),
        (KeyboardInterrupt, False, False, False),
        (KeyboardInterrupt, True, True, False),
        (ValueError, True, False, False),
        (None, True, False, False),
    ],
)
def test_an_interrupt_that_ended_the_program_is_still_what_ended_it(
    kind: object, top: bool, prompt: bool, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python is told again, unless it was a cell of a notebook or a line at the prompt."""
    hooks = _registered(monkeypatch)
    told: list[str] = []
    frame = SimpleNamespace(f_back=None if top else object())
    traceback = None if kind is None else SimpleNamespace(tb_frame=frame)
    monkeypatch.setattr(sys, "last_type", kind, raising=False)
    monkeypatch.setattr(sys, "last_traceback", traceback, raising=False)
    if prompt:
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    monkeypatch.setattr(lifecycle, "exec", told.append, raising=False)
    lifecycle.end_with_process(_Handle(), Ledger().record)
    hooks[0]()
    assert told == (["raise KeyboardInterrupt"] if kept else [])


def test_what_hangs_is_left_behind() -> None:
    """The caller waits for what is not ours no longer than its limit."""
    release = threading.Event()
    started = time.monotonic()
    lifecycle.call_within(0.05, lambda: release.wait(30), "a processor of the app")
    assert time.monotonic() - started < 5
    release.set()


def test_what_raises_is_reported_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of the app's own processor is named, and is not raised."""

    def fails() -> None:
        raise OSError("of the test_lifecycle kind")

    lifecycle.call_within(5, fails, "the processor of test_lifecycle")
    assert "the processor of test_lifecycle" in capsys.readouterr().err


def test_without_threads_the_call_is_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the interpreter no thread can be started; the call still happens."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    called = []
    lifecycle.call_within(1, lambda: called.append(True), "x")
    assert called == [True]


class _Ends:
    def __init__(self) -> None:
        self.attended = 0

    def attend(self) -> None:
        self.attended += 1

    def inherit(self) -> None:
        """Nothing is inherited here."""


def test_a_forked_child_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook calls the handle in the child, and keeps no handle alive for that."""
    hooks: list[Callable[[], None]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda after_in_child: hooks.append(after_in_child))
    handle, ends = _Handle(), _Ends()
    inert: list[str] = []
    lifecycle.follow_forks(handle, ends, inert.append)  # type: ignore[arg-type]
    hooks[0]()
    assert (handle.ended, ends.attended) == (100, 1)
    assert inert == ["fork hook"]
    del handle, ends
    gc.collect()
    hooks[0]()
