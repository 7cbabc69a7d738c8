"""What happens on SIGTERM and SIGINT, decision by decision; tests/integration has the processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import _native, signals
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

raise_signal = signal.raise_signal


class _Telemetry:
    """Takes note of what it is asked for, and in which thread."""

    def __init__(self, deliver: Callable[[], object] = bool, limit: float = 30) -> None:
        self.calls: list[str] = []
        self._deliver, self._limit = deliver, limit

    def hurry(self) -> None:
        self.calls.append("hurry")

    def deliver(self) -> object:
        main = threading.current_thread() is threading.main_thread()
        self.calls.append("deliver in main" if main else "deliver")
        return self._deliver()

    def end_limit(self) -> float:
        return self._limit


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Signals that would have ended the process, were it not one that no signal kills."""
    died: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", died.append)
    return died


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """What is undone behind the test; handlers are then what they were."""
    numbers = signal.SIGTERM, signal.SIGINT
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kept = Ledger()
    yield kept
    assert not kept.undo().failed
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def _start(function: Callable[[], object]) -> Callable[[float], None]:
    """What ``_native.start()`` does, in a thread that coverage sees."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread.join


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_would_kill_delivers_first(
    number: int, ledger: Ledger, deaths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another thread, since this one may hold any lock; then it dies of the signal."""
    monkeypatch.setattr(_native, "start", _start)
    signal.signal(number, signal.SIG_DFL)
    telemetry = _Telemetry()
    signals.install(telemetry, ledger.record)
    raise_signal(number)
    assert telemetry.calls == ["hurry", "deliver"]
    assert deaths == [number]


def test_a_process_that_cannot_be_killed_delivers_each_time(
    ledger: Ledger, deaths: list[int]
) -> None:
    """The first process of a container ignores what has no handler: telemetry goes on."""
    telemetry = _Telemetry()
    signals.install(telemetry, ledger.record)
    raise_signal(signal.SIGTERM)
    raise_signal(signal.SIGTERM)
    assert telemetry.calls == ["hurry", "deliver"] * 2
    assert deaths == [signal.SIGTERM] * 2


@pytest.mark.parametrize("before", [True, False])
def test_a_function_of_the_apps_is_called_at_once(before: bool, ledger: Ledger) -> None:
    """Nothing is waited for; whatever ends from now on is sent without delay."""
    telemetry, called = _Telemetry(), []

    def handler(*arguments: Any) -> None:
        called.append(arguments)

    if before:
        signal.signal(signal.SIGTERM, handler)
    signals.install(telemetry, ledger.record)
    if not before:
        signal.signal(signal.SIGTERM, handler)
    raise_signal(signal.SIGTERM)
    assert telemetry.calls == ["hurry"]
    ((number, frame),) = called
    assert number == signal.SIGTERM
    assert frame.f_code.co_name == "test_a_function_of_the_apps_is_called_at_once"


def test_what_the_apps_function_raises_is_raised(ledger: Ledger) -> None:
    """``sys.exit()`` in a handler is how most of them end."""

    def handler(number: int, frame: Any) -> None:
        raise SystemExit(9)

    signals.install(_Telemetry(), ledger.record)
    signal.signal(signal.SIGTERM, handler)
    with pytest.raises(SystemExit, match="9"):
        raise_signal(signal.SIGTERM)


def test_an_interrupt_is_pythons_own(ledger: Ledger) -> None:
    """Ctrl-C raises KeyboardInterrupt, and nothing else happens."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    telemetry = _Telemetry()
    signals.install(telemetry, ledger.record)
    with pytest.raises(KeyboardInterrupt):
        raise_signal(signal.SIGINT)
    assert telemetry.calls == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_ignored_stays_ignored(number: int, ledger: Ledger) -> None:
    """SIG_IGN is what the app wants."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        telemetry = _Telemetry()
        signals.install(telemetry, ledger.record)
        raise_signal(number)
        assert telemetry.calls == []
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_second_signal_goes_straight_on(ledger: Ledger, deaths: list[int]) -> None:
    """Whoever asks twice does not want to wait for the first delivery."""
    release = threading.Event()

    def deliver() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        release.wait(30)

    telemetry = _Telemetry(deliver)
    signals.install(telemetry, ledger.record)

    def die(number: int) -> None:
        deaths.append(number)
        release.set()

    signal.raise_signal = die
    raise_signal(signal.SIGTERM)
    assert telemetry.calls == ["hurry", "deliver", "hurry"]
    assert deaths == [signal.SIGTERM] * 2


