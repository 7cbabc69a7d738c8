"""Standing in for the app's signal handlers without the app noticing."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import asyncio
import signal
import sys
import threading
from signal import getsignal as taken_getsignal
from signal import signal as taken_signal
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.signal_table import Place, Table, TableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER = signal.SIGUSR1


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Handlers and functions are, behind each test, what they were."""
    functions = _signal.signal, _signal.getsignal
    before = signal.signal(NUMBER, signal.SIG_DFL)
    yield
    assert (_signal.signal, _signal.getsignal) == functions
    signal.signal(NUMBER, before)


def _usual(handler: Any) -> bool:
    return callable(handler) or handler == signal.SIG_DFL


def _place(arrived: list[Any], takes: Callable[[Any], bool] = _usual) -> Place:
    def take_note(place: Place, frame: Any) -> None:
        arrived.append(place.wanted)

    return Place(NUMBER, takes, take_note)


def _handler(number: int, frame: Any) -> None:
    """One of the app's."""


def test_the_app_reads_what_it_wrote() -> None:
    """``signal()`` and ``getsignal()`` answer as if nobody stood there."""
    arrived: list[Any] = []
    table = Table([_place(arrived)])
    try:
        assert signal.getsignal(NUMBER) is signal.SIG_DFL
        assert signal.signal(NUMBER, _handler) is signal.SIG_DFL
        assert signal.getsignal(NUMBER) is _handler
        assert signal.signal(NUMBER, signal.SIG_IGN) is _handler
        assert signal.getsignal(NUMBER) is signal.SIG_IGN
        assert signal.signal(NUMBER, signal.SIG_DFL) is signal.SIG_IGN
        signal.raise_signal(NUMBER)
        signal.signal(NUMBER, _handler)
        signal.raise_signal(NUMBER)
    finally:
        assert table.close() == []
    assert arrived == [signal.SIG_DFL, _handler]
    assert signal.getsignal(NUMBER) is _handler


def test_functions_taken_before_come_by_here_as_well() -> None:
    """The signal module calls ``_signal`` by attribute; should that change, this fails."""
    arrived: list[Any] = []
    table = Table([_place(arrived)])
    try:
        assert taken_signal(NUMBER, _handler) is signal.SIG_DFL
        assert taken_getsignal(NUMBER) is _handler
        signal.raise_signal(NUMBER)
    finally:
        table.close()
    assert arrived == [_handler]


def test_what_we_do_not_take_is_installed_as_it_is() -> None:
    """And what was there is given back when we take the next one."""
    arrived: list[Any] = []
    called: list[int] = []
    table = Table([_place(arrived, lambda handler: handler is _handler)])
    try:
        other = lambda number, frame: called.append(number)  # noqa: E731
        signal.signal(NUMBER, other)
        signal.raise_signal(NUMBER)
        assert (called, arrived) == ([NUMBER], [])
        assert signal.signal(NUMBER, _handler) is other
        assert signal.signal(NUMBER, other) is _handler
    finally:
        table.close()
    assert signal.getsignal(NUMBER) is other


def test_other_signals_and_errors_are_pythons_own() -> None:
    """Wrong arguments raise what they always raised, and change nothing."""
    table = Table([_place([])])
    try:
        before = signal.signal(signal.SIGUSR2, _handler)
        assert signal.signal(signal.SIGUSR2, before) is _handler
        with pytest.raises(TypeError):
            signal.signal(NUMBER, "no handler")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            signal.signal([], _handler)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="out of range"):
            signal.getsignal(10_000)
        with pytest.raises(TypeError):
            signal.getsignal("no signal")  # type: ignore[arg-type]
        assert signal.getsignal(NUMBER) is signal.SIG_DFL
    finally:
        table.close()


def test_a_loops_handler_works_as_without_us() -> None:
    """It sets, is called through its wake-up file, and removes by setting the default."""
    arrived: list[Any] = []

    def stand_in(place: Place, frame: Any) -> None:
        arrived.append(place.wanted)
        place.wanted(NUMBER, frame)

    async def main() -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(NUMBER, called.set)
        signal.raise_signal(NUMBER)
        await asyncio.wait_for(called.wait(), 30)
        assert loop.remove_signal_handler(NUMBER)

    table = Table([Place(NUMBER, _usual, stand_in)])
    try:
        asyncio.run(main())
        assert len(arrived) == 1
        assert signal.getsignal(NUMBER) is signal.SIG_DFL
    finally:
        table.close()


def test_the_default_can_be_had_for_a_moment() -> None:
    """To die of a signal one has to get out of its way."""
    arrived: list[Any] = []
    place = _place(arrived)
    get = _signal.getsignal
    table = Table([place])
    try:
        table.set_default(place)
        assert get(NUMBER) == signal.SIG_DFL
        table.take_again(place)
        assert get(NUMBER) is place
        signal.raise_signal(NUMBER)
    finally:
        table.close()
    assert arrived == [signal.SIG_DFL]


def test_elsewhere_than_in_the_main_thread_there_is_no_table() -> None:
    """Python allows handlers to be set in the main thread only; nothing is half done."""
    functions = _signal.signal, _signal.getsignal
    errors: list[Exception] = []

    def make() -> None:
        try:
            Table([_place([])])
        except TableError as error:
            errors.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])
    assert (_signal.signal, _signal.getsignal) == functions


def test_a_python_without_the_c_module_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other implementations are left alone."""
    monkeypatch.delitem(sys.modules, "_signal")
    with pytest.raises(TableError):
        Table([_place([])])


def test_what_others_have_built_upon_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody replaced the C function after us: ours passes everything on, unchanged."""
    arrived: list[Any] = []
    original = _signal.signal
    table = Table([_place(arrived)])
    ours = _signal.signal
    theirs = lambda *arguments: ours(*arguments)  # noqa: E731
    _signal.signal = theirs
    try:
        assert table.close() == ["translation of signal.signal()"]
        called: list[int] = []
        signal.signal(NUMBER, lambda number, frame: called.append(number))
        signal.raise_signal(NUMBER)
        assert (called, arrived) == ([NUMBER], [])
    finally:
        _signal.signal = original


def test_a_handler_set_past_us_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has kept the C function itself replaces ours; his handler is not ours to remove."""
    original = _signal.signal
    table = Table([_place([])])
    original(NUMBER, _handler)
    assert signal.getsignal(NUMBER) is _handler
    assert table.close() == []
    assert signal.getsignal(NUMBER) is _handler


def test_a_close_from_another_thread_leaves_a_pass_through() -> None:
    """A handler cannot be set there: ours stays, the app goes on seeing its own."""
    arrived: list[Any] = []
    originals = _signal.signal, _signal.getsignal
    table = Table([_place(arrived)])
    signal.signal(NUMBER, _handler)
    left: list[str] = []
    thread = threading.Thread(target=lambda: left.extend(table.close()))
    thread.start()
    thread.join()
    try:
        assert left == [f"handler of signal {int(NUMBER)}"]
        assert signal.getsignal(NUMBER) is _handler
        assert signal.signal(NUMBER, signal.SIG_DFL) is _handler
        assert originals[1](NUMBER) == signal.SIG_DFL
    finally:
        _signal.signal, _signal.getsignal = originals
