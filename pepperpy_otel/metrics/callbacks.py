"""The app's observable callbacks: none of them can spoil a collection.

The SDK keeps an exception within its callback, with a traceback at every collection, and then
gives up *everything* when one callback was slower than the limit, while its lock is held
(https://github.com/open-telemetry/opentelemetry-python/issues/3461). Here a callback yields only
sound observations, and runs on a thread of its own, which is left behind when the time is up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation

from pepperpy_otel import _forks, _native
from pepperpy_otel.delivery.tally import Wakeup
from pepperpy_otel.metrics.complaints import Complaints, describe
from pepperpy_otel.metrics.measurements import clean_attributes, clean_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Callback = Callable[[CallbackOptions], Iterable[Observation]]

#: A callback that never stops yielding must not fill the memory.
MAX_OBSERVATIONS = 10_000


def guard(callback: object, instrument: str, complaints: Complaints) -> Callback:
    """Wrap one callback so that it returns sound observations and never raises.

    Args:
        callback: A function, or a generator as the OpenTelemetry API allows it.
        instrument: Its instrument's name, for complaints.
        complaints: Where they go.
    """
    call = _started(callback) if isinstance(callback, Generator) else callback

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        found: list[Observation] = []
        try:
            for observation in islice(call(options), MAX_OBSERVATIONS):  # type: ignore[operator]
                sound = _sound(observation, instrument, complaints)
                if sound is not None:
                    found.append(sound)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() in a callback ends no process
            complaints.say(instrument, "its callback failed", describe(error))
        return found

    return observe


def _started(generator: Generator[Iterable[Observation], CallbackOptions, None]) -> Callback:
    next(generator)  # to its first yield, as the API says

    def send(options: CallbackOptions) -> Iterable[Observation]:
        try:
            return generator.send(options)
        except StopIteration:
            return ()

    return send


def _sound(observation: Any, instrument: str, complaints: Complaints) -> Observation | None:
    try:
        number = clean_number(observation.value)
        attributes: Mapping[str, Any] | None = clean_attributes(
            observation.attributes, instrument, complaints
        )
        context = observation.context if isinstance(observation.context, Context) else None
    except Exception as error:
        complaints.say(instrument, "an observation was left out", describe(error))
        return None
    if number is None:
        complaints.say(instrument, "an observed value that is no finite number was left out")
        return None
    return Observation(number, attributes, context)


class _Round:
    """One collection's walk over the asynchronous instruments."""

    def __init__(self, instruments: Sequence[Any], options: CallbackOptions) -> None:
        self.instruments = instruments
        self.options = options
        self.measurements: list[Any] = []
        self.current: Any = instruments[0]
        self.given_up = False
        self.done = Wakeup()  # no Event: its lock may be held when a callback forks
        self.finished = False
        self.abandoned = False

    def walk(self) -> None:
        try:
            for instrument in self.instruments:
                self.current = instrument  # before the question: give_up() asks the other way round
                if self.given_up:
                    return
                self.measurements += list(instrument.callback(self.options))
        finally:
            self.finished = True
            self.done.set()


class Observer:
    """Calls the callbacks of asynchronous instruments within a limit.

    A callback that is late costs its own instrument this collection's points, and those of the
    instruments after it; it is not called again before it has returned, and then last of all.
    """

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self._late: dict[Any, _Round] = {}
        self._slow: set[Any] = set()
        self._walk: _Round | None = None

    def observe(self, instruments: Sequence[Any], timeout: float) -> Sequence[Any]:
        """The measurements of all callbacks that answer within ``timeout`` seconds."""
        self._late = {key: late for key, late in self._late.items() if not late.finished}
        # Same order every time, but for those that were slow: they may only delay themselves.
        ready = sorted(
            (instrument for instrument in instruments if instrument not in self._late),
            key=self._slow.__contains__,
        )
        if not ready:
            return ()
        timeout = min(max(timeout, 0.0), threading.TIMEOUT_MAX)
        started = time.monotonic()
        walk = self._walk = _Round(ready, CallbackOptions(timeout_millis=timeout * 1000))
        try:
            _forks.start(_native.thread(walk.walk, "pepperpy-otel-observe"))
        except RuntimeError:  # the interpreter ends, or the process has no thread left
            walk.walk()
        walk.done.wait(max(0.0, timeout - (time.monotonic() - started)))
        if not walk.finished and not walk.abandoned:
            self._give_up(walk, timeout)
        return tuple(walk.measurements)

    def abandon(self) -> None:
        """In a forked child, nobody walks any more: whoever waits here goes on without."""
        if self._walk is not None:
            self._walk.abandoned = True
            self._walk.done.set()

    def _give_up(self, walk: _Round, timeout: float) -> None:
        walk.given_up = True
        late = walk.current
        self._late[late] = walk
        self._slow.add(late)
        self._complaints.say(
            late.name, "its callback was late and is left out", f"limit {timeout:.3g} s"
        )