def test_an_interrupt_meanwhile_does_not_save_it(ledger: Ledger, deaths: list[int]) -> None:
    """The signal that came first ends the process, whatever another one raises."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    release = threading.Event()

    def deliver() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        release.wait(30)

    signals.install(_Telemetry(deliver), ledger.record)
    with pytest.raises(KeyboardInterrupt):
        raise_signal(signal.SIGTERM)
    release.set()
    assert deaths == [signal.SIGTERM]


def test_the_process_goes_even_if_delivering_hangs(ledger: Ledger, deaths: list[int]) -> None:
    """The limit is kept here, too."""
    release = threading.Event()
    signals.install(_Telemetry(lambda: release.wait(30), limit=0.05), ledger.record)
    started = time.monotonic()
    raise_signal(signal.SIGTERM)
    assert time.monotonic() - started < 10
    release.set()
    assert deaths == [signal.SIGTERM]


def test_where_no_thread_can_be_started_it_dies_at_once(
    ledger: Ledger, deaths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the interpreter the exit hook has delivered."""

    def refuse(function: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(_native, "start", refuse)
    telemetry = _Telemetry()
    signals.install(telemetry, ledger.record)
    raise_signal(signal.SIGTERM)
    assert telemetry.calls == ["hurry"]
    assert deaths == [signal.SIGTERM]


def test_a_failure_of_ours_is_one_line(
    ledger: Ledger, deaths: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the process dies as it should."""

    def fail() -> None:
        raise ZeroDivisionError("in test_signals")

    signals.install(_Telemetry(fail), ledger.record)
    raise_signal(signal.SIGTERM)
    assert deaths == [signal.SIGTERM]
    assert "in test_signals" in capsys.readouterr().err


def test_elsewhere_than_in_the_main_thread_nothing_is_installed() -> None:
    """Python would not allow it."""
    ledger = Ledger()
    thread = threading.Thread(target=lambda: signals.install(_Telemetry(), ledger.record))
    thread.start()
    thread.join()
    assert ledger.entries == ()


def _wakeup_file() -> int:
    """Which it is now."""
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number, warn_on_full_buffer=False)
    return number


def test_a_watched_process_is_told_again(
    ledger: Ledger, deaths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that no handler has noticed is sent once more; two within a moment are one."""
    telemetry = _Telemetry()
    handlers = signals.SignalHandlers(telemetry)
    told = threading.Event()
    monkeypatch.setattr(signal, "pthread_kill", lambda thread, number: told.set())
    handlers.watch()
    try:
        assert handlers._pipe is not None
        os.write(handlers._pipe[1], bytes([signal.SIGUSR1]))
        assert not told.wait(3 * signals.POKE_AFTER)
        os.write(handlers._pipe[1], bytes([signal.SIGTERM]))
        assert told.wait(30)
        raise_signal(signal.SIGTERM)
        raise_signal(signal.SIGTERM)
        assert telemetry.calls == ["hurry", "deliver"]
        assert deaths == [signal.SIGTERM]
    finally:
        handlers.remove()
        assert handlers._pipe is not None
        os.close(handlers._pipe[1])  # ends the thread
        signal.set_wakeup_fd(-1)
        handlers._pipe = None


def test_a_forked_child_lets_go_of_its_parents_watch(ledger: Ledger) -> None:
    """Else a signal to the child would be taken for one to the parent."""
    handlers = signals.SignalHandlers(_Telemetry())
    handlers._pipe = os.pipe()
    os.set_blocking(handlers._pipe[1], False)
    signal.set_wakeup_fd(handlers._pipe[1])
    handlers.forget_watch()
    handlers.forget_watch()
    handlers.remove()
    assert _wakeup_file() == -1


def test_a_wakeup_file_of_somebody_else_is_left(ledger: Ledger) -> None:
    """An event loop lives by it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    handlers = signals.SignalHandlers(_Telemetry())
    try:
        handlers.watch()
        assert _wakeup_file() == writer
    finally:
        handlers.remove()
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def test_a_signal_that_is_ignored_by_now_does_nothing(ledger: Ledger, deaths: list[int]) -> None:
    """It may be on its way to our handler while the app says that it wants none of it."""
    telemetry = _Telemetry()
    handlers = signals.SignalHandlers(telemetry)
    (place,) = [each for each in handlers._table._places.values() if each.number == signal.SIGTERM]
    place.wanted = int(signal.SIG_IGN)
    place(signal.SIGTERM, None)
    place.wanted = int(signal.SIG_DFL)
    handlers.remove()
    assert telemetry.calls == ["hurry"]
    assert deaths == []


def test_ours_gone_inert_still_dies(ledger: Ledger, deaths: list[int]) -> None:
    """A handler that could not be removed lets the signal do what it does, and stays out."""
    telemetry = _Telemetry()
    handlers = signals.SignalHandlers(telemetry)
    (place,) = [each for each in handlers._table._places.values() if each.number == signal.SIGTERM]
    handlers.remove()
    place(signal.SIGTERM, None)
    assert telemetry.calls == []
    assert deaths == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# ------------------------------------------------------------------------------ with configure()


def test_the_rollback_restores_the_handlers(configure: Callable[..., Telemetry]) -> None:
    """Each is what it was, and the report says so."""

    def handler(number: int, frame: Any) -> None:
        """One of the app's."""

    before = signal.signal(signal.SIGTERM, handler)
    try:
        telemetry = configure()
        assert signal.getsignal(signal.SIGTERM) is handler
        report = telemetry.rollback()
        assert "handlers of SIGTERM and SIGINT" in report.restored
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_rollback_in_another_thread_leaves_ours_inert(
    configure: Callable[..., Telemetry],
) -> None:
    """Python sets handlers in the main thread only: the report names what stays there."""
    called: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        telemetry = configure()
        reports: list[Any] = []
        thread = threading.Thread(target=lambda: reports.append(telemetry.rollback()))
        thread.start()
        thread.join()
        assert f"handler of signal {int(signal.SIGTERM)}" in reports[0].inert
        assert "handlers of SIGTERM and SIGINT" not in reports[0].restored
        raise_signal(signal.SIGTERM)
        assert called == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_setting_switches_them_off(configure: Callable[..., Telemetry]) -> None:
    """``signal_handlers=False`` touches no signal."""
    telemetry = configure(signal_handlers=False)
    assert "handlers of SIGTERM and SIGINT" not in telemetry.ledger.entries
