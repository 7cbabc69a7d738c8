"""SIGTERM and SIGINT: what is finished is delivered before a signal ends the process.

A process that a signal kills runs no exit hook: under uvicorn, which ends itself by the very signal
that stopped it, that was the end of all that waited. Whatever else happens on a signal is up to a
handler of the app's, and an app that ends by itself comes by the exit hook. So:

- ``SIG_DFL``: we stand in, deliver within the limit of a shutdown, and die of the signal as
  without us. A second signal meanwhile ends it at once.
- A function of the app's for SIGTERM: it is called at once, with one thing done before that takes
  no time: from now on whatever ends is sent without delay, for SIGKILL often follows.
- A function for SIGINT, such as Python's own that raises KeyboardInterrupt: not touched. Ctrl-C
  interrupts, and does not have to end, an interactive program.
- ``SIG_IGN``, or a handler that is not Python's: not touched.

By ``signal_table`` this holds for handlers that were set before configure() and after it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_otel import _native
from pepperpy_otel.errors import guarded
from pepperpy_otel.ledger import StaysBehind
from pepperpy_otel.signal_table import DEFAULT, Place, Table, TableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: Seconds that delivering may take beyond its own limit before the process goes all the same.
GRACE = 0.25
#: Seconds after which a watched process is told of a signal again, and within which two are one.
POKE_AFTER = 0.05
TOGETHER = 0.25


class Delivers(Protocol):
    """What has something to deliver."""

    def hurry(self) -> None:
        """From now on send at once whatever ends. Must take no time."""

    def deliver(self) -> object:
        """Send all that is finished, within the limit of a shutdown, and go on."""

    def end_limit(self) -> float:
        """Seconds that ``deliver()`` takes at most."""
        ...


class SignalHandlers:
    """Our part in what happens on SIGTERM and SIGINT, from now until ``remove()``.

    Args:
        telemetry: What is to deliver.

    Raises:
        TableError: Handlers cannot be set here.
    """

    def __init__(self, telemetry: Delivers) -> None:
        self._telemetry: Delivers | None = telemetry
        self._delivering_in = 0  # a process id: a child must not believe that it is at it
        self._watched_in = 0  # likewise
        self._arrived_at = 0.0
        self._pipe: tuple[int, int] | None = None
        self._table = Table(
            (
                Place(signal.SIGTERM, _is_default_or_function, self._arrived),
                Place(signal.SIGINT, _is_default, self._arrived),
            )
        )

    def watch(self) -> None:
        """Have a signal noticed that arrives just before the main thread begins to wait in C.

        Python then runs no handler until the wait is over, and a worker of a ``Pool`` waits for
        ever: for a semaphore that nobody releases any more. Meant for such children, in their main
        thread; where somebody else has a wake-up file, nothing is done.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._pipe = reader, writer
        if before != -1:
            signal.set_wakeup_fd(before)
            self.forget_watch()
            return
        self._watched_in, self._arrived_at = os.getpid(), 0.0
        main = threading.get_ident()
        _native.thread(lambda: self._poke(reader, main), "pepperpy-otel-signals").start()

    def forget_watch(self) -> None:
        """Let go, in a forked child, of the watch of its parent: it would poke the parent."""
        if self._pipe is None:
            return
        pipe, self._pipe = self._pipe, None
        before = signal.set_wakeup_fd(-1)
        if before != pipe[1]:
            signal.set_wakeup_fd(before)
        for end in pipe:
            os.close(end)

    def _poke(self, reader: int, main: int) -> None:
        while numbers := os.read(reader, 64):
            read_at = time.monotonic()
            time.sleep(POKE_AFTER)
            if signal.SIGTERM in numbers and self._arrived_at < read_at - TOGETHER:
                signal.pthread_kill(main, signal.SIGTERM)  # read here again, until it is noticed

    def remove(self) -> None:
        """Put everything back.

        Raises:
            StaysBehind: Somebody has built on ours; it does nothing any more.
        """
        self._telemetry = None
        if left := self._table.close():
            raise StaysBehind(", ".join(left))

    def _arrived(self, place: Place, frame: FrameType | None) -> None:
        telemetry, wanted = self._telemetry, place.wanted
        now, last = time.monotonic(), self._arrived_at
        self._arrived_at = now
        if self._watched_in == os.getpid() and now - last < TOGETHER:
            return  # the same one, twice: by itself, and by the watch
        if telemetry is not None:
            with guarded("a signal handler"):
                telemetry.hurry()
        if callable(wanted):
            wanted(place.number, frame)
        elif _is_default(wanted):
            self._end_by(place, telemetry)

    def _end_by(self, place: Place, telemetry: Delivers | None) -> None:
        try:
            if telemetry is not None and self._delivering_in != os.getpid():
                self._delivering_in = os.getpid()
                with guarded("a signal handler"):
                    _deliver(telemetry)
        finally:  # also when another signal's handler has raised meanwhile
            self._delivering_in = 0
            self._table.set_default(place)
            signal.raise_signal(place.number)
            # Still here: the first process of a container, which no signal kills by itself, or
            # one that blocks the signal.
            if self._telemetry is not None:
                self._table.take_again(place)


def install(
    telemetry: Delivers, record: Callable[[str, Callable[[], None]], None]
) -> SignalHandlers | None:
    """Deliver on signals from now on, if this is the main thread of the main interpreter.

    Args:
        telemetry: What is to deliver.
        record: Takes the undoing.

    Returns:
        Our part; ``None`` if it is another thread.
    """
    try:
        handlers = SignalHandlers(telemetry)
    except TableError:
        return None
    record("handlers of SIGTERM and SIGINT", handlers.remove)
    return handlers


def _deliver(telemetry: Delivers) -> None:
    """Deliver in another thread: this one may hold any lock, having been interrupted anywhere."""

    def deliver() -> None:
        with guarded("a signal handler"):
            telemetry.deliver()

    try:
        wait = _native.start(deliver)
    except RuntimeError:  # the interpreter ends, and the exit hook has delivered
        return
    wait(telemetry.end_limit() + GRACE)


def _is_default(handler: Any) -> bool:
    return isinstance(handler, int) and handler == DEFAULT


def _is_default_or_function(handler: Any) -> bool:
    return _is_default(handler) or callable(handler)
