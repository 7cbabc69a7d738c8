"""What a fork waits for, and what is called in the child; the hooks are called by hand."""

from __future__ import annotations

import gc
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import _forks
from pepperpy_otel._forks import Forks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Forks:
    """One that registers nothing with Python."""
    monkeypatch.setattr("os.register_at_fork", lambda **_: None, raising=False)
    return Forks()


@pytest.fixture
def beside() -> Iterator[Callable[..., threading.Thread]]:
    """Runs a function in a thread, which is joined at the end."""
    threads: list[threading.Thread] = []

    def run(function: Callable[..., object], *arguments: Any) -> threading.Thread:
        threads.append(threading.Thread(target=function, args=arguments))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


class Section:
    """A thread in the middle of something."""

    def __init__(self, forks: Forks, **options: Any) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self._forks, self._options = forks, options

    def __call__(self) -> None:
        with self._forks.held_off(**self._options):
            self.entered.set()
            self.leave.wait(10)


def _seconds(function: Callable[[], object]) -> float:
    started = time.monotonic()
    function()
    return time.monotonic() - started


def test_a_fork_waits_for_nothing_while_nobody_asks(forks: Forks) -> None:
    """The usual case takes no time."""
    assert _seconds(forks._before) < 0.05
    forks._after_in_parent()


def test_a_fork_waits_a_tenth_of_a_second_at_most(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """Whatever hangs, a name server for example, does not hold up the app."""
    section = Section(forks, at_most=_forks.PATIENCE)
    beside(section)
    assert section.entered.wait(10)
    assert 0.09 < _seconds(forks._before) < 1
    section.leave.set()
    assert _forks.PATIENCE == 0.1


def test_a_fork_waits_for_an_import_to_be_over(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """A child with half a module would hang wherever it imports it."""
    section = Section(forks)
    beside(section)
    assert section.entered.wait(10)
    threading.Timer(0.3, section.leave.set).start()
    assert 0.25 < _seconds(forks._before) < _forks.IMPORTS


def test_a_thread_does_not_wait_for_itself(forks: Forks) -> None:
    """A signal handler that forks may have cut into such a section, and it goes on in the child."""
    with forks.held_off():
        with forks.held_off():
            assert _seconds(forks._before) < 0.05
        forks._after_in_child()
    forks._before()
    with forks.held_off():  # as a hook that comes after ours may
        pass
    forks._after_in_parent()


def test_who_comes_during_a_fork_waits_for_it(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """Else it would be cut in two between our hook and the fork itself."""
    forks._before()
    section = Section(forks)
    thread = beside(section)
    assert not section.entered.wait(0.1)
    forks._after_in_parent()
    assert section.entered.wait(10)
    section.leave.set()
    thread.join(10)


def test_a_fork_that_never_comes_about_stops_nobody_for_long(
    forks: Forks, beside: Callable[..., threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python may not call the hook that follows."""
    monkeypatch.setattr(_forks, "_FORK_TAKES", 0.05)
    forks._before()
    section = Section(forks)
    section.leave.set()
    beside(section)
    assert section.entered.wait(10)


def test_nothing_is_held_off_in_the_child(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """The other threads are gone, and so is the fork."""
    section = Section(forks)
    beside(section)
    assert section.entered.wait(10)
    forks._forking[-1] = False  # a thread that was forking, too
    forks._after_in_child()
    assert forks.is_child()
    assert _seconds(forks._before) < 0.05
    section.leave.set()


def test_it_knows_a_child_of_a_thread(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """There no main program will end; nor in the children of that child."""

    def fork() -> None:
        forks._before()
        forks._after_in_child()

    assert not forks.is_child()
    fork()
    assert forks.is_child()
    assert not forks.is_stray()
    beside(fork).join()
    assert forks.is_stray()
    fork()
    assert forks.is_stray()


def test_locks_first_then_followers_then_the_rest(
    forks: Forks, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that fails keeps nobody from being told."""
    told: list[str] = []

    class Follower:
        def after_fork(self) -> None:
            told.append("follower")

    @forks.renewing(late=True)
    def late() -> None:
        told.append("late")

    @forks.renewing()
    def fail() -> None:
        raise RuntimeError("no lock today")

    @forks.renewing()
    def lock() -> None:
        told.append("lock")

    follower, gone = Follower(), Follower()
    forks.follow(follower)
    forks.follow(gone)
    del gone
    gc.collect()
    forks._after_in_child()
    assert told == ["lock", "follower", "late"]
    assert capsys.readouterr().err.count("no lock today") == 1


def test_it_looks_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has no way to take a hook back; and Windows has no forks."""
    hooks: list[Any] = []
    monkeypatch.setattr("os.register_at_fork", lambda **given: hooks.append(given), raising=False)
    forks = Forks()
    forks.watch()
    forks.watch()
    assert [sorted(given) for given in hooks] == [["after_in_child", "after_in_parent", "before"]]
    monkeypatch.delattr("os.register_at_fork")
    Forks().watch()


def test_modules_are_loaded_step_by_step(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork gets its turn between two of them."""
    seen: list[bool] = []

    def load(name: str) -> None:
        seen.append(threading.get_ident() in forks._inside)

    monkeypatch.setattr("importlib.import_module", load)
    forks.load("one", "two")
    assert seen == [True, True]
    assert not forks._inside


def test_importing_it_registers_nothing(run_python: Callable[..., Any]) -> None:
    """Nothing of ours runs at import."""
    result = run_python(
        """
        import os
        hooks = []
        os.register_at_fork = lambda **given: hooks.append(given)
        import pepperpy_otel._forks, pepperpy_otel._current, pepperpy_otel.bootstrap
        print([h for h in hooks if "pepperpy" in repr(h)])
        """
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert sys.modules["pepperpy_otel._forks"] is _forks


def test_a_thread_is_started(forks: Forks) -> None:
    """As ever."""
    ran = threading.Event()
    thread = threading.Thread(target=ran.set)
    forks.start(thread)
    assert ran.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert not forks._starting


def test_a_start_that_was_cut_in_two_comes_back_in_the_child(
    forks: Forks, beside: Callable[..., threading.Thread]
) -> None:
    """The new thread is not there, so nobody says that it has started."""

    class Never(threading.Thread):
        def start(self) -> None:
            self._started.wait()  # type: ignore[attr-defined]

    cut = beside(forks.start, Never())
    deadline = time.monotonic() + 10
    while not forks._starting:
        assert time.monotonic() < deadline
    forks._after_in_child()
    cut.join(10)
    assert not cut.is_alive()
    assert not forks._starting


def test_a_start_that_python_has_forgotten_is_none(forks: Forks) -> None:
    """The one kind of error that callers know."""

    class Forgotten(threading.Thread):
        def start(self) -> None:
            raise KeyError(self)

    with pytest.raises(RuntimeError):
        forks.start(Forgotten())
    assert not forks._starting


def test_other_kinds_of_threads_are_started_too(forks: Forks) -> None:
    """Those of the system that gevent does not know of do not wait to be started."""
    told: list[str] = []

    class Native:
        def start(self) -> None:
            told.append("started")
            forks._after_in_child()

    forks.start(Native())
    assert told == ["started"]


def test_it_looks_again_when_it_missed_being_set() -> None:
    """What a thread's own Event would not."""
    started = _forks._Started()
    assert not started.is_set()
    threading.Timer(0.05, lambda: setattr(started, "_set", True)).start()
    assert started.wait()
    started.set()
    started.set()
    started._at_fork_reinit()
    assert started.is_set()
