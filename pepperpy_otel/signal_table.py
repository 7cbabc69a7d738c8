"""Stands in for signal handlers of the app without the app noticing: who asks sees his own.

Handlers are replaced, saved and put back by everybody. uvicorn puts its own in place of those that
it finds, restores them when it has served and raises the signal again; a gunicorn worker resets
all to ``SIG_DFL``; asyncio removes its own by setting ``SIG_DFL``. A handler that is merely
installed would be gone by the time when it counts, or be one that a library finds where it expects
``SIG_DFL`` and behaves differently for it. So a ``Place`` keeps what the app set last, and what
goes through ``signal.signal()`` and ``signal.getsignal()`` is translated: the app reads what it
wrote, and we stay.

Both functions of the ``signal`` module call ``_signal.signal`` and ``_signal.getsignal``, the C
functions, by attribute. Those two attributes are replaced, since a module that has taken ``from
signal import signal`` long ago then comes by here as well. Where there is no ``_signal``, nothing
can be translated and nothing is (``TableError``).
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    #: What ``signal.signal()`` takes: a function, ``SIG_DFL`` or ``SIG_IGN``.
    Handler = Any

#: ``signal.SIG_DFL`` as the C functions know it.
DEFAULT = 0
FUNCTIONS = ("signal", "getsignal")


class TableError(Exception):
    """Signal handlers cannot be set here: not the main thread, or another kind of Python."""


class Place:
    """One signal: what the app has set for it, and what is called in its stead.

    Args:
        number: Of the signal.
        takes: Whether we stand in for such a handler; else it is installed as it is.
        arrived: Called when the signal has arrived, in the main thread.
    """

    __slots__ = ("_arrived", "number", "takes", "wanted")

    def __init__(
        self,
        number: int,
        takes: Callable[[Handler], bool],
        arrived: Callable[[Place, FrameType | None], None],
    ) -> None:
        self.number = number
        self.takes = takes
        self._arrived = arrived
        #: What the app set last, and reads.
        self.wanted: Handler = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """What Python calls."""
        self._arrived(self, frame)


class Table:
    """Puts places between the app and its signal handlers, until it is closed.

    Args:
        places: One for each signal.

    Raises:
        TableError: Handlers cannot be set here.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        if "_signal" not in sys.modules:
            raise TableError("this Python has no module _signal")
        self._c: Any = sys.modules["_signal"]
        self._places = {place.number: place for place in places}
        self._set, self._get = self._c.signal, self._c.getsignal
        self._translations = (self._translate_set(), self._translate_get())
        try:
            for place in places:
                place.wanted = self._get(place.number)
                if place.takes(place.wanted):
                    self._set(place.number, place)
        except ValueError as error:  # not the main thread of the main interpreter
            raise TableError(str(error)) from error
        for name, translation in zip(FUNCTIONS, self._translations, strict=True):
            setattr(self._c, name, translation)

    def set_default(self, place: Place) -> None:
        """Have the signal do what it does by itself, for the moment."""
        self._set(place.number, DEFAULT)

    def take_again(self, place: Place) -> None:
        """Stand in again, after ``set_default()``."""
        self._set(place.number, place)

    def close(self) -> list[str]:
        """Put everything back that nobody else has replaced meanwhile.

        Returns:
            What had to be left, in words.
        """
        left = []
        for place in self._places.values():
            place.takes = _nothing
            if self._get(place.number) is not place:
                continue
            try:
                self._set(place.number, place.wanted)
            except ValueError:  # not in the main thread; the app goes on seeing what it has set
                left.append(f"handler of signal {place.number}")
        if left:
            return left
        for name, original, ours in zip(
            FUNCTIONS, (self._set, self._get), self._translations, strict=True
        ):
            if getattr(self._c, name) is ours:
                setattr(self._c, name, original)
            else:
                left.append(f"translation of signal.{name}()")
        return left

    def _translate_set(self) -> Callable[[int, Handler], Handler]:
        set_, places = self._set, self._places

        @functools.wraps(set_)
        def signal(signalnum: int, handler: Handler, /) -> Handler:
            place = places.get(signalnum) if isinstance(signalnum, int) else None
            if place is None:
                return set_(signalnum, handler)
            before = set_(signalnum, place if place.takes(handler) else handler)
            if before is place:
                before = place.wanted
            place.wanted = handler
            return before

        return signal

    def _translate_get(self) -> Callable[[int], Handler]:
        get, places = self._get, self._places

        @functools.wraps(get)
        def getsignal(signalnum: int, /) -> Handler:
            handler = get(signalnum)
            place = places.get(signalnum) if isinstance(signalnum, int) else None
            return handler if place is None or handler is not place else place.wanted

        return getsignal


def _nothing(handler: Handler) -> bool:
    return False
