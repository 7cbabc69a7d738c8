"""What the checker tells: changes of verdicts, runs, stalls. A callback can hurt nobody.

They are called one after the other, in order, without any lock held, in whichever worker thread
comes first; never in the scheduler, which has deadlines to keep.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded
from pepperpy_otel.health.outcome import FAIL, TIMEOUT
from pepperpy_otel.health.status import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.health.status import HealthRun, HealthVerdict

    Undo = Callable[[], None]
    Change = tuple[str, HealthVerdict, HealthVerdict]

#: Notices that wait while a callback takes its time; the oldest go first.
LONGEST_QUEUE = 10_000


class Listeners:
    """Callbacks of one kind; adding and removing needs no lock, since the tuple is replaced.

    Args:
        what: Names them when one raises.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._callbacks: tuple[Callable[..., Any], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, callback: Callable[..., Any]) -> Undo:
        """Call it from now on; returns what removes it, harmless when called twice."""
        addition = functools.partial(callback)  # the same callback may be there twice
        self._callbacks = (*self._callbacks, addition)

        def remove() -> None:
            self._callbacks = tuple(each for each in self._callbacks if each is not addition)

        return remove

    def call(self, *arguments: Any) -> list[Any]:
        """Call all; what one raises is reported once and keeps none of the others from it."""
        answers = []
        for callback in self._callbacks:
            with guarded(self._what):
                answers.append(callback(*arguments))
        return answers


class Notices:
    """The listeners of one checker, and what they have not been told yet."""

    def __init__(self) -> None:
        self.transitions = Listeners("health subscriber")
        self.runs = Listeners("observer of health runs")
        self.stalls = Listeners("observer of stalls")
        self.drains = Listeners("observer of drain()")
        self.tracers = Listeners("tracer of health runs")
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a forked child: the lock may have been held."""
        self._queue: deque[Callable[[], object]] = deque(maxlen=LONGEST_QUEUE)
        self._turn = threading.Lock()

    def ran(self, run: HealthRun, error_type: str | None, changes: Sequence[Change]) -> None:
        """A run came to its end, and what that changed."""
        if not (self.runs or self.tracers or (changes and self.transitions)):
            return

        def tell() -> None:
            self.runs.call(run.name, run.duration, run.result, error_type)
            context = None
            if changes or run.result in (FAIL, TIMEOUT):
                answers = self.tracers.call(run, bool(changes))
                context = next((each for each in answers if each is not None), None)
            for name, before, after in changes:
                self.transitions.call(Transition(name, before, after, context, run))

        self._queue.append(tell)

    def changed(self, changes: Sequence[Change]) -> None:
        """Verdicts changed without a run."""
        if changes and self.transitions:
            self._queue.append(
                lambda: [self.transitions.call(Transition(*change)) for change in changes]
            )

    def stalled(self, kind: str, seconds: float) -> None:
        """Something of ours stood still: the process or the event loop."""
        if self.stalls:
            self._queue.append(lambda: self.stalls.call(kind, seconds))

    @property
    def waiting(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._queue)

    def deliver(self) -> None:
        """Tell all that waits, unless another thread does so already."""
        while self._queue and self._turn.acquire(blocking=False):
            try:
                while self._queue:
                    self._queue.popleft()()
            finally:
                self._turn.release()
